"""Which reshapes are views depends on how an array lies in memory; a write shows the difference, as in NumPy."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from tapeless import TracingError, cond, scan, value_and_grad

R = np.random.default_rng(0)


def flipped(x: Any) -> Any:
    w = np.flip(x).ravel()
    x[...] -= x.max()
    return np.mean(w) + np.sum(x * x)


def swapped(x: Any) -> Any:
    out = x.sum(axis=-1, keepdims=True).swapaxes(0, -1)
    c = out.ravel()
    out **= 2
    return (out * 0.3).sum() + 0.5 * np.mean(np.tanh(c))


def made_like(x: Any) -> Any:
    out = np.zeros_like(x)
    flat = out.reshape(-1)
    for i in range(3):
        flat[i] = x.reshape(-1)[i] ** 2
    return np.sum(out * np.arange(out.size).reshape(out.shape))


def copied(x: Any) -> Any:
    y = np.array(x.T)
    z = y.ravel()
    z[1] = 7.0
    return np.sum(y**3)


def made_contiguous(x: Any) -> Any:
    y = np.ascontiguousarray(x.T)
    y[0] = 3.0
    return np.sum(x**2) + np.sum(y)


def cast(x: Any) -> Any:
    y = x.astype(np.float32).astype(np.float64)
    z = y.reshape(-1)
    z *= 2
    return np.sum(y**2)


def flat(x: Any) -> Any:
    x.flat[1] = 2.0
    return np.sum(x**2)


def added_up(x: Any) -> Any:
    y = np.zeros_like(x)
    y += x.T.copy().T
    z = y.ravel()
    z[0] = 1.0
    return np.sum(y**2)


def view_of_a_view(x: Any) -> Any:
    w = x[::-1].ravel()
    w[0] = 5.0
    u = x.reshape(-1)
    u[-1] = 2.0
    return np.sum(x**2) + np.sum(w)


def multiplied(x: Any) -> Any:
    y = np.dot(2.0, x)  # in C order, however x lies
    y.ravel()[0] = 5 * x[0, -1]
    return np.sum(y * x.dot(3.0).cumsum().reshape(y.shape))


PROGRAMS = [flipped, swapped, made_like, copied, made_contiguous, cast, flat, added_up, view_of_a_view, multiplied]
LAYOUTS: dict[str, Callable[[], Any]] = {
    "C": lambda: R.normal(size=(2, 3)),
    "Fortran": lambda: np.asfortranarray(R.normal(size=(2, 3))),
    "rows": lambda: R.normal(size=(4, 3))[::2],
    "columns": lambda: R.normal(size=(2, 6))[:, ::2],
    "reversed": lambda: R.normal(size=(2, 3))[::-1, ::-1],
    "one row": lambda: R.normal(size=(1, 3)),
}


def as_it_lies(x: Any) -> Any:
    """A copy with the same strides."""
    base = x if x.base is None else x.base
    offset = x.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    copy = base.copy(order="K")
    return np.ndarray(x.shape, x.dtype, copy.data if copy.flags.c_contiguous else copy.T.data, offset, x.strides)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_value_argument_and_gradient_are_numpys_for_every_layout(program: Any) -> None:
    g = value_and_grad(program)
    for layout in list(LAYOUTS.values()) * 2:  # the second time from the cache, which must know the layouts apart
        x = layout()
        expected_argument, given = as_it_lies(x), as_it_lies(x)
        assert expected_argument.strides == x.strides
        expected = program(expected_argument)
        value, gradient = g(given)
        assert value == expected
        np.testing.assert_array_equal(given, expected_argument)
        for index in np.ndindex(x.shape):
            up, down = as_it_lies(x), as_it_lies(x)
            up[index] += 1e-4
            down[index] -= 1e-4
            numeric = (program(up) - program(down)) / 2e-4
            assert gradient[index] == pytest.approx(numeric, rel=1e-2, abs=1e-3)
    assert g.cache_info().paths <= len(LAYOUTS)


def scaled_in_a_loop(x: Any) -> Any:
    carry, _ = scan(lambda c, t: (c * t, None), np.broadcast_to(x[0], (2, x.shape[1])), np.array([2.0]))
    flat = np.ascontiguousarray(carry)
    flat[0, 0] = 100.0
    return np.sum(carry**2) + np.sum(flat)


def scaled_in_a_branch(x: Any) -> Any:
    chosen = cond(np.sum(x) < 1e9, lambda a: a.T * 2, lambda a: a.T, x)
    flat = np.ascontiguousarray(chosen)
    flat[0, 0] = 100.0
    return np.sum(chosen**2) + np.sum(flat)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("program", [scaled_in_a_loop, scaled_in_a_branch])
def test_what_a_loop_leaves_lies_as_the_plain_loop_leaves_it(program: Any, layout: str) -> None:
    x = LAYOUTS[layout]()
    with suppress(TracingError):  # which says that what the loop did to the layout is not known
        value, _ = value_and_grad(program)(as_it_lies(x))
        assert value == program(as_it_lies(x))
