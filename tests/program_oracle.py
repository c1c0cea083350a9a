"""What must hold for one random program: NumPy's values, its slopes by differences, and agreement among the stages."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from random_programs import arguments_of, load

from tapeless import TapelessError, grad, value_and_grad, vjp
from tapeless.ir.check import check
from tapeless.ir.interp import evaluate
from tapeless.ir.text import parse_program, print_program

STEP = 1e-4
TOLERANCE = {False: 2e-6, True: 2e-3}  # of a slope, relative to the size of what is added up; with float32 in it
ROUNDING = {False: 1e-11, True: 2e-4}

Numbers = list[Any]


class Skipped(Exception):
    """The program says nothing: tapeless refuses it with an explanation, or it has no slope here."""


def refused(error: Exception) -> bool:
    """Whether the error says that a number's stand-in has no items (`x[None]`) and no axes."""
    words = (
        "boolean index of shape",  # of no elements, which NumPy lets pass
        "has two lengths",
        "Cannot cast",
        "out is the wrong size",
        "where mask from shape",  # of an array copied to itself, which NumPy does not look at
        "broadcast together with shapes (0,)",
        "'traced scalar' object is not subscriptable",
        "'traced scalar' object does not support item assignment",
    )
    unreached = any("in <lambda> at" in note for note in getattr(error, "__notes__", ()))  # a body that is not run
    empty = "broadcast" in str(error) and re.search(r"\(0,|, 0[,)]", str(error))
    return unreached or bool(empty) or any(w in str(error) for w in words)


def is_float(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f")


def type_name(value: Any) -> str:
    return f"{type(value).__name__} {np.asarray(value).dtype}{list(np.shape(value))}"


class Program:
    """A program with its arguments: each check of it raises AssertionError, or Skipped where nothing can be said."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.function = load(text)
        self.coarse = "f32" in text or "float32" in text
        self.argnums = tuple(k for k, a in enumerate(arguments_of(text)) if is_float(a))
        self.compiled = value_and_grad(self.function, argnums=self.argnums)
        self.half = False  # whether float16 is computed with, as np.sin of booleans does
        self.rng = np.random.default_rng(int(text.splitlines()[0].split()[-1]))

    def arguments(self, factor: float = 1.0, step: float = 0.0, directions: Any = (), layout: str = "") -> Numbers:
        """Fresh arguments; factor != 1: other values of the same types."""

        def change(number: int, drawn: Any) -> Any:
            if drawn.dtype.kind == "f":
                return drawn * factor + (step * directions[number] if len(directions) else 0)
            return drawn if factor == 1.0 else (drawn + 1) % 3 if drawn.dtype.kind == "i" else ~drawn

        return arguments_of(self.text, change, layout)

    def inputs(self) -> Numbers:
        """What the programs are called with: Python's own integers are part of them."""
        return [a for a in self.arguments() if type(a) not in (int, bool)]

    def directions(self) -> tuple[Numbers, Numbers]:
        """One for each argument as it is drawn, and as it reaches the function."""
        drawn = [self.rng.normal(size=np.shape(a)) for a in self.arguments()]
        reached = arguments_of(self.text, lambda k, a: drawn[k] if a.dtype.kind == "f" else a)
        return drawn, [np.asarray(reached[k], dtype=float) for k in self.argnums]

    def same(self, found: Any, expected: Any, what: str, exact: bool = False) -> None:
        a, b = type_name(found), type_name(expected)
        assert a.split(" ", 1)[1] == b.split(" ", 1)[1], f"{what}: {a}, not {b}"
        if exact:
            np.testing.assert_array_equal(found, expected, err_msg=what)
        else:
            bound = 2e-2 if self.half else ROUNDING[self.coarse]
            np.testing.assert_allclose(found, expected, rtol=bound, atol=bound, err_msg=what)

    def ordinary(self, factor: float) -> bool:
        """Whether nothing is infinite on the way."""
        try:
            with np.errstate(all="raise", under="ignore"):
                self.function(*self.arguments(factor))
        except Exception:
            return False
        return True

    def asks(self) -> bool:
        """Whether what it means depends on how arrays lie in memory."""
        return bool(re.search(r"ravel|reshape|contiguous|flat", self.text))

    def copies_lie_otherwise(self) -> bool:
        """Whether the copies of arguments that vjp keeps may mean another program: one that asks for the layout."""
        return self.repeats("") or bool(self.asks() and re.search(r" [-/FT];|part;", self.text.splitlines()[0]))

    def repeats(self, layout: str) -> bool:
        """Whether memory is read-only, and what NumPy says to a write that changes nothing is not the question."""
        return layout == "0" or " 0;" in self.text.splitlines()[0]

    def call(self, arguments: Numbers) -> Any:
        try:
            return self.compiled(*arguments)
        except TapelessError as error:
            raise Skipped(f"{type(error).__name__}: {str(error).splitlines()[0]}") from None
        except Exception as error:
            if "read-only" in str(error) and self.repeats(""):
                raise Skipped("memory that repeats itself") from None
            if not refused(error) and not re.search("same|part;", self.text.splitlines()[0]):
                raise
            raise Skipped(str(error).splitlines()[0]) from None

    # ------------------------------------------------------------------------------------------------------ checks

    def check(self) -> None:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            left, given = self.arguments(), self.arguments()
            try:
                value = self.function(*left)
            except Exception as error:
                raise Skipped("NumPy refuses it") from error
            if not np.isfinite(value):
                raise Skipped("not finite")
            found, gradient = self.call(given)
            stages = self.compiled.lower(*self.arguments())
            self.half = "f16" in str(stages.trace)
            self.same(found, value, "the value")
            for after, expected in zip(given, left, strict=True):
                self.same(after, expected, "an argument after the call")
            self.check_stages(found, gradient)
            self.check_cache(found, gradient)
            self.check_slope(self.function, gradient)
            self.check_elsewhere()
            self.check_cache(found, gradient)
            self.check_pullback(gradient)
            self.check_pieces()
            if self.rng.integers(4) == 0 and not self.half and not self.copies_lie_otherwise():
                self.check_second_order(gradient)

    def check_stages(self, value: Any, gradient: Any) -> None:
        """Each stage is a valid program that the interpreter computes the same for, also after a round trip as text."""
        stages = self.compiled.lower(*self.arguments())
        for program in (stages.trace, stages.adjoint, stages.optimized):
            check(program)
            printed = print_program(program)
            read = check(parse_program(printed))
            assert print_program(read) == printed
            results = evaluate(program, self.inputs(), stages.captured)
            for a, b in zip(results, evaluate(read, self.inputs(), stages.captured), strict=True):
                self.same(a, b, "after a round trip as text", exact=True)
            if program is not stages.trace:
                for a, b in zip(results, (value, *gradient), strict=True):
                    self.same(b, a, "the source beside the interpreter")

    def check_cache(self, value: Any, gradient: Any) -> None:
        """The same again from the cache; what the caller does with a gradient touches nothing."""
        before = [np.array(g) for g in gradient]
        given = self.arguments()
        again, second = self.compiled(*given)
        self.same(again, value, "another call's value", exact=True)
        arrays = [g for g in (*gradient, *second) if isinstance(g, np.ndarray)]
        for number, one in enumerate(arrays):
            assert one.flags.writeable, "a gradient is read-only"
            for other in (*arrays[:number], *(a for a in given if isinstance(a, np.ndarray))):
                assert not np.shares_memory(one, other), "a gradient shares memory"
        for a, b in zip(second, before, strict=True):
            self.same(a, b, "another call's gradient", exact=True)
        for a, k in zip(gradient, self.argnums, strict=True):
            wanted = type_name(self.arguments()[k])
            assert type_name(a) == wanted, f"the gradient of a {wanted} is a {type_name(a)}"

    def slope(self, function: Callable[..., float], directions: Numbers, factor: float) -> tuple[float, float]:
        """The slope along the directions and the size of the numbers in it; Skipped where differences disagree."""

        def at(step: float) -> float:
            try:
                return float(function(*self.arguments(factor, step, directions)))
            except Exception as error:
                raise Skipped("NumPy refuses other values") from error

        values = {k: at(k * STEP) for k in (-4, -2, -1, 0, 1, 2, 4)}
        fine = (8 * (values[1] - values[-1]) - (values[2] - values[-2])) / (12 * STEP)
        coarse = (8 * (values[2] - values[-2]) - (values[4] - values[-4])) / (24 * STEP)
        right = (4 * values[1] - values[2] - 3 * values[0]) / (2 * STEP)
        left = (-4 * values[-1] + values[-2] + 3 * values[0]) / (2 * STEP)
        scale = 1 + max(map(abs, values.values())) + abs(fine)
        if not abs(fine - coarse) <= TOLERANCE[False] * scale or not abs(right - left) <= 1e-3 * scale:
            raise Skipped("a kink or a steep place")
        return fine, scale

    def check_slope(self, function: Callable[..., Any], gradient: Any, factor: float = 1.0, what: str = "") -> None:
        """The gradient along random directions beside differences, of the program in float64."""
        if self.half:
            return
        if self.coarse:
            double = Program(re.sub("f32", "f64", self.text.replace("float32", "float64")))
            value, wide = (p.function(*p.arguments(factor)) for p in (self, double))
            if not abs(value - wide) < 1e-4 * (1 + abs(value)):
                raise Skipped("it is another program in float64")
            function = double.function if function is self.function else function
        else:
            double = self
        for _ in range(2):
            directions, reached = self.directions()
            slope, scale = double.slope(function, directions, factor)
            found = sum(float(np.sum(g * d)) for g, d in zip(gradient, reached, strict=True))
            if abs(found - slope) <= TOLERANCE[self.coarse] * scale:
                continue
            near = self.call(self.arguments(factor, 1e-9, directions))[1]
            if any(np.abs(a - b).max(initial=0) > 1e-4 * scale for a, b in zip(gradient, near, strict=True)):
                raise Skipped("a tie but for rounding")
            raise AssertionError(f"the gradient{what} gives {found!r}, differences give {slope!r}")

    def check_elsewhere(self) -> None:
        """Other values of the same types and other layouts: guards hold, or another path is traced."""
        for factor, layout in ((-0.8, ""), (0.5, ""), (1.0, "F"), (1.0, "-"), (-0.6, "/"), (1.0, "0")):
            if layout == "0" and self.asks():
                continue  # no copy of such memory lies as it does
            left, given = self.arguments(factor, layout=layout), self.arguments(factor, layout=layout)
            try:
                value = self.function(*left)
            except Exception as reason:
                try:
                    self.compiled(*given)
                except Exception:
                    continue
                if self.repeats(layout) or re.search("out of bounds|output parameter|read-only", str(reason)):
                    continue  # a read that nobody needs, a write of nothing into memory that is read-only
                raise AssertionError(f"NumPy refuses at {factor} {layout}") from reason
            if not np.isfinite(value):
                continue
            try:
                found, gradient = self.call(given)
            except Skipped:
                continue
            except ValueError as error:
                if "read-only" not in str(error) or not self.repeats(layout):
                    raise
                continue
            self.same(found, value, f"the value at {factor} {layout}")
            for a, b in zip(given, left, strict=True):
                self.same(a, b, "an argument after another call")
            if not layout and self.ordinary(factor):
                try:
                    self.check_slope(self.function, gradient, factor, " elsewhere")
                except Skipped:
                    continue

    def check_pullback(self, gradient: Any) -> None:
        """vjp gives the same gradient, at each call of the pullback."""
        given = self.arguments()
        if len(self.argnums) < len(given) or self.copies_lie_otherwise():
            return
        try:
            _, pullback = vjp(self.function, *given)
        except TapelessError as error:
            assert "writes into its argument" in str(error)  # noqa: PT017
            return
        for a in given:
            if isinstance(a, np.ndarray) and a.flags.writeable:
                a[...] = 0
        for _ in range(2):
            for a, b in zip(pullback(np.float64(1.0)), gradient, strict=True):
                self.same(a, b, "the pullback")
                if isinstance(a, np.ndarray):
                    a[...] = np.nan

    def check_pieces(self) -> None:
        """The function that returns what the last line adds up, with random cotangents."""
        *lines, last = self.text.rstrip().splitlines()
        names = list(dict.fromkeys(re.findall(r"\b(?!np\b)[a-z]\w*(?= \*|\)|\))|(?<=\* )[a-z]\w*(?=\))", last)))
        if len(self.argnums) < len(self.arguments()) or self.copies_lie_otherwise():
            return
        function = load("\n".join([*lines, f"    return ({', '.join(names)},)\n"]))
        expected = function(*self.arguments())
        try:
            found, pullback = vjp(function, *self.arguments())
        except TapelessError:
            return
        assert len(found) == len(expected)
        if any(type(r) in (int, bool) for r in expected):
            return
        for name, a, b in zip(names, found, expected, strict=True):
            self.same(a, b, f"the result {name}")
        cotangents = tuple(self.rng.normal(size=np.shape(r)) * is_float(r) for r in expected)
        cast = tuple(np.asarray(c, np.asarray(r).dtype)[()] for c, r in zip(cotangents, expected, strict=True))
        try:
            gradient = pullback(cast)
        except TapelessError:
            return

        def total(*arguments: Any) -> float:
            results = function(*arguments)
            return sum(float(np.sum(c * r)) for c, r in zip(cotangents, results, strict=True))

        if not self.coarse:
            self.check_slope(total, gradient, what=" of pieces")

    def check_second_order(self, gradient: Any) -> None:
        """The gradient of a slope beside differences of the gradient."""
        _, reached = self.directions()

        def along(*arguments: Any) -> Any:
            own = [a.copy("K") if isinstance(a, np.ndarray) else a for a in arguments]
            parts = grad(self.function, argnums=self.argnums)(*own)
            return sum(np.sum(g * d) for g, d in zip(parts, reached, strict=True))

        try:
            found, second = value_and_grad(along, argnums=self.argnums)(*self.arguments())
        except TapelessError:
            return
        first = sum(float(np.sum(g * d)) for g, d in zip(gradient, reached, strict=True))
        np.testing.assert_allclose(found, first, rtol=1e-3 if self.coarse else 1e-9, atol=1e-3 if self.coarse else 1e-9)
        if not self.coarse:

            def at(*arguments: Any) -> float:
                return sum(float(np.sum(g * d)) for g, d in zip(self.compiled(*arguments)[1], reached, strict=True))

            self.check_second_slope(at, second)

    def check_second_slope(self, at: Callable[..., float], second: Any) -> None:
        directions, reached = self.directions()
        slope, scale = self.slope(at, directions, 1.0)
        found = sum(float(np.sum(g * d)) for g, d in zip(second, reached, strict=True))
        assert abs(found - slope) <= 1e-5 * scale, f"the second derivative gives {found!r}, differences give {slope!r}"


def check_program(text: str) -> None:
    """Everything that must hold for one program. AssertionError says what does not; Skipped: nothing can be said."""
    Program(text).check()
