"""check_grads and tapeless.testing: what is right passes, a wrong thousandth fails, and the report says where."""

import re
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

from tapeless import check_grads, grad, stop_gradient
from tapeless.testing import assert_grads, grad_cases

R = np.random.default_rng(3)
X, W, M = R.normal(size=3), R.normal(size=(4, 3)), np.array([True, False, True])
Z = R.normal(size=3) + 1j * R.normal(size=3)
MODES = ("fwd", "rev")
Pair = namedtuple("Pair", "a b")


@dataclass
class Model:
    w: np.ndarray
    bias: float
    steps: int


def dense(w, x):
    return np.tanh(x @ w) ** 2


def many_results(p, n):
    return {"y": p["w"] ** n, "z": (np.sum(p["w"]) * p["b"], p["b"]), "i": np.argmax(p["w"])}


def of_model(m):
    return np.sum(m.w**m.steps) * m.bias


RIGHT = {
    "arrays": (dense, X, W),
    "number": (lambda x: np.exp(x) * x, 0.3),
    "numpy number": (lambda x: np.exp(x) * x, np.float64(0.3)),
    "complex": (lambda z: z * np.conj(z) * 1j + np.exp(z), Z),
    "complex number": (lambda z: (z**2).real * z.imag, 0.3 + 0.2j),
    "complex to real": (lambda z: np.abs(z) ** 2, Z),
    "real to complex": (lambda x: np.exp(1j * x), X),
    "structure": (many_results, {"w": X, "b": 0.7, "n": 3, "s": "text", "none": None}, 3),
    "pair": (lambda p: p.a * p.b, Pair(X, 2.0)),
    "dataclass": (of_model, Model(X, 0.5, 2)),
    "constants": (lambda w, m, s, n, i, none: np.where(m, w, 2 * w) ** n * i, X, M, "abc", 3, np.arange(3), None),
    "integers inside": (lambda p: p["w"] ** p["n"] * p["k"], {"w": X, "n": np.int64(2), "k": np.arange(3)}),
    "starred": (lambda *xs: np.sum(xs[0] * xs[1]) * xs[2], X, X, 2),
    "keyword-less default": (lambda x, n=3: np.sum(x**n), X),
    "empty": (lambda x: np.sum(x**2), np.zeros((0, 2))),
    "0-d": (lambda x: np.sin(x), np.array(0.4)),
    "Fortran order": (lambda x: np.sum(x[0] * x[1]), np.asfortranarray(W)),
    "large": (lambda x: np.sum(x**2) * 1e-9, 1e7 * X),
    "linear": (lambda x: W @ x, X),
    "constant": (lambda x: np.floor(x), X),
    "float32": (lambda x: np.sum(x**2), X.astype(np.float32)),
    "a gradient": (lambda x: grad(lambda y: np.sum(y**4))(x), X),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("case", RIGHT.values(), ids=RIGHT)
def test_what_is_right_passes(case, order, mode):
    f, *args = case
    check_grads(f, args, order=order, modes=(mode,))


@pytest.mark.parametrize("f", [dense, lambda w, x: np.sum(w**2), lambda w, x: x @ w])
def test_the_third_order(f):
    check_grads(f, (X, W), order=3)


def off(f, by):
    """f, whose derivatives are wrong by a factor of 1 + by."""
    return lambda *xs: f(*xs) * (1 + by) - by * f(*map(stop_gradient, xs))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("by", [1e-3, -1e-3, 1.0, np.nan])
@pytest.mark.parametrize(
    ("f", "args"),
    [(dense, (X, W)), (lambda x: np.exp(x), (0.3,)), (lambda z: np.exp(z), (Z,)), (lambda p: p["a"] ** 2, ({"a": X},))],
    ids=["dense", "number", "complex", "structure"],
)
def test_a_thousandth_is_found(f, args, by, order, mode):
    if isinstance(args[0], dict):
        wrong = off(lambda x: f({"a": x}), by)
        args = (args[0]["a"],)
    else:
        wrong = off(f, by)
    with pytest.raises(AssertionError, match="is wrong"):
        check_grads(wrong, args, order=order, modes=(mode,))


@pytest.mark.parametrize("order", [2, 3])
def test_an_error_of_a_higher_order_alone(order):
    """Wrong by a thousandth in the derivative of that order, and right below it."""

    def f(x):
        return np.sum(x ** (order + 1))

    def wrong(x):
        low = stop_gradient(x)
        return f(x) + 1e-3 * np.sum((x - low) ** order * low)

    check_grads(wrong, (X,), order=order - 1)
    with pytest.raises(AssertionError, match=f"the gradient of order {order} is wrong"):
        check_grads(wrong, (X,), order=order)


def report(f, *args, **kwargs):
    with pytest.raises(AssertionError) as caught:
        check_grads(f, args, **kwargs)
    return str(caught.value)


def one_wrong(params, x, power):
    h = np.tanh(x @ params["w"]) ** power
    b = params["b"]
    return np.sum(h * b[0]) + np.sum(b[1:] ** 2 * np.array([1.0, stop_gradient(b[2])]))


def test_the_report():
    b = np.array([0.3, 0.4, 0.5])
    said = report(one_wrong, {"w": X, "b": b}, W, 2, modes=("rev",)).splitlines()
    assert said[0] == "the gradient is wrong: one_wrong, reverse mode"
    assert said[1] == "  argument: params, float64[3]"
    assert said[2] == "  worst element: args[0]['b'][2]"
    analytic, numeric = (float(line.split()[-1]) for line in said[3:5])
    assert said[5] == f"  relative error: {abs(analytic - numeric) / abs(numeric):.3g}" == "  relative error: 0.333"
    assert said[6].startswith("  along a random direction: analytic ")
    assert said[7].startswith("  generated line ")
    assert ": db" in said[7]
    assert said[8].startswith("  which answers line ")
    assert len(said) == 9


def test_the_report_of_an_imaginary_part_and_of_a_second_order():
    said = report(lambda z: np.sum(z.real**2 + z.imag * stop_gradient(z.imag)), Z, modes=("rev",))
    assert "(imaginary part)\n" in said
    assert "complex128[3]" in said
    said = report(lambda x: np.sum(x**2 * stop_gradient(x) ** 0 + (x - stop_gradient(x)) ** 2), X, order=2, modes="rev")
    assert said.startswith("the gradient of order 2 is wrong: <lambda>, reverse mode of reverse\n")


def test_the_line_of_the_constants_around():
    said = report(lambda x, n: np.sum(x * stop_gradient(x) * n), X, np.arange(3), modes=("rev",))
    assert "which answers line " in said
    assert "worst element: args[0][" in said


def test_tolerances_and_step():
    wrong = off(dense, 1e-3)
    check_grads(wrong, (X, W), rtol=2e-3)
    check_grads(wrong, (X, W), atol=1e-2)
    with pytest.raises(AssertionError):
        check_grads(dense, (X, W), eps=0.5)


def test_what_is_refused():
    with pytest.raises(ValueError, match="knows the modes 'fwd' and 'rev', not 'sideways'"):
        check_grads(dense, (X, W), modes=("sideways",))
    with pytest.raises(ValueError, match="order"):
        check_grads(dense, (X, W), order=0)
    with pytest.raises(TypeError, match=r"check_grads\(f, \(x,\)\)"):
        check_grads(np.sum, X)
    with pytest.raises(TypeError, match="nothing to differentiate"):
        check_grads(lambda n: n * 2.0, (3,))


# ------------------------------------------------------------------------------------------------------------- testing


def test_assert_grads():
    assert_grads(dense, X, W)
    assert_grads(dense, X, W, order=1, modes=("rev",), atol=1e-5, rtol=1e-5, eps=1e-4)
    with pytest.raises(AssertionError, match="of order 2"):
        assert_grads(lambda x: np.sum(x**2 + (x - stop_gradient(x)) ** 2), X)


CASES = grad_cases((dense, X, W), (dense, 2 * X, W), at_zero=(np.sin, np.zeros(3)))


@pytest.mark.parametrize(**CASES)
def test_cases_are_what_parametrize_takes(f, args):
    assert_grads(f, *args)


def test_cases_have_names_and_begin_with_a_function():
    assert CASES["ids"] == ["dense", "dense-2", "at_zero"]
    for wrong in ((X, dense), (), dense):
        with pytest.raises(TypeError, match="a case is a tuple"):
            grad_cases(wrong)


FAILING = """
import numpy as np
from tapeless import check_grads, stop_gradient
from tapeless.testing import assert_grads

def energy(x):
    return np.sum(x * stop_gradient(x))

def test_one():
    assert_grads(energy, np.ones(3))

def test_two():
    check_grads(energy, (np.ones(3),))
"""


def test_pytest_shows_the_report_without_the_frames_of_tapeless(tmp_path):
    (tmp_path / "test_energy.py").write_text(FAILING)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_energy.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 failed" in done.stdout
    assert "E       AssertionError: the gradient is wrong: energy, " in done.stdout
    assert re.search(r"^E +generated line \d+: dx = ", done.stdout, re.M)
    for ours in ("checking.py", "gradients.py", "def assert_grads", "def check_grads", "__tracebackhide__"):
        assert ours not in done.stdout


def test_it_works_without_pytest():
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "import numpy as np\n"
        "from tapeless.testing import assert_grads, grad_cases\n"
        "for f, args in grad_cases((np.sin, np.ones(2)))['argvalues']:\n"
        "    assert_grads(f, *args)\n"
        "assert sys.modules['pytest'] is None and '_pytest' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    program = "import sys, tapeless; assert 'tapeless.testing' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
