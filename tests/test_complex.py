"""Complex numbers: gradients of real losses against differences in both directions, for complex and mixed operands.

The gradient of a real L with respect to z = a + 1j b is dL/da - 1j dL/db, as in autograd and JAX.
"""

import copy
import warnings

import numpy as np
import pytest

from tapeless import deriv, elementwise_grad, grad, value_and_grad, vjp
from tapeless.tracer.errors import GradientError

R = np.random.default_rng(1)


def real(*shape):
    return R.standard_normal(shape)


def cplx(*shape):
    return real(*shape) + 1j * real(*shape)


Z, W, X, Y = cplx(3), cplx(3), real(3), real(3)
Z23, X23, W23 = cplx(2, 3), real(2, 3), cplx(2, 3)
Z33, X33, W33 = cplx(3, 3), real(3, 3), cplx(3, 3)


def loss(y):
    """Of both parts of all results, mixed, with other weights everywhere."""
    if isinstance(y, tuple | list):
        return sum(map(loss, y))
    weights = np.cos(np.arange(1, y.size + 1)).reshape(y.shape)
    if y.dtype.kind != "c":
        return np.sum(weights * y**2 + y)
    return np.sum(weights * y.real**2) + np.sum(np.sin(weights) * y.imag) + np.sum(y.real * y.imag * weights)


def differences(f, args, k, eps=1e-6):
    x = np.asarray(args[k])
    found = np.zeros(x.shape, x.dtype)
    for place in np.ndindex(x.shape):
        for step in (1, 1j) if x.dtype.kind == "c" else (1,):
            sides = []
            for e in (eps, -eps):
                moved = [copy.deepcopy(a) for a in args]
                changed = x.copy()
                changed[place] += e * step
                moved[k] = changed if isinstance(args[k], np.ndarray) else type(args[k])(changed[()])
                sides.append(float(f(*moved)))
            found[place] += (sides[0] - sides[1]) / (2 * eps) * (1 if step == 1 else -1j)
    return found


def check(function, *args):
    def f(*args):
        return loss(function(*args))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        plain = f(*copy.deepcopy(args))
        for k in range(len(args)):
            value, d = value_and_grad(f, k)(*args)
            np.testing.assert_allclose(value, plain, rtol=1e-13)
            assert np.asarray(d).dtype == np.asarray(args[k]).dtype
            np.testing.assert_allclose(d, differences(f, args, k), rtol=1e-4, atol=1e-5)


UNARY = [
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "square", "reciprocal"),
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh"),
    *("arccosh", "arctanh", "absolute", "conjugate", "sign", "negative", "positive", "angle", "real", "imag"),
    *("sum", "mean", "prod", "cumsum", "var", "std", "max", "min", "ptp", "sort"),
]


@pytest.mark.parametrize("name", UNARY)
def test_of_one_array(name):
    check(getattr(np, name), Z)
    check(getattr(np, name), 2 * Z23)


ONE = ["exp", "log", "sqrt", "absolute", "conjugate", "sign", "angle", "real", "imag", "square"]


@pytest.mark.parametrize("name", ONE)
def test_of_one_number(name):
    check(getattr(np, name), Z[0])
    check(lambda z: getattr(np, name)(z) * np.ones(2), 0.4 - 0.7j)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "cumsum", "var", "std"])
def test_along_an_axis(name):
    check(lambda z: getattr(np, name)(z, axis=0), Z23)


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.divide, np.power])
def test_mixed_operands(ufunc):
    check(ufunc, Z, W)
    check(ufunc, Z, X)
    check(ufunc, X, Z)
    check(ufunc, Z23, X)
    check(ufunc, Z23[:, :1], X)
    for number in (2.5, -1.5, 1.5 - 0.5j):
        check(lambda a, c=number: ufunc(c, a), Z)
        check(lambda a, c=number: ufunc(a, c), Z)
    check(lambda a: ufunc(a, 1.5 - 0.5j), X)


PRODUCTS = [np.matmul, np.dot, np.inner, np.outer, np.vdot, lambda a, b: np.tensordot(a, b, axes=1), np.kron]


@pytest.mark.parametrize("product", PRODUCTS)
def test_products(product):
    for a, b in ((Z, W), (Z, X), (X, Z), (Z33, W33), (Z33, X33), (X33, Z33)):
        check(product, a, b)
    if product is not np.vdot:
        check(product, X23, Z) if product not in (np.outer, np.kron) else check(product, X23, Z23)


def writes(a, b):
    y = np.zeros(3, complex)
    y[0] = b[0]
    y[1:] = a[1:]
    y += b
    y *= a
    y[2] /= b[2]
    return y


def writes_of_numbers(a):
    y = a.copy()
    y[1] = 3.0
    y[0] *= 1j
    return y


def both_parts(x):
    y = np.empty(3, complex)
    y.real = x
    y.imag = x**2
    return y


def parts_in_place(a, x):
    y = a.copy()
    y.real *= x
    y.imag += x
    y.imag = 0.5 * y.imag
    return y * a


def part_of_a_part(a, x):
    y = a.copy()
    y.real[1:] = x[1:]
    y[1:].imag = x[1:] ** 2
    return y * a


def parts_seen_through_views(a, x):
    y = a.copy()
    seen, imaginary = y.real, y.imag[::-1]
    y *= 1j
    seen[0] = x[0]
    return [y, seen * imaginary, y.T.real]


def rows_of_the_real_part(a, x):
    y = a.copy()
    flat = y.real.ravel()
    again = y.real.reshape(-1)
    y.real[0] = x
    return [y, flat * again]


def real_buffer(a):
    y = np.zeros(3)
    y[:] = a.real
    y[0] += abs(a[1])
    return y


def complex_into_a_real_buffer(a):
    y = np.zeros(3)
    y[:] = a
    return y


PROGRAMS = [
    (writes, Z, X),
    (writes_of_numbers, Z),
    (both_parts, X),
    (parts_in_place, Z, X),
    (part_of_a_part, Z, X),
    (parts_seen_through_views, Z, X),
    (rows_of_the_real_part, Z23, X),
    (real_buffer, Z),
    (complex_into_a_real_buffer, Z),
    (lambda a: a.astype(float), Z),
    (lambda a: a.astype(complex) * 1j, X),
    (lambda a, b: np.where([True, False, True], a, b), Z, X),
    (lambda a: np.where(a.real > 0, a, a.conj()), Z),
    (lambda a: np.where(a > 0, a, 1j * a), X),
    (lambda a: a[[0, 2, 0]] * a[::-1], Z),
    (lambda a: a[a.real > 0], Z),
    (lambda a, b: np.stack([a, b]), Z, X),
    (lambda a, b: np.concatenate([a, b]), Z, X),
    (lambda a, b: np.array([a[0], b[1], 1j]), Z, X),
    (lambda a, b: a + 1j * b, X, Y),
    (lambda r, t: r * np.exp(1j * t), X, Y),
    (lambda a: (a * a.conj()).real, Z),
    (lambda a: np.abs(a) ** 2, Z),
    (lambda a: np.square(np.abs(a)) * np.abs(a), Z),
    (lambda a: a / np.abs(a), Z),
    (lambda a: a / np.linalg.norm(a), Z),
    (lambda a: a / np.sqrt(np.sum(np.abs(a) ** 2)), Z),
    (lambda a: np.linalg.norm(a, axis=1), Z23),
    (lambda a: np.exp(a) / np.sum(np.exp(a)), Z),
    (lambda a: a - np.log(np.sum(np.exp(a))), Z),
    (lambda a: 1 / (1 + np.exp(-a)), Z),
    (lambda a: np.sqrt(np.sum(a * a)), Z),
    (lambda a: np.mean((a - a.mean()) ** 2), Z),
    (lambda a, b: np.einsum("ij,j->i", a, b), Z23, X),
    (lambda a: np.einsum("ii->", a), Z33),
    (lambda a: a.conj().T @ a, Z23),
    (np.maximum, Z, W),
    (np.maximum, Z, X),
    (np.convolve, Z, X),
    (np.correlate, Z, W),
    (lambda a, b: np.correlate(a, b, "full"), X, Z),
    (lambda x: x ** (1 + 2j), -np.abs(X)),
    (lambda x, z: x**z, -np.abs(X), Z),
    (lambda a: a**2 + a**-1 + a**0.5, Z),
    (lambda a: a ** np.array([0, 1, 2]), Z),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: getattr(p[0], "__name__", "lambda"))
def test_program(program):
    check(*program)


def test_second_order():
    def slope(z):
        return loss(grad(lambda z: loss(np.exp(z) * np.abs(z) ** 2 / np.sum(z)))(z))

    np.testing.assert_allclose(grad(slope)(Z), differences(slope, [Z], 0), rtol=1e-4, atol=1e-4)


def test_single_precision_stays():
    z = Z.astype(np.complex64)
    d = grad(lambda z, x: loss(np.exp(1j * z) * x), (0, 1))(z, X.astype(np.float32))
    assert [a.dtype for a in d] == [np.complex64, np.float32]


def test_a_pullback_is_not_conjugated():
    _, pullback = vjp(lambda z: z**2 * (1 + 2j), Z)
    g = W
    np.testing.assert_allclose(pullback(g)[0], g * 2 * Z * (1 + 2j))
    _, pullback = vjp(lambda z: np.conj(z), Z)
    np.testing.assert_allclose(pullback(g)[0], g.conj())


def test_a_step_against_the_conjugate_goes_down():
    def distance(z):
        return np.sum(np.abs(z - W) ** 2)

    d = grad(distance)(Z)
    np.testing.assert_allclose(Z - 0.5 * d.conj(), W)


def test_zeros_of_moduli_have_the_gradient_zero():
    z = np.array([0j, 3 + 4j])
    np.testing.assert_allclose(grad(lambda z: np.sum(np.abs(z)))(z), [0, 0.6 - 0.8j])
    for f in (np.linalg.norm, lambda z: np.sqrt(np.sum(np.abs(z) ** 2)), lambda z: np.sum(np.sign(z)).real):
        np.testing.assert_array_equal(grad(f)(np.zeros(2, complex)), 0)


def test_a_complex_loss_is_refused_with_the_fix():
    with pytest.raises(TypeError, match=r"(?s)complex number.*out\.real"):
        grad(lambda z: np.sum(z))(Z)
    with pytest.raises(GradientError):
        grad(lambda x: np.sum(x * 1j))(X)


def test_the_source_reads_as_a_person_would_write_it():
    g = grad(lambda z: np.sum(np.abs(z) ** 2))
    g(Z)
    assert "dz = 2 * np.conjugate(z)" in g.source
    g = grad(lambda z: np.sum(z.real**3 - 2 * z.imag**3))
    g(Z)
    assert "astype" not in g.source


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_autograd(seed):
    """The convention is that of autograd, on a function with every kind of step."""
    autograd = pytest.importorskip("autograd")
    anp = pytest.importorskip("autograd.numpy")

    def f(z, x, np):
        y = np.exp(1j * x) * z + np.conj(z) ** 2
        return np.sum(np.abs(y) ** 2 * x) + np.sum(np.real(y * z)) + np.sum(np.imag(np.sqrt(y)))

    rng = np.random.default_rng(seed)
    z, x = rng.standard_normal(4) + 1j * rng.standard_normal(4), rng.standard_normal(4)
    for k in (0, 1):
        expected = autograd.grad(lambda z, x: f(z, x, anp), k)(z, x)
        np.testing.assert_allclose(grad(lambda z, x: f(z, x, np), k)(z, x), expected, rtol=1e-10)


# ----------------------------------------------------------------------------------------------- element by element


@pytest.mark.parametrize(
    "z", [np.array([1 + 2j, 3 - 1j]), np.complex128(1 + 2j), 1 + 2j, np.array([], complex)], ids=repr
)
def test_holomorphic_functions_element_by_element(z):
    np.testing.assert_allclose(elementwise_grad(lambda z: np.exp(z) * z)(z), np.exp(z) * (z + 1), rtol=1e-14)
    second = elementwise_grad(elementwise_grad(lambda z: np.conj(np.conj(z) ** 3)))
    np.testing.assert_allclose(second(z), 6 * np.asarray(z), rtol=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.conj(z) * z,
        lambda z: z * np.abs(z),
        lambda z: z.real + 0j,
        lambda z: (z, np.conj(z)),
        lambda z: {"real": np.abs(z), "mixed": np.exp(z) + np.conj(z)},
    ],
)
@pytest.mark.parametrize("z", [np.array([1 + 2j, 3 - 1j]), 1 + 2j], ids=repr)
def test_others_have_no_derivative_element_by_element(f, z):
    with pytest.raises(GradientError, match="not holomorphic"):
        elementwise_grad(f)(z)


def test_complex_results_of_real_elements():
    x = np.array([0.3, 0.5])
    with pytest.raises(GradientError, match=r"lose half of it[\s\S]*deriv"):
        elementwise_grad(lambda x: np.exp(1j * x))(x)
    np.testing.assert_allclose(deriv(lambda x: np.exp(1j * x))(x), 1j * np.exp(1j * x))
    np.testing.assert_allclose(elementwise_grad(lambda x: (np.exp(1j * x) * np.exp(-1j * x)).real * x)(x), np.ones(2))
