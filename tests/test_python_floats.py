"""Programs of single numbers run on Python's floats where those are exactly NumPy's: the same bits and types."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tapeless import compile_module, cond, fori_loop, grad, scan, value_and_grad, vjp, while_loop
from tapeless.ir.check import check
from tapeless.ir.passes import python_floats

KINDS: list[Callable[[float], Any]] = [float, np.float64, np.array]


def pendulum(theta: Any, omega: Any) -> Any:
    for _ in range(60):
        omega = omega - 0.01 * np.sin(theta)
        theta = theta + 0.01 * omega
    return theta * theta + omega


def relaxed(x: Any, y: Any) -> Any:
    """Divisions by what may be zero, by what is never, and by a number."""
    for _ in range(40):
        gate = 1 / (1 + np.exp(-x))
        x = x - 0.1 * gate * (x - y) / (x * x + 1) + y / 3
        y = y / (x - 0.2) + abs(x) * 0.1 - np.maximum(x, y) * 0.01
    return x * y


def branching(x: Any, y: Any) -> Any:
    for _ in range(60):
        if x * x + y > 0.5:
            x = x - 0.1 * y * np.cos(x)
        else:
            y = y + 0.2 * x * x
        x = np.where(x > y, x * y, x + y) * 0.9
    return x + y


def of_arrays(x: Any, y: Any) -> Any:
    """Numbers go into arrays and come out of them."""
    total = np.array([x, y]) * x
    for k in range(40):
        x = 0.1 * x * total[0] - 0.01 * y / (k + 1) + total[1] * total[1]
        y = y - 0.5 * x + 0.01 * (x - y) * (x + y)
    single = np.float32([1.0, 2.0]) * np.float32(0.5)
    return np.sum(np.stack([x, y, x * y])) + np.sum(total * x) + (x * single)[0]


def scanned(x: Any, y: Any) -> Any:
    def step(state: Any, row: Any) -> Any:
        x, y = state
        y = y - 0.1 * np.sin(x) + 0.01 * row[0]
        x = x + 0.1 * y
        return (x, y), x * y

    rows: NDArray[np.float64] = np.linspace(0, 1, 40).reshape(20, 2)
    (x, y), products = scan(step, (x, y), rows)
    return x * y + np.sum(products * products)


def counted(x: Any, y: Any) -> Any:
    x, y = fori_loop(0, 15, lambda i, c: (c[0] + 0.1 * c[1] * i, c[1] - 0.1 * np.sin(c[0])), (x, y))
    return x * y


def until(x: Any, y: Any) -> Any:
    x, y = while_loop(lambda c: c[0] * c[0] < 4, lambda c: (c[0] + 0.1 * c[1], c[1] + 0.05 * c[0] * c[1]), (x, y))
    return x - y


def nested(x: Any, y: Any) -> Any:
    def outer(i: Any, c: Any) -> Any:
        return fori_loop(0, 3, lambda j, d: (d[0] * 0.9 + 0.1 * d[1], d[1] - 0.1 * d[0] * d[0]), c)

    x, y = fori_loop(0, 4, outer, (x, y))
    return x * y


def bouncing(x: Any, y: Any) -> Any:
    """A choice in each round, by a branch and by np.where."""

    def step(i: Any, state: Any) -> Any:
        x, y = state
        y = y - 0.0981
        x = x + 0.1 * y
        x, y = cond(x < 0, lambda x, y: (-x, -0.8 * y), lambda x, y: (x, y), x, y)
        return x, np.where(y * y > 0.5, 0.9 * y, y)

    x, y = fori_loop(0, 30, step, (x, y))
    return x * y


PROGRAMS = [bouncing, pendulum, relaxed, branching, of_arrays, scanned, counted, until, nested]


def same(found: Any, expected: Any) -> None:
    """The same types, shapes and bits."""
    assert type(found) is type(expected)
    if isinstance(found, tuple):
        for one, other in zip(found, expected, strict=True):
            same(one, other)
        return
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_bits_and_types_are_those_of_numpy(program: Any, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = kind(0.7), kind(0.4)
    gradient = value_and_grad(program, argnums=(0, 1))
    found = gradient(*arguments)
    check(gradient.lower(*arguments).optimized)
    assert "float(" in gradient.source
    for name in ("WORTH", "WORTH_IN_LOOPS"):
        monkeypatch.setattr(python_floats, name, 10**15)
    plain = value_and_grad(program, argnums=(0, 1))
    same(found, plain(*arguments))
    assert plain.source != gradient.source
    same(np.asarray(found[0]), np.asarray(program(*arguments)))


def test_second_order_and_pullbacks() -> None:
    x, y = 0.7, 0.4
    slope = (grad(pendulum)(x + 1e-5, y) - grad(pendulum)(x - 1e-5, y)) / 2e-5
    assert abs(grad(grad(pendulum))(x, y) - slope) < 1e-8
    value, pullback = vjp(pendulum, np.float64(x), np.float64(y))
    same(value, pendulum(np.float64(x), np.float64(y)))
    expected = grad(pendulum, argnums=(0, 1))(np.float64(x), np.float64(y))
    for one, other in zip(pullback(np.float64(1)), expected, strict=True):
        assert abs(one - other) < 1e-12


def test_infinities_are_numpys() -> None:
    """Python raises for a division by zero and for a power that overflows."""

    def program(x: Any, y: Any) -> Any:
        for _ in range(50):
            x = x * x + 0.5 * y
            y = y - 0.1 * x * y + x
        return x / (y - y) + x**2

    for kind in KINDS:
        with np.errstate(all="ignore"):
            value, gradients = value_and_grad(program, argnums=(0, 1))(kind(9.0), kind(2.0))
        assert np.isnan(value)
        assert np.isnan(gradients).all()

    def quotient(x: Any, y: Any) -> Any:
        return np.sin(x) / y  # where NumPy divides forwards, it does backwards

    with np.errstate(all="ignore"):
        assert grad(quotient, argnums=(0, 1))(1.0, 0.0) == (np.inf, -np.inf)

    def divided(x: Any, y: Any) -> Any:
        for _ in range(50):
            x = 0.5 * x + 0.1 * y * x - 0.2 * y
        return np.sin(x) / y

    with np.errstate(all="ignore"):
        value, slope = value_and_grad(divided, argnums=1)(1.0, 0.0)
    assert np.isposinf(value)
    assert not np.isfinite(slope)


def test_short_functions_and_other_dtypes_are_left_alone() -> None:
    short = value_and_grad(lambda x: np.sin(x) * x + 0.5 * x)
    short(np.float64(0.3))
    assert "float(" not in short.source
    single = value_and_grad(pendulum)
    value, slope = single(np.float32(0.3), np.float32(0.1))
    assert "float(" not in single.source
    assert value.dtype == slope.dtype == np.float32


def test_the_text() -> None:
    def swing(theta: Any, omega: Any) -> Any:
        def step(i: Any, state: Any) -> Any:
            theta, omega = state
            omega = omega - 0.01 * np.sin(theta)
            return theta + 0.01 * omega, omega

        return fori_loop(0, 300, step, (theta, omega))[0]

    gradient = grad(swing)
    gradient(np.float64(0.3), np.float64(0.1))
    lines = [line.strip() for line in gradient.source.splitlines() if "#" not in line]
    assert "theta = float(theta)" in lines
    assert any(line.endswith("0.01 * float(sin(theta))") for line in lines)
    assert lines[-1] == "return np.float64(dtheta)"


def test_functions_of_many_numbers_get_short_names() -> None:
    def long(theta: Any, cos: Any) -> Any:
        for _ in range(60):
            cos = cos - 0.01 * np.sin(theta)
            theta = theta + 0.01 * cos
        return theta

    gradient = value_and_grad(long, argnums=(0, 1))
    found = gradient(0.3, 0.1)
    lines = [line.strip() for line in gradient.source.splitlines()]
    assert "sin = np.sin" in lines  # cos is a name of the user's
    assert sum("float(sin(" in line for line in lines) == 1
    assert sum("np.cos(" in line for line in lines) == 1
    same(found, value_and_grad(long, argnums=(0, 1), debug="nan")(0.3, 0.1))
    value, pullback = vjp(long, 0.3, 0.1)
    assert value == found[0]
    np.testing.assert_allclose(pullback(1.0), found[1], rtol=1e-12)


def test_symbolic_lengths_are_no_python_numbers() -> None:
    def program(x: Any, k: Any) -> Any:
        n = x.shape[0]
        for _ in range(60):
            k = k + np.sin(k) * n / 3 - k * k / n + 0.25 * k * (k - 0.5)
        return k * np.sum(x)

    names: dict[str, Any] = {}
    exec(compile_module(program, "f64[n], f64", argnums=(0, 1)), names)
    x, k = np.array([0.1, 0.2, 0.3]), np.float64(0.3)
    for one, other in zip(names["program_grad"](x, k), grad(program, argnums=(0, 1))(x, k), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
