"""Random NumPy functions: what is compiled computes what NumPy computes, and its gradient is the slope.

`python tests/test_random_programs.py --minutes 10` draws new programs for that long and prints each failure with the
fewest lines that still fail; `--seed` starts elsewhere.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from random_programs import Author, Rejected, arguments_of, load

from tapeless import TapelessError, value_and_grad, vjp
from tapeless.ir.check import check
from tapeless.ir.interp import evaluate
from tapeless.ir.text import parse_program, print_program

STEP = 1e-4
TOLERANCE = 2e-6  # of the slope, relative to the size of what is added up
ROUNDING = 1e-11


class Skipped(Exception):
    """The program says nothing: tapeless refuses it with an explanation, or it has no slope here."""


def refused(error: Exception) -> bool:
    """Whether the error says that a number's stand-in has no items (`x[None]`) and no axes."""
    words = (
        "subscriptable",
        "item assignment",
        "of dimension 0",
        "no axis",
        "array is 0-dimensional",
        "with a sequence",
    )
    return any(w in str(error) for w in words)


def copies(arguments: list[Any]) -> list[Any]:
    return [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]


def assert_same(found: Any, expected: Any, what: str, exact: bool = True) -> None:
    assert np.shape(found) == np.shape(expected), f"{what}: shape {np.shape(found)}, not {np.shape(expected)}"
    if exact:
        np.testing.assert_array_equal(found, expected, err_msg=what)
    else:
        np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING, err_msg=what)


def check_program(text: str) -> None:
    """Everything that must hold for one program. AssertionError says what does not; Skipped: nothing can be said."""
    function, arguments = load(text), arguments_of(text)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        left = copies(arguments)
        try:
            value = function(*left)
        except Exception as error:
            raise Skipped("NumPy refuses it") from error
        if not np.isfinite(value):
            raise Skipped("not finite")
        compiled = value_and_grad(function, argnums=tuple(range(len(arguments))))
        given_ = copies(arguments)
        try:
            found, gradient = compiled(*given_)
        except TapelessError as error:
            raise Skipped(f"{type(error).__name__}: {str(error).splitlines()[0]}") from None
        except (TypeError, ValueError, IndexError) as error:
            if not refused(error):
                raise
            raise Skipped(str(error).splitlines()[0]) from None
        assert_same(found, value, "the value", exact=False)
        for after, expected in zip(given_, left, strict=True):
            assert_same(after, expected, "an argument after the call", exact=False)
        check_stages(compiled, arguments, found, gradient)
        check_fresh(compiled, arguments, found, gradient)
        check_slope(function, arguments, gradient)
        check_elsewhere(function, compiled, arguments)
        check_pullback(function, arguments, gradient)


def check_stages(compiled: Any, arguments: list[Any], value: Any, gradient: Any) -> None:
    """Each stage is a valid program that the interpreter computes the same for, also after a round trip as text."""
    stages = compiled.lower(*copies(arguments))
    for program in (stages.trace, stages.adjoint, stages.optimized):
        check(program)
        printed = print_program(program)
        read = check(parse_program(printed))
        assert print_program(read) == printed
        results = evaluate(program, copies(arguments), stages.captured)
        for a, b in zip(results, evaluate(read, copies(arguments), stages.captured), strict=True):
            assert_same(a, b, "after a round trip as text")
        if program is stages.trace:
            continue
        for a, b in zip(results, (value, *gradient), strict=True):
            assert_same(b, a, "the source beside the interpreter", exact=False)
            assert np.asarray(a).dtype == np.asarray(b).dtype


def check_fresh(compiled: Any, arguments: list[Any], value: Any, gradient: Any) -> None:
    """The same again from the cache; what the caller does with a gradient touches nothing."""
    before = copies(list(gradient))
    given_ = copies(arguments)
    again, second = compiled(*given_)
    assert_same(again, value, "the second call's value")
    arrays = [g for g in (*gradient, *second) if isinstance(g, np.ndarray)]
    for number, one in enumerate(arrays):
        assert one.flags.writeable, "a gradient is read-only"
        for other in (*arrays[:number], *(a for a in given_ if isinstance(a, np.ndarray))):
            assert not np.shares_memory(one, other), "a gradient shares memory"
    for a, b in zip(second, before, strict=True):
        assert_same(a, b, "the second call's gradient")
    for a, b in zip(gradient, arguments, strict=True):
        assert type(a) is type(b), f"the gradient of a {type(b).__name__} is a {type(a).__name__}"


def moved(argument: Any, direction: Any) -> Any:
    return np.array(argument + direction) if isinstance(argument, np.ndarray) else type(argument)(argument + direction)


def check_slope(function: Any, arguments: list[Any], gradient: Any) -> None:
    """The gradient along random directions beside differences, where they agree among themselves."""
    rng = np.random.default_rng(7)
    for _ in range(2):
        directions = [rng.normal(size=np.shape(a)) for a in arguments]

        def at(step: float, directions: list[Any] = directions) -> float:
            return float(function(*[moved(a, step * d) for a, d in zip(copies(arguments), directions, strict=True)]))

        values = {k: at(k * STEP) for k in (-4, -2, -1, 0, 1, 2, 4)}
        slope = (8 * (values[1] - values[-1]) - (values[2] - values[-2])) / (12 * STEP)
        coarse = (8 * (values[2] - values[-2]) - (values[4] - values[-4])) / (24 * STEP)
        right = (4 * values[1] - values[2] - 3 * values[0]) / (2 * STEP)
        left = (-4 * values[-1] + values[-2] + 3 * values[0]) / (2 * STEP)
        scale = 1 + max(map(abs, values.values())) + abs(slope)
        if not abs(slope - coarse) <= TOLERANCE * scale or not abs(right - left) <= 1e-3 * scale:
            raise Skipped("a kink or a steep place")
        found = sum(float(np.sum(g * d)) for g, d in zip(gradient, directions, strict=True))
        assert abs(found - slope) <= TOLERANCE * scale, f"the gradient gives {found!r}, differences give {slope!r}"


def check_elsewhere(function: Any, compiled: Any, arguments: list[Any]) -> None:
    """Other values of the same types: guards hold, or another path is traced."""
    for factor in (-0.8, 0.5):
        other = [moved(a, (factor - 1) * a) for a in arguments]
        left, given_ = copies(other), copies(other)
        try:
            value = function(*left)
        except Exception:
            continue
        if not np.isfinite(value):
            continue
        try:
            found, _ = compiled(*given_)
        except TapelessError:
            continue
        except (TypeError, ValueError, IndexError) as error:
            if not refused(error):
                raise
            continue
        assert_same(found, value, f"the value at {factor} times the arguments", exact=False)
        for a, b in zip(given_, left, strict=True):
            assert_same(a, b, "an argument after another call", exact=False)


def check_pullback(function: Any, arguments: list[Any], gradient: Any) -> None:
    """vjp gives the same gradient, at each call of the pullback."""
    given_ = copies(arguments)
    try:
        _, pullback = vjp(function, *given_)
    except TapelessError as error:
        assert "writes into its argument" in str(error)  # noqa: PT017
        return
    for a in given_:
        if isinstance(a, np.ndarray):
            a[...] = 0
    for _ in range(2):
        for a, b in zip(pullback(1.0), gradient, strict=True):
            assert_same(a, b, "the pullback", exact=False)
            if isinstance(a, np.ndarray):
                a[...] = np.nan


@st.composite
def programs(draw: Any) -> str:
    return Author(lambda n: draw(st.integers(0, n - 1))).write()


@settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs(text: str) -> None:
    try:
        check_program(text)
    except Skipped:
        return


# ------------------------------------------------------------------------------------------------- for a long time


def shrunk(text: str, failure: str) -> str:
    """Lines left out, as long as it fails in the same way."""
    lines = text.splitlines()
    changed = True
    while changed:
        changed = False
        for width in (4, 2, 1):
            number = 1
            while number < len(lines):
                fewer = lines[:number] + lines[number + width :]
                if outcome("\n".join(fewer) + "\n")[0] == failure:
                    lines, changed = fewer, True
                else:
                    number += 1
    return "\n".join(lines) + "\n"


def outcome(text: str) -> tuple[str, str]:
    """(kind, details): '' for a program that is right, 'skipped ...', or a word for the failure."""
    try:
        with np.errstate(all="raise", under="ignore"), warnings.catch_warnings(action="error"):
            float(load(text)(*arguments_of(text)))
    except Exception as error:
        return f"invalid {type(error).__name__}", ""
    try:
        check_program(text)
    except Skipped as reason:
        return f"skipped {reason}", ""
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else ""
        words = first.split(" gives ")[0].split(":")[0][:40]
        kind = words if isinstance(error, AssertionError) else type(error).__name__
        return f"FAILED {kind}", traceback.format_exc()
    return "", ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    end, seed, counts = time.time() + 60 * options.minutes, options.seed, Counter[str]()
    while time.time() < end:
        try:
            text = Author(random.Random(seed).randrange).write()
        except Rejected:
            continue
        finally:
            seed += 1
        kind, _ = outcome(text)
        counts[kind[:90]] += 1
        if kind.startswith("FAILED") and counts[kind[:90]] <= 3:
            text = shrunk(text, kind)
            print(f"==== {kind}, seed {seed - 1}\n{text}\n{outcome(text)[1]}", flush=True)
    print(f"seeds {options.seed} to {seed}")
    for kind, count in counts.most_common():
        print(f"{count:7d}  {kind or 'right'}")


if __name__ == "__main__":
    main()
