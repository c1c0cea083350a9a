"""What a function returns beside its value comes along with every derivative; argnum is another name for argnums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapeless as tp

X, V = np.linspace(0.2, 1.1, 4), np.array([1.0, -0.5, 2.0, 0.3])


def loss(x: Any) -> Any:
    return np.sum(np.sin(x) * x)


def values(x: Any) -> Any:
    return np.sin(x) * x


def beside(f: Callable[..., Any]) -> Callable[..., Any]:
    def with_aux(x: Any) -> Any:
        return f(x), {"half": x / 2, "count": 4}

    return with_aux


CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "grad": (tp.grad, loss, (X,)),
    "jacobian": (tp.jacobian, values, (X,)),
    "jacrev": (tp.jacrev, values, (X,)),
    "jacfwd": (tp.jacfwd, values, (X,)),
    "hessian": (tp.hessian, loss, (X,)),
    "hvp": (tp.hvp, loss, (X, V)),
    "ggnvp": (tp.ggnvp, values, (X, V)),
    "elementwise_grad": (tp.elementwise_grad, values, (X,)),
    "holomorphic_grad": (tp.holomorphic_grad, loss, (X + 0.5j,)),
    "deriv": (tp.deriv, values, (X,)),
}


@pytest.mark.parametrize("name", CASES)
def test_aux_stands_behind_the_derivative(name: str) -> None:
    transform, f, args = CASES[name]
    expected = transform(f)(*args)
    found, aux = transform(beside(f), has_aux=True)(*args)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(aux["half"], args[0] / 2)
    assert aux["count"] == 4


def test_aux_of_maps_and_values() -> None:
    value, moved, aux = tp.make_jvp(beside(values), has_aux=True)(X)(V)
    np.testing.assert_allclose(moved, tp.jacobian(values)(X) @ V)
    np.testing.assert_array_equal(aux["half"], X / 2)
    pullback, value, aux = tp.make_vjp(beside(values), has_aux=True)(X)
    np.testing.assert_allclose(pullback(V), V @ tp.jacobian(values)(X))
    np.testing.assert_array_equal(value, values(X))
    (value, aux), jacobian = tp.value_and_jacobian(beside(values), has_aux=True)(X)
    np.testing.assert_allclose(jacobian, tp.jacobian(values)(X))
    np.testing.assert_array_equal(aux["half"], X / 2)


BOTH = ["grad", "value_and_grad", "jacobian", "jacrev", "jacfwd", "value_and_jacobian", "hessian", "elementwise_grad"]


@pytest.mark.parametrize("name", BOTH)
def test_both_spellings_of_the_keyword(name: str) -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(x * y**2)

    transform = getattr(tp, name)
    one, other = transform(f, argnum=1)(X, V), transform(f, argnums=1)(X, V)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    if name not in ("value_and_grad", "value_and_jacobian"):
        assert not np.array_equal(one, transform(f)(X, V))
