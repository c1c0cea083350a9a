"""Python loops of many equal rounds are loops in the text, forth and back, with the digits of what was written."""

from __future__ import annotations

import importlib.util
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import random_rounds

from tapeless import compile_module, grad, hessian, jvp, value_and_grad, vjp, vmap
from tapeless.ir.check import check
from tapeless.ir.interp import evaluate
from tapeless.runtime import compilation

DRAW = np.random.default_rng(0)


def pendulum(theta, omega):
    for _ in range(300):
        omega = omega - 0.01 * np.sin(theta)
        theta = theta + 0.01 * omega
    return np.sum(theta) if np.ndim(theta) else theta


def runge_kutta(x, v, k):
    def slope(x, v):
        return v, -k * np.sin(x)

    for _ in range(40):
        a1, b1 = slope(x, v)
        a2, b2 = slope(x + 0.05 * a1, v + 0.05 * b1)
        x, v = x + 0.1 * a2, v + 0.1 * b2
    return x * x + v


def heat(u, k):
    u = u.copy()
    for _ in range(20):
        u[1:-1] += k * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u**2)


def recurrent(W, U, xs):
    h = np.zeros(W.shape[0])
    states = []
    for x in xs:
        h = np.tanh(W @ h + U @ x)
        states.append(h)
    return np.sum(np.stack(states) ** 2)


def gates(w, xs):
    c = h = np.zeros(4)
    for t in range(len(xs)):
        z = xs[t] @ w + h.sum()
        f = 1 / (1 + np.exp(-z[:4]))
        c = f * c + np.tanh(z[4:])
        h = np.tanh(c)
    return np.mean(h**2)


def momentum(w, X, y):
    v = np.zeros_like(w)
    for _ in range(30):
        v = 0.9 * v - 0.01 * (X.T @ (X @ w - y))
        w = w + v
    return np.sum((X @ w - y) ** 2)


def adam(w, g):
    m = np.zeros(3)
    for t in range(1, 21):
        m = 0.9 * m + 0.1 * g * w
        w = w - 0.01 * m / (1 - 0.9**t)
    return np.sum(w**2)


def likelihood(a, b, r):
    s, total = np.var(r), 0.0
    for t in range(len(r)):
        total = total + np.log(s) + r[t] ** 2 / s
        s = 0.1 + a * r[t] ** 2 + b * s
    return total


def backwards(theta, x):
    s, kept = theta, []
    for t in range(len(x)):
        s = 0.9 * s + np.tanh(theta * x[-1 - t])
        kept.append(s)
    return np.mean((np.array(kept) - x) ** 2)


def fibonacci(a, b):
    for _ in range(12):
        a, b = b, np.sin(a) + b
    return np.sum(a * b)


def columns(w, x):
    s = w
    for t in range(x.shape[1]):
        s = s * 0.5 + x[:, t]
    return np.sum(s * s)


def alternating(x):
    for t in range(24):
        x = np.roll(np.sin(x), t % 3)
    return np.sum(x[:1])


def of_two_rounds_ago(x, y):
    older, old = x, y
    for _ in range(10):
        older, old = old, old + 0.1 * older * old
    return np.sum(old)


def of_truths(x):
    s = np.zeros(3)
    for t in range(12):
        s = np.where(s > x * t * 0.1, s * 0.5, s + x)
    return np.sum(s)


def written_after(x):
    """The last state is written into, though it stands in the list as well."""
    h, kept = x, []
    for _ in range(9):
        h = np.exp(-h * h * x * x)
        kept.append(h)
    total = np.sum(np.stack(kept))
    h[0] = 0.0
    return total + np.sum(h)


def one_after_the_other(x):
    for _ in range(9):
        x = np.sin(x)
    y = 2 * x
    for _ in range(10):
        y = y + np.cos(y) * x
    return np.sum(y)


WEIGHTS = DRAW.normal(size=(3, 3)) * 0.4
ROWS = DRAW.normal(size=(12, 3))
PROGRAMS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (pendulum, (0.3, 0.1)),
    (pendulum, (DRAW.normal(size=5), np.zeros(5))),
    (pendulum, (np.float32(0.3), np.float32(0.1))),
    (runge_kutta, (0.3, 0.1, 2.0)),
    (runge_kutta, (np.float64(0.3), 0.1, np.float64(2.0))),
    (heat, (DRAW.normal(size=16), 0.2)),
    (recurrent, (WEIGHTS, DRAW.normal(size=(3, 3)), ROWS)),
    (gates, (DRAW.normal(size=(3, 8)), ROWS)),
    (momentum, (np.ones(3), ROWS, DRAW.normal(size=12))),
    (adam, (np.ones(3), DRAW.normal(size=3))),
    (likelihood, (0.1, 0.8, DRAW.normal(size=50))),
    (backwards, (0.7, DRAW.normal(size=25))),
    (fibonacci, (0.3, 0.4)),
    (fibonacci, (DRAW.normal(size=2), np.ones(2))),
    (columns, (np.ones(3), ROWS.T)),
    (alternating, (DRAW.normal(size=4),)),
    (of_two_rounds_ago, (np.ones(2), np.full(2, 0.3))),
    (of_truths, (DRAW.normal(size=3),)),
    (written_after, (DRAW.normal(size=3),)),
    (one_after_the_other, (DRAW.normal(size=3),)),
]
CASES = [pytest.param(f, args, id=f"{f.__name__}-{i}") for i, (f, args) in enumerate(PROGRAMS)]


def unrolled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "roll_loops", lambda recording: None)


def copies(arguments: tuple[Any, ...]) -> list[Any]:
    return [x.copy() if isinstance(x, np.ndarray) else x for x in arguments]


def same(found: Any, wanted: Any) -> None:
    """Type, shape, dtype and every bit."""
    assert type(found) is type(wanted)
    assert np.asarray(found).dtype == np.asarray(wanted).dtype
    assert np.shape(found) == np.shape(wanted)
    assert np.asarray(found).tobytes() == np.asarray(wanted).tobytes()


def close(found: Any, wanted: Any) -> None:
    """Type, shape and dtype, and the numbers to their last digits but a few."""
    assert type(found) is type(wanted)
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.dtype == wanted.dtype
    scale = float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=1e-3))
    tolerance = (1e-4 if found.dtype.name == "float32" else 1e-12) * scale
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=tolerance)


def every(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(i for i, x in enumerate(arguments) if np.asarray(x).dtype.kind in "fc")


def loops(text: str) -> int:
    return len(re.findall(r"^ +for .*:$", text, re.MULTILINE))


@pytest.mark.parametrize("optimize", ["fast", "readable"])
@pytest.mark.parametrize(("program", "arguments"), CASES)
def test_digits_and_text(
    program: Any, arguments: tuple[Any, ...], optimize: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolled = value_and_grad(program, argnums=every(arguments), optimize=optimize)
    value, gradients = rolled(*copies(arguments))
    same(value, program(*copies(arguments)))
    optimized = rolled.lower(*arguments).optimized
    check(optimized)
    close(evaluate(optimized, copies(arguments))[0], value)
    assert loops(rolled.source) == (4 if program is one_after_the_other else 2), rolled.source
    assert rolled.source.count("\n") < 70
    again = rolled(*copies(arguments))
    same(again[0], value)
    unrolled(monkeypatch)
    wanted = value_and_grad(program, argnums=every(arguments), optimize=optimize)(*copies(arguments))
    same(value, wanted[0])
    for found, second, gradient in zip(gradients, again[1], wanted[1], strict=True):
        close(found, gradient)
        same(second, found)


@pytest.mark.parametrize("seed", range(120))
def test_random_rounds(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, arguments = random_rounds.program(seed)
    module = loaded(text, tmp_path / "rounds.py")

    def found() -> Any:
        with np.errstate(all="ignore"):
            if seed % 4 == 0:
                value, pullback = vjp(module.f, *copies(arguments))
                return value, pullback(np.asarray(value).dtype.type(1.0))
            return value_and_grad(module.f, argnums=every(arguments))(*copies(arguments))

    with np.errstate(all="ignore"):
        try:
            module.f(*copies(arguments))
        except (IndexError, ValueError, TypeError):
            pytest.skip("no function of these arguments")
    rolled = outcome(found)
    unrolled(monkeypatch)
    plain = outcome(found)
    if isinstance(plain, type):
        assert rolled is plain
        return
    same(rolled[0], plain[0])
    for one, other in zip(rolled[1], plain[1], strict=True):
        if np.all(np.isfinite(other)):
            close(one, other)


def loaded(text: str, path: Path) -> Any:
    """The module of a text, whose lines can be found."""
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outcome(run: Callable[[], Any]) -> Any:
    """What it gives, or the kind of error."""
    try:
        return run()
    except (NotImplementedError, TypeError) as error:
        return type(error)


def test_some_random_rounds_are_loops(tmp_path: Path) -> None:
    """The test above compares something."""
    count = 0
    for seed in range(40):
        text, arguments = random_rounds.program(seed)
        module = loaded(text, tmp_path / f"rounds_{seed}.py")
        gradient = value_and_grad(module.f, argnums=every(arguments))
        with np.errstate(all="ignore"):
            try:
                count += loops(gradient.lower(*copies(arguments)).source) > 1
            except (NotImplementedError, IndexError, ValueError, TypeError):
                continue
    assert count >= 10


# ------------------------------------------------------------------------------------------------------------- text


def body(text: str, header: str) -> list[str]:
    """The lines within the loop that begins so."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(header))
    indent = len(lines[start]) - len(lines[start].lstrip())
    rest = lines[start + 1 :]
    within = list(itertools.takewhile(lambda line: not line.strip() or len(line) - len(line.lstrip()) > indent, rest))
    return [line.strip() for line in within]


def test_what_a_round_keeps_stands_in_a_list() -> None:
    gradient = value_and_grad(pendulum, argnums=(0, 1))
    gradient(0.3, 0.1)
    forth = body(gradient.source, "for _ in range(300)")
    assert forth[0] == "thetas.append(theta)"
    assert "theta = theta + 0.01 * omega" in forth
    assert "= np.cos(np.array(thetas)).tolist()" in gradient.source  # once for all rounds
    assert not any("cos(" in line for line in body(gradient.source, "for cos_theta in reversed("))


def test_a_round_writes_in_place() -> None:
    gradient = value_and_grad(heat, argnums=(0, 1))
    u = DRAW.normal(size=16)
    before = u.copy()
    gradient(u, 0.2)
    same(u, before)
    assert gradient.source.count(".copy()") == 1
    assert not any("copy" in line for line in body(gradient.source, "for _ in range(20)"))
    assert any(line.startswith("du[1:-1] -= ") for line in body(gradient.source, "for total in reversed("))


def test_sums_over_the_rounds() -> None:
    """Numbers are added where they are made; products are one product behind the loop, where they are small."""
    gradient = value_and_grad(heat, argnums=(0, 1))
    gradient(DRAW.normal(size=16), 0.2)
    assert any(line.startswith("dk += ") for line in body(gradient.source, "for total in reversed("))
    gradient = value_and_grad(recurrent, argnums=(0, 1))
    gradient(WEIGHTS, WEIGHTS, ROWS)
    assert not any("dW" in line for line in body(gradient.source, "for dy, h in zip("))
    assert re.search(r"^    dW = .*\.dot\(hs\)", gradient.source, re.MULTILINE)
    large = np.zeros((200, 200)), np.ones((200, 300)), np.ones((400, 300))
    gradient(*large)
    assert any("dW += " in line for line in body(gradient.source, "for h, x, dy, h_1 in zip("))


def test_comments_name_the_lines() -> None:
    gradient = value_and_grad(gates)
    gradient(DRAW.normal(size=(3, 8)), ROWS)
    lines = Path(__file__).read_text().splitlines()
    found = re.findall(r"# line (\d+): (.*)", gradient.source)
    assert len(found) > 3
    for number, statement in found:
        assert lines[int(number) - 1].strip() == statement


def test_an_error_names_the_line() -> None:
    def solved(A, b):
        for t in range(10):
            b = np.linalg.solve(A - t * np.eye(2), b)
        return np.sum(b)

    gradient = grad(solved)
    gradient(np.diag([0.5, 0.3]), np.ones(2))
    assert loops(gradient.source) == 2
    with pytest.raises(np.linalg.LinAlgError) as found:
        gradient(np.diag([0.5, 1.0]), np.ones(2))
    assert "expression: np.linalg.solve(A - t * np.eye(2), b)" in found.value.__notes__[0]


def test_the_same_text_again() -> None:
    texts = []
    for _ in range(2):
        gradient = value_and_grad(momentum)
        gradient(np.ones(3), ROWS, np.ones(12))
        texts.append(gradient.source)
    assert texts[0] == texts[1]


# -------------------------------------------------------------------------------------------------- what stays as it is


def few(x):
    for _ in range(5):
        x = np.sin(x) * x
    return x


def deciding(x):
    for _ in range(20):
        x = x - 0.1 * x**3
        if x < 0.2:
            break
    return x


def layers(weights, x):
    for w in weights:
        x = np.tanh(x @ w)
    return np.sum(x)


def growing(x):
    y = x
    for _ in range(9):
        y = np.concatenate([y, y[:1]])
    return np.sum(y * y)


@pytest.mark.parametrize(
    ("program", "arguments"),
    [(few, (0.3,)), (deciding, (0.9,)), (layers, ([WEIGHTS] * 9, np.ones(3))), (growing, (np.ones(2),))],
)
def test_what_is_no_loop_of_equal_rounds(program: Any, arguments: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gradient = value_and_grad(program)
    value, _ = gradient(*arguments)
    same(value, program(*arguments))
    assert not loops(gradient.source)
    unrolled(monkeypatch)
    plain = value_and_grad(program)
    plain(*arguments)
    assert gradient.source == plain.source


# ------------------------------------------------------------------------------------------------------------- kinds


def test_a_pullback_is_called_many_times() -> None:
    _, pullback = vjp(momentum, np.ones(3), ROWS, np.ones(12))
    first, second = pullback(np.float64(1.0)), pullback(np.float64(2.0))
    for one, two in zip(first, second, strict=True):
        np.testing.assert_allclose(2 * one, two, rtol=1e-12)


def test_other_derivatives() -> None:
    x, y = np.array([0.3, 0.4]), np.array([0.1, -0.2])
    slope = grad(of_two_rounds_ago)(x, y)
    value, moved = jvp(of_two_rounds_ago, (x, y), (np.array([1.0, 0.0]), np.zeros(2)))
    same(value, of_two_rounds_ago(x, y))
    np.testing.assert_allclose(moved, slope[0], rtol=1e-12)
    second = hessian(of_two_rounds_ago)(x, y)
    step = np.array([1e-6, 0.0])
    numeric = (grad(of_two_rounds_ago)(x + step, y) - grad(of_two_rounds_ago)(x - step, y)) / 2e-6
    np.testing.assert_allclose(second[0], numeric, rtol=1e-6, atol=1e-8)
    many = vmap(grad(pendulum), in_axes=(0, 0))(x, y)
    np.testing.assert_allclose(many, [grad(pendulum)(a, b) for a, b in zip(x, y, strict=True)], rtol=1e-12)
    nested = grad(lambda x: np.sum(grad(of_two_rounds_ago)(x, y) ** 2))(x)
    np.testing.assert_allclose(nested, 2 * second @ slope, rtol=1e-10)


def test_a_module(tmp_path: Path) -> None:
    text = compile_module(recurrent, "f64[3,3], f64[3,3], f64[12,3]", kind="value_and_grad", argnums=(0, 1))
    assert loops(text.partition("def check_arguments")[0]) == 2
    names: dict[str, Any] = {}
    exec(compile(text, "module", "exec"), names)
    found = names["recurrent_value_and_grad"](WEIGHTS, WEIGHTS, ROWS)
    wanted = value_and_grad(recurrent, argnums=(0, 1))(WEIGHTS, WEIGHTS, ROWS)
    same(found[0], wanted[0])
    for one, other in zip(found[1], wanted[1], strict=True):
        close(one, other)


def test_the_cache_on_disk(tmp_path: Path) -> None:
    first = value_and_grad(gates, cache=tmp_path)(np.ones((3, 8)), ROWS)
    again = value_and_grad(gates, cache=tmp_path)
    second = again(np.ones((3, 8)), ROWS)
    same(second[0], first[0])
    same(second[1], first[1])


@pytest.mark.parametrize("dynamic", ["auto", False])
def test_lengths_that_change(dynamic: Any) -> None:
    gradient = value_and_grad(gates, dynamic=dynamic)
    for n in (9, 10, 11, 12, 3):
        value, slope = gradient(np.ones((3, 8)), ROWS[:n])
        same(value, gates(np.ones((3, 8)), ROWS[:n]))
        assert slope.shape == (3, 8)


def test_division_by_zero_is_as_numpy_divides() -> None:
    """Kept numbers are Python's in the lists; what divides by them is not."""

    def f(x):
        y = x * 0.0
        total = 0.0
        for _ in range(10):
            y = y * 2.0
            total = total + np.arctan2(1.0, y) / (y * y + x)
        return total

    with np.errstate(all="ignore"):
        value, slope = value_and_grad(f)(np.float64(0.0))
        same(value, f(np.float64(0.0)))
    assert not np.isfinite(slope)
