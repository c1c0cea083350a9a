"""np.maximum.at and np.minimum.at at places that an argument decides: the largest of each segment."""

import numpy as np
import pytest

from tapeless import check_grads, grad, value_and_grad, vmap

RANDOM = np.random.default_rng(2)
SEGMENTS = RANDOM.integers(-6, 6, 30)


def largest(x, segments):
    m = np.full((6, *x.shape[1:]), -np.inf)
    np.maximum.at(m, segments, x)
    return np.sum(np.where(np.isfinite(m), m, 0) ** 3)


def smallest_of_all(x, segments):
    m = x[:6] * x[6:12]
    np.minimum.at(m, segments, np.sin(x))
    return np.sum(m**2)


def softmax(x, segments):
    m = np.full((6, *x.shape[1:]), -np.inf)
    np.maximum.at(m, segments, x)
    e = np.exp(x - m[segments])
    z = np.zeros(m.shape)
    np.add.at(z, segments, e)
    return np.sum((e / z[segments]) ** 2 * np.cos(x))


def of_columns(x, segments):
    m = np.zeros((6, 6, *x.shape[1:]))
    np.maximum.at(m, (segments, segments[::-1]), x)
    return np.sum(m**2)


@pytest.mark.parametrize("shape", [(30,), (30, 3)])
@pytest.mark.parametrize("f", [largest, smallest_of_all, softmax, of_columns], ids=lambda f: f.__name__)
def test_value_and_slopes(f, shape):
    x = RANDOM.permutation(np.linspace(-1.2, 1.3, np.prod(shape))).reshape(shape)
    value, dx = value_and_grad(f)(x, SEGMENTS)
    assert value == f(x, SEGMENTS)
    assert dx.shape == shape
    check_grads(lambda x: f(x, SEGMENTS), (x,), order=2)
    known, _ = value_and_grad(lambda x: f(x, SEGMENTS))(x)
    assert known == value


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_dtypes(dtype):
    x = np.linspace(-1, 1, 30).astype(dtype)
    dx = grad(largest)(x, SEGMENTS.astype("int8"))
    assert dx.dtype == dtype
    np.testing.assert_allclose(dx, grad(largest)(x.astype(float), SEGMENTS), rtol=1e-2)


def test_all_that_reach_it_share_equally():
    def f(x, base, places):
        m = base * 1.0
        np.maximum.at(m, places, x)
        return np.sum(m)

    dx, dbase = grad(f, argnums=(0, 1))(np.array([2.0, 2.0, 1.0, 5.0]), np.array([2.0, 7.0]), np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(dx, [1 / 3, 1 / 3, 0, 0])
    np.testing.assert_allclose(dbase, [1 / 3, 1])


@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum])
def test_many_rows(ufunc):
    x, places = RANDOM.normal(size=(900, 5)), RANDOM.integers(-40, 40, 900)

    def f(x):
        m = np.zeros((40, 5))
        ufunc.at(m, places, x)
        return np.sum(m * m)

    g = value_and_grad(f)
    value, dx = g(x)
    assert value == f(x)
    assert f"at_numbers(np.{ufunc.__name__}, m, places, x)" in g.source
    best = np.array([ufunc.reduce(x[places % 40 == k], axis=0) for k in range(40)])[places]
    np.testing.assert_array_equal(dx, np.where(x == best, 2 * best, 0))


def test_batches():
    x, places = RANDOM.normal(size=(4, 30)), RANDOM.integers(0, 6, (4, 30))
    expected = [largest(a, b) for a, b in zip(x, places, strict=True)]
    np.testing.assert_allclose(vmap(largest)(x, places), expected, rtol=1e-14)


def test_a_place_outside_raises():
    with pytest.raises(IndexError):
        grad(largest)(np.ones(3), np.array([0, 1, 6]))
