"""Indices into NumPy scalars, which Python numbers do not take: None, an Ellipsis, a bool, an empty one."""

from collections.abc import Iterable

import numpy as np
import pytest

from tapeless import grad, hessian

X = np.array([0.5, -1.2, 2.0])
INDICES = [None, ..., (), (None, None), (..., None), (None, ...), True, np.newaxis]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_an_index_into_a_scalar(index):
    seen = []

    def f(x):
        s = x.sum()
        part = s[index]
        seen.append((np.shape(part), isinstance(part, np.ndarray), np.isscalar(part)))
        return np.sum(part * part) + (x[0][index] * x[1]).sum()

    f(X)
    np.testing.assert_allclose(grad(f)(X), [2 * X.sum() + X[1], 2 * X.sum() + X[0], 2 * X.sum()])
    assert seen[0] == seen[1]
    np.testing.assert_allclose(hessian(f)(X), np.full((3, 3), 2.0) + [[0, 1, 0], [1, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("index", [0, slice(None), (0,), (None, 0)], ids=repr)
def test_what_a_scalar_has_no_place_for(index):
    for f in (lambda x: x.sum()[index], grad(lambda x: x.sum()[index])):
        with pytest.raises(IndexError, match="invalid index to scalar variable"):
            f(X)


def test_what_is_written_into_a_place_made_of_a_scalar_is_not_seen_by_the_scalar():
    def f(x):
        s = x.sum()
        place = s[...]
        place *= 3.0
        return s * place

    np.testing.assert_allclose(grad(f)(X), np.full(3, 6 * X.sum()))


def test_a_scalar_is_not_iterable():
    def f(x):
        s = x.sum()
        assert not hasattr(s, "__iter__")
        assert not isinstance(s, Iterable)
        assert not np.iterable(s)
        return s + (len(list(s)) if x.ndim else 0)

    for g in (f, grad(f)):
        with pytest.raises(TypeError, match="not iterable"):
            g(X)


def test_a_python_number_takes_no_index():
    for f in (lambda x: x[None], grad(lambda x: x[None])):
        with pytest.raises(TypeError, match="not subscriptable"):
            f(2.0)
