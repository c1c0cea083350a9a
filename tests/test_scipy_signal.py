"""scipy.signal: convolutions in every mode and boundary, and filters, against SciPy and differences."""

import numpy as np
import pytest
from oracle import central

from tapeless import grad, value_and_grad
from tapeless.tracer.errors import TapelessError

pytest.importorskip("scipy")
signal = pytest.importorskip("scipy.signal")

R = np.random.default_rng(0)
LINE, ODD, EVEN, LONG = R.standard_normal(6), R.standard_normal(3), R.standard_normal(4), R.standard_normal(9)
PLANE = R.standard_normal((5, 4))
KERNELS = {shape: R.standard_normal(shape) for shape in ((2, 3), (3, 3), (6, 6), (1, 2))}
MODES = ("full", "same", "valid")


def loss(results):
    total = 0.0
    for y in results if isinstance(results, tuple) else (results,):
        weights = np.cos(1 + np.arange(y.size)).reshape(y.shape)
        total = total + np.sum(weights * np.abs(y) ** 2 + np.sin(weights) * np.real(y))
    return total


def check(function, x):
    seen = []

    def f(x):
        results = function(x)
        seen.append([(y.shape, y.dtype) for y in (results if isinstance(results, tuple) else (results,))])
        return loss(results)

    plain = f(x)
    value, dx = value_and_grad(f)(x)
    assert seen[1] == seen[0]
    np.testing.assert_allclose(value, plain, rtol=1e-12, atol=1e-12)
    assert dx.dtype == x.dtype
    if x.dtype == float:
        np.testing.assert_allclose(dx, central(f, [x]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("other", [ODD, EVEN, LONG, ODD + 1j * EVEN[:3]], ids=["odd", "even", "long", "complex"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve", "oaconvolve"])
def test_lines(name, mode, other):
    function = getattr(signal, name)
    check(lambda x: function(x, other, mode=mode), LINE)
    check(lambda x: function(other, x, mode), LINE)


@pytest.mark.parametrize("shape", list(KERNELS), ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate", "convolve2d", "correlate2d", "fftconvolve"])
def test_planes(name, mode, shape):
    function = getattr(signal, name)
    check(lambda x: function(x, KERNELS[shape], mode=mode), PLANE)
    check(lambda x: function(KERNELS[shape], x, mode=mode), PLANE)


@pytest.mark.parametrize("keywords", [{"boundary": "wrap"}, {"boundary": "symm"}, {"fillvalue": 2.5}], ids=str)
@pytest.mark.parametrize("shape", list(KERNELS), ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_boundaries(name, mode, shape, keywords):
    function = getattr(signal, name)
    check(lambda x: function(x, KERNELS[shape], mode, **keywords), PLANE)
    check(lambda x: function(KERNELS[shape], x, mode, **keywords), PLANE)


ONE = [
    lambda x: signal.convolve(x, ODD, method="fft"),
    lambda x: signal.correlate(x, x, "same", "direct"),
    lambda x: signal.convolve(x, np.array([1, 2, 3])),
    lambda x: signal.lfilter(ODD, [1.0, 0.5, 0.2], x),
    lambda x: signal.lfilter(x[:3], [2.0, 0.5], LINE),
    lambda x: signal.lfilter(ODD, np.stack([2 + x[0], 0.1 * x[1]]), LINE),
    lambda x: signal.lfilter(ODD, 2.0, x),
    lambda x: signal.lfilter(x, [2.0, 0.1], ODD),
    lambda x: signal.lfilter(ODD, [2.0, 0.1], x, zi=[0.3, 0.4]),
    lambda x: signal.lfilter([1.0, 0.2], [2.0, 0.1, 0.3], LINE, zi=x[:2]),
    lambda x: signal.filtfilt([0.1, 0.2], [1.0, -0.5], x, padlen=3),
    lambda x: signal.filtfilt([0.1, 0.2], [1.0, -0.5], x, padlen=3, padtype="even"),
    lambda x: signal.filtfilt([0.1, 0.2, 0.1], [1.0, -0.5], x, padlen=2, padtype="constant"),
    lambda x: signal.filtfilt([0.1, 0.2], [1.0, -0.5, 0.1], x, padtype=None),
    lambda x: signal.filtfilt(0.1 * x[:2], [1.0, -0.5], LINE, padlen=3),
    lambda x: signal.sosfilt([[1.0, 0.2, 0.3, 1.0, 0.1, 0.2], [1.0, 0.2, 0.3, 1.0, 0.1, 0.3]], x),
    lambda x: signal.detrend(x),
    lambda x: signal.detrend(x, type="constant"),
    lambda x: signal.detrend(x, bp=[3, 5]),
    lambda x: x * signal.get_window("hann", 6) + signal.firwin(6, 0.3),
]
TWO = [
    lambda x: signal.lfilter(ODD, [1.0, 0.5, 0.2], x, axis=0),
    lambda x: signal.lfilter(x[0], [1.0, 0.5], PLANE),
    lambda x: signal.lfilter(ODD, [1.0, 0.5, 0.2], x, axis=0, zi=np.ones((2, 4))),
    lambda x: signal.filtfilt([0.1, 0.2], [1.0, -0.5], x, axis=0, padlen=2),
    lambda x: signal.detrend(x, axis=0),
    lambda x: signal.detrend(x, bp=2),
    lambda x: signal.fftconvolve(x, EVEN[None, :], axes=1),
    lambda x: signal.fftconvolve(PLANE, x[:1], mode="same", axes=-1),
    lambda x: signal.oaconvolve(PLANE, x[:, :1], mode="valid", axes=[0]),
]


@pytest.mark.parametrize("function", ONE)
def test_of_a_line(function):
    check(function, LINE)


@pytest.mark.parametrize("function", TWO)
def test_of_a_plane(function):
    check(function, PLANE)


@pytest.mark.parametrize("name", ["convolve", "fftconvolve", "lfilter", "detrend"])
def test_single_precision(name):
    arguments = {"lfilter": lambda x: (x[:2], np.float32([1, 0.5]), x), "detrend": lambda x: (x,)}
    of = arguments.get(name, lambda x: (x, x[:3]))
    seen = []

    def f(x):
        y = getattr(signal, name)(*of(x))
        seen.append(y.dtype)
        return np.sum(y**2)

    f(LINE.astype(np.float32))
    assert grad(f)(LINE.astype(np.float32)).dtype == np.float32
    assert seen[0] == seen[1] == np.float32


def test_the_source_is_what_a_person_writes():
    g = grad(lambda x, w: np.sum(signal.convolve(x, w, mode="same") ** 2), (0, 1))
    g(LINE, ODD)
    assert "scipy.signal.correlate(" in g.source
    g = grad(lambda x: np.sum(signal.lfilter(ODD, [1.0, 0.5], x) ** 2))
    g(LINE)
    assert g.source.count("scipy.signal.lfilter(") == 2


REFUSED = {
    "hilbert": lambda x: signal.hilbert(x),
    "savgol_filter": lambda x: signal.savgol_filter(x, 3, 1),
    "medfilt": lambda x: signal.medfilt(x),
    "resample": lambda x: signal.resample(x, 3),
    "upfirdn": lambda x: signal.upfirdn(ODD, x),
    "sosfiltfilt": lambda x: signal.sosfiltfilt([[1.0, 0.2, 0.3, 1.0, 0.1, 0.2]], x, padlen=1),
    "method": lambda x: signal.filtfilt([1.0], [1.0, 0.2], x, method="gust"),
    "zi": lambda x: signal.sosfilt([[1.0, 0.2, 0.3, 1.0, 0.1, 0.2]], x, zi=np.zeros((1, 2)))[0],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named(name):
    with pytest.raises(TapelessError, match=name):
        grad(lambda x: np.sum(REFUSED[name](x)))(LINE)
