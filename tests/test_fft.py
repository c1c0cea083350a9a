"""Fourier, cosine and sine transforms: values to the bit, dtypes, gradients, and how they are reached."""

import subprocess
import sys

import numpy as np
import pytest
from oracle import right

from tapeless import grad, value_and_grad
from tapeless.tracer.errors import TapelessError

R = np.random.default_rng(0)
LINE, PLANE = R.standard_normal(6), R.standard_normal((3, 4))
WAVES, SHEET = LINE[:4] + 1j * LINE[2:], PLANE + 1j * PLANE[::-1]


def differences(f, x, eps=1e-6):
    """dL/d(Re x) - i dL/d(Im x), by central differences."""
    found = np.zeros(x.shape, x.dtype)
    for place in np.ndindex(x.shape):
        for step in (1, 1j) if x.dtype.kind == "c" else (1,):
            moved = np.zeros_like(x)
            moved[place] = eps * step
            slope = (f(x + moved) - f(x - moved)) / (2 * eps)
            found[place] += slope * (1 if step == 1 else -1j)
    return found


def loss(y):
    """Of both parts, with other weights everywhere."""
    weights = np.cos(np.arange(y.size)).reshape(y.shape)
    return np.sum(weights * np.real(y) ** 2) + np.sum(np.sin(1 + weights) * np.imag(y)) + np.sum(np.abs(y) ** 3)


def check(transform, x):
    seen = []

    def f(x):
        y = transform(x)
        seen.append((y.shape, y.dtype))
        return loss(y)

    value, dx = value_and_grad(f)(x)
    (shape, dtype), plain = seen[0], transform(x)
    assert (shape, dtype) == (plain.shape, plain.dtype)
    assert value == loss(plain)
    assert (dx.shape, dx.dtype) == (x.shape, x.dtype)
    np.testing.assert_allclose(dx, differences(f, x), rtol=1e-5, atol=1e-5)
    single, dx_single = value_and_grad(f)(x.astype(np.complex64 if x.dtype.kind == "c" else np.float32))
    assert dx_single.dtype.itemsize * 2 == dx.dtype.itemsize
    np.testing.assert_allclose(single, value, rtol=1e-4)
    np.testing.assert_allclose(dx_single, dx, rtol=1e-3, atol=1e-2)


COMPLEX = [
    *(lambda x: np.fft.fft(x), lambda x: np.fft.ifft(x), lambda x: np.fft.irfft(x), lambda x: np.fft.hfft(x)),
    *(lambda x: np.fft.fft(x, 3), lambda x: np.fft.ifft(x, 9, norm="ortho"), lambda x: np.fft.fft(x, norm="forward")),
    *(lambda x: np.fft.irfft(x, 5), lambda x: np.fft.irfft(x, 11), lambda x: np.fft.hfft(x, 4, norm="ortho")),
    *(lambda x: np.fft.irfft(x, 1), lambda x: np.fft.irfft(x, 2, norm="forward"), lambda x: np.fft.hfft(x, 7)),
    *(lambda x: np.fft.fftshift(x), lambda x: np.fft.ifftshift(x, axes=-1), lambda x: np.fft.fftshift(np.fft.fft(x))),
    *(lambda x: np.fft.fftn(x), lambda x: np.fft.ifftn(x, axes=[0]), lambda x: np.fft.irfftn(x, norm="ortho")),
]
PLANES = [
    *(lambda x: np.fft.fft(x, axis=0), lambda x: np.fft.irfft(x, 7, axis=-2), lambda x: np.fft.fft2(x)),
    *(lambda x: np.fft.ifft2(x, s=(2, 5)), lambda x: np.fft.ifft2(x, axes=(1, 0), norm="ortho")),
    *(lambda x: np.fft.fftn(x, s=(4, -1), axes=(0, 1)), lambda x: np.fft.ifftn(x), lambda x: np.fft.irfft2(x)),
    *(lambda x: np.fft.irfft2(x, s=(3, 5)), lambda x: np.fft.irfftn(x, axes=(1, 0)), lambda x: np.fft.fftshift(x)),
    *(lambda x: np.fft.irfftn(x, s=[4], axes=[0]), lambda x: np.fft.ifftshift(x, axes=(0,))),
]
REAL = [
    *(lambda x: np.fft.rfft(x), lambda x: np.fft.ihfft(x), lambda x: np.fft.rfft(x, 3), lambda x: np.fft.rfft(x, 9)),
    *(lambda x: np.fft.ihfft(x, 5, norm="ortho"), lambda x: np.fft.rfft(x, 1), lambda x: np.fft.rfftn(x)),
]
REAL_PLANES = [
    *(lambda x: np.fft.rfft(x, axis=0), lambda x: np.fft.rfft2(x), lambda x: np.fft.rfft2(x, s=(2, 7))),
    *(lambda x: np.fft.rfftn(x, axes=(1, 0), norm="forward"), lambda x: np.fft.rfftn(x, s=[5], axes=[0])),
    lambda x: np.fft.irfft2(np.fft.rfft2(x) * 2, s=x.shape),
]


@pytest.mark.parametrize("transform", COMPLEX)
@pytest.mark.parametrize("x", [WAVES, LINE], ids=["complex", "real"])
def test_line(transform, x):
    check(transform, x)


@pytest.mark.parametrize("transform", PLANES)
@pytest.mark.parametrize("x", [SHEET, PLANE, np.asfortranarray(SHEET)], ids=["complex", "real", "fortran"])
def test_plane(transform, x):
    check(transform, x)


@pytest.mark.parametrize("transform", REAL)
@pytest.mark.parametrize("x", [LINE, LINE[:5]], ids=["even", "odd"])
def test_line_of_real_numbers(transform, x):
    check(transform, x)


@pytest.mark.parametrize("transform", REAL_PLANES)
def test_plane_of_real_numbers(transform):
    check(transform, PLANE)


def filtered(x):
    frequencies = np.fft.rfftfreq(len(x), 0.5)
    spectrum = np.fft.rfft(x)
    return np.sum(np.fft.irfft(spectrum * np.exp(-(frequencies**2)), len(x)) ** 2)


def convolved(x):
    n = len(x) + 2
    return np.sum(np.fft.irfft(np.fft.rfft(x, n) * np.fft.rfft(np.array([1.0, -2.0, 0.5]), n), n) ** 3)


def traced_spacing(x):
    return np.sum(np.fft.fftfreq(4, x[0] ** 2) ** 2) * x[1]


def into_a_buffer(x):
    out = np.zeros(x.shape, complex)
    view = out[1:]
    np.fft.fft(x, out=out)
    return np.sum(np.abs(view) ** 2)


def integers_inside(x):
    return np.sum(np.abs(np.fft.fft(np.arange(6))) * x)


@pytest.mark.parametrize(
    "program", [filtered, convolved, traced_spacing, into_a_buffer, integers_inside], ids=lambda p: p.__name__
)
def test_program(program):
    right(program, LINE)


def test_second_order():
    x, v = LINE[:5], LINE[1:]

    def directional(x):
        return np.sum(grad(lambda x: loss(np.fft.rfft(x, 7)))(x) * v)

    np.testing.assert_allclose(grad(directional)(x), differences(directional, x), rtol=1e-5, atol=1e-5)


def test_the_source_says_what_a_person_would_write():
    g = grad(lambda z: np.sum(np.fft.irfft(z) ** 2))
    g(WAVES)
    assert "np.fft.ihfft(" in g.source
    assert "[1:-1] *= 2" in g.source
    g = grad(filtered)
    g(LINE)
    assert "frequencies = np.fft.rfftfreq(6, 0.5)" in g.source


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: np.fft.fftn(x, axes=(0, 0)), "same axis twice"),
        (lambda x: np.fft.hfft(x, out=x), "'out' of np.fft.hfft"),
        (lambda x: np.fft.fft(x, 0), "Invalid number of FFT data points"),
        (lambda x: np.fft.fft(x, norm="none"), "Invalid norm value"),
        (lambda x: np.fft.fft(x, axis=3), "out of (range|bounds)"),
        (lambda x: np.fft.fftn(x, s=(3, 3), axes=(0,)), "different lengths"),
    ],
)
def test_refused_by_name(call, words):
    with pytest.raises((TapelessError, ValueError, IndexError), match=words):
        grad(lambda x: np.sum(np.abs(call(x))))(LINE)


def test_the_real_transform_of_complex_numbers_does_not_exist():
    with pytest.raises(TypeError, match=r"real numbers|not supported for the input"):
        grad(lambda z: np.sum(np.abs(np.fft.rfft(z))))(WAVES)


# ------------------------------------------------------------------------------------------------------------- scipy


def test_scipy():
    scipy_fft = pytest.importorskip("scipy.fft")
    from scipy.fft import dct, rfft

    line = [scipy_fft.fft, scipy_fft.ifft, scipy_fft.irfft, scipy_fft.hfft, scipy_fft.fftn, scipy_fft.irfftn]
    for name in (f.__name__ for f in line):
        for keywords in ({}, {"norm": "ortho"}):
            check(lambda x, name=name, keywords=keywords: getattr(scipy_fft, name)(x, **keywords), WAVES)
    plane = ("fft2", "ifft2", "rfft2", "rfftn", "ihfftn", "ihfft2", "irfft2", "hfft2", "hfftn")
    for name in plane:
        check(lambda x, name=name: getattr(scipy_fft, name)(x), PLANE)
        check(lambda x, name=name: getattr(scipy_fft, name)(x, (2, 6), norm="forward"), PLANE)
    for name in ("dct", "idct", "dst", "idst"):
        for type_ in (1, 2, 3, 4):
            for rest in ({}, {"norm": "ortho"}, {"norm": "ortho", "orthogonalize": False}, {"n": 4}, {"n": 8}):
                keywords = {"type": type_, **rest}
                check(lambda x, name=name, keywords=keywords: getattr(scipy_fft, name)(x, **keywords), LINE)
        check(lambda x, name=name: getattr(scipy_fft, name)(x, axis=0), PLANE)
        check(lambda x, name=name: getattr(scipy_fft, name)(x, norm="ortho"), WAVES)
        with pytest.raises(TapelessError, match=r"'orthogonalize' of scipy.fft.i?d[cs]t of complex"):
            grad(lambda x, name=name: np.abs(getattr(scipy_fft, name)(x, orthogonalize=True)).sum())(WAVES)
        for keywords in ({}, {"s": (2, 6)}, {"axes": [1], "norm": "ortho"}, {"type": 3}):
            right(lambda x, name=f"{name}n", k=keywords: np.sum(getattr(scipy_fft, name)(x, **k) ** 3), PLANE)
    check(lambda x: rfft(x), LINE)
    check(lambda x: dct(x, 3), LINE)
    assert rfft is scipy_fft.rfft
    with pytest.raises(TapelessError, match=r"'workers' of scipy.fft.fft"):
        grad(lambda x: np.abs(scipy_fft.fft(x, workers=2)).sum())(LINE)


def test_a_module_imports_scipy_where_it_is_used(tmp_path):
    scipy_fft = pytest.importorskip("scipy.fft")

    def f(x):
        return np.sum(scipy_fft.dct(x, norm="ortho") ** 3)

    g = grad(f)
    text = g.module(LINE)
    assert "import numpy as np\nimport scipy.fft\n" in text
    assert "needs only numpy and scipy" in text
    space = {}
    exec(text, space)
    np.testing.assert_array_equal(space["f_grad"](LINE), g(LINE))
    assert "scipy" not in grad(filtered).module(LINE)


def test_scipy_is_not_imported_by_itself():
    code = "import sys, numpy as np, tapeless as t; t.grad(np.sum)(np.ones(3)); print('scipy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
