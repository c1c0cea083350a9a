"""Functions of scipy.special, judged by SciPy's values and by central differences."""

import subprocess
import sys

import numpy as np
import pytest
from slopes import check

from tapeless import grad, value_and_grad
from tapeless.tracer.errors import TapelessError

special = pytest.importorskip("scipy.special")

X = np.array([0.3, 0.9, 1.7])
UNIT = np.array([0.2, 0.5, 0.7])
COLUMN = np.array([[0.6], [1.4]])
ONE = [
    "erf",
    "erfc",
    "expit",
    "log_expit",
    "gamma",
    "gammaln",
    "psi",
    "ndtr",
    "log_ndtr",
    "exprel",
    "entr",
    "j0",
    "j1",
    "y0",
    "i0e",
    "k1",
    "cosm1",
    "softplus",
]
TWO = [
    "xlogy",
    "rel_entr",
    "kl_div",
    "pseudo_huber",
    "boxcox",
    "beta",
    "betaln",
    "gammainc",
    "gammaincc",
    "chdtr",
    "stdtr",
    "owens_t",
    "poch",
]
ALONG = ("logsumexp", "softmax", "log_softmax")


@pytest.mark.parametrize("name", ONE)
def test_one_operand(name):
    f = getattr(special, name)
    check(lambda x: (f(x),), X)
    low = X.astype(np.float32)
    value, d = value_and_grad(lambda x: f(x).sum())(low)
    assert (np.asarray(value).dtype, d.dtype) == (f(low).dtype, np.float32)


@pytest.mark.parametrize("name", TWO)
def test_two_operands(name):
    f = getattr(special, name)
    check(lambda a, x: (f(a, x),), COLUMN, X)


def test_parameters_of_incomplete_beta():
    check(lambda a, b, x: (special.betainc(a, b, x),), COLUMN, X, UNIT)
    check(lambda a, b, x: (special.fdtr(a, b, x),), COLUMN, X, UNIT)


@pytest.mark.parametrize("name", ALONG)
def test_along_an_axis(name):
    f = getattr(special, name)
    plane = np.array([[0.1, -0.4, 1.2], [0.9, 0.3, -2.0]])
    for axis in (None, 0, -1, (0, 1)):
        check(lambda x, axis=axis: (f(x, axis=axis),), plane)
    if name == "logsumexp":
        check(lambda x, b: (f(x, 1, b, True),), plane, X)
        check(lambda x, b: f(x, axis=1, b=b, return_sign=True)[0], plane, np.array([-1.3, 2.0, 0.4]))


def test_several_results():
    check(lambda x: special.airy(x), X)
    check(lambda u, m: special.ellipj(u, m), COLUMN, UNIT)


@pytest.mark.parametrize("size", [1e3, np.inf])
def test_large_arguments(size):
    x = np.array([-size, size])
    np.testing.assert_array_equal(grad(lambda x: special.expit(x).sum())(x), [0, 0])
    np.testing.assert_array_equal(grad(lambda x: special.log_expit(x).sum())(x), [1, 0])
    low = np.array([-size, 0.0])
    np.testing.assert_array_equal(grad(lambda x: special.logsumexp(x))(low), [0, 1])
    np.testing.assert_array_equal(grad(lambda x: special.softmax(x)[1])(low), [0, 0])
    np.testing.assert_array_equal(grad(lambda x: special.log_softmax(x)[1])(low), [0, 0])


def test_exprel_far_from_zero():
    with np.errstate(all="ignore"):
        d = grad(lambda x: special.exprel(x).sum())(np.array([-np.inf, -1e3, 1e-9, 1e3, np.inf]))
    np.testing.assert_allclose(d, [0, 1e-6, 0.5, np.inf, np.inf], rtol=1e-8)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: special.jv(x, 1.0), "Bessel function in its order"),
        (lambda x: special.hyp1f1(x, 2, 1.0), "slope in this parameter"),
        (lambda x: special.mathieu_a(1, x), "mathieu_a is not supported"),
        (lambda x: special.zeta(x), "zeta is not supported"),
        (lambda x: special.legendre_p(2, x), "legendre_p is not supported"),
        (lambda x: special.comb(x, 2, exact=True), "keyword 'exact'"),
    ],
)
def test_refused_by_name(f, message):
    with pytest.raises(TapelessError, match=message):
        grad(f)(0.7)


def test_a_module_imports_scipy_where_it_is_used():
    assert "import scipy.special\n" in value_and_grad(lambda x: special.erf(x).sum()).module(X)


def test_scipy_is_not_imported_by_itself():
    code = "import sys, numpy as np, tapeless as t; t.grad(np.sum)(np.ones(3)); print('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
