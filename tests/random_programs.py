"""Random NumPy functions as source text. A program is text alone: its first line says what it is called with.

Each statement is tried in NumPy while the text grows, so that every program runs, stays finite and stays small.
"""

from __future__ import annotations

import linecache
import re
import textwrap
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from random_forms import (
    ARRANGED,
    BINARY,
    BLOCKS,
    CALLS,
    CONDITIONS,
    COPIES,
    ELEMENTS,
    ELEMENTWISE,
    HELPERS,
    INDICES,
    KINDS,
    LOOPED,
    NAMES,
    NUMBERS,
    OTHERS,
    PRODUCTS,
    REDUCTIONS,
    STATEMENTS,
    TRUTHS,
    VIEWS,
)

import tapeless

Choose = Callable[[int], int]  # n -> one of 0 ... n - 1
LARGEST = 40.0
LONGEST = 60  # elements
NUMBER = (float, int, np.ndarray, np.generic)


class Rejected(Exception):
    """NumPy refuses the statement, or a value leaves the range in which differences are trustworthy."""


def is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def is_number(value: Any) -> bool:
    return isinstance(value, NUMBER)


def is_single(value: Any) -> bool:
    return is_number(value) and np.ndim(value) == 0


def is_index(value: Any) -> bool:
    """Whole numbers that are small enough for the axes in use."""
    return isinstance(value, np.ndarray | np.integer) and value.dtype.kind == "i" and np.all(np.abs(value) < 3)


class Author:
    """Writes one program; every decision is asked of `choose`."""

    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.lines: list[str] = []
        kinds = [self.one(KINDS) for _ in range(1 + choose(3))] + [self.one(OTHERS) for _ in range(choose(3))]
        self.parameters = ("x", "w", "v", "p", "q")[: len(kinds)]
        self.header = f"# arguments: {'; '.join(kinds)}; seed {choose(1000)}"
        self.part = ""
        self.scope: dict[str, Any] = {}
        self.execute()

    def one(self, options: Any) -> Any:
        if not options:
            raise Rejected
        return options[self.choose(len(options))]

    def text(self, body: list[str]) -> str:
        head = f"def f({', '.join(self.parameters)}):\n"
        used = "".join(self.lines) + "".join(body) + self.part
        helpers = [text for name, text in HELPERS.items() if re.search(rf"\b{name}\b", used)]
        if re.search(r"\bpart\(", "".join(self.lines) + "".join(body)):
            helpers.append(self.part)
        return "\n\n".join([self.header, *helpers, head + textwrap.indent("".join(body), "    ")])

    def write(self) -> str:
        if self.choose(4) == 0:
            self.part = self.helper()
        for _ in range(3 + self.choose(10)):
            self.attempt(self.statement())
        return self.text([*self.lines, f"return {self.result()}\n"])

    def helper(self) -> str:
        """A function of the first two arguments, with statements of its own."""
        whole, self.parameters = self.parameters, self.parameters[:2] if len(self.parameters) > 1 else ("x", "w=0.5")
        try:
            for _ in range(1 + self.choose(4)):
                self.attempt(self.statement())
            body = "".join(self.lines) + f"return {self.expression(1)}\n"
        finally:
            self.parameters, self.lines = whole, []
        self.execute()
        return (
            f"def part({', '.join(whole[:2] if len(whole) > 1 else ('x', 'w=0.5'))}):\n{textwrap.indent(body, '    ')}"
        )

    def attempt(self, text: str) -> None:
        """Keep the statement if the program still runs with it."""
        self.lines.append(text)
        try:
            self.execute()
        except Rejected:
            self.lines.pop()

    def execute(self) -> None:
        text = self.text([*self.lines, "return locals()\n"])
        try:
            with np.errstate(all="raise", under="ignore"), warnings.catch_warnings(action="error"):
                scope = load(text)(*arguments_of(text)[: len(self.parameters)])
        except Exception as error:
            raise Rejected from error
        for value in scope.values():
            if is_number(value):
                if np.size(value) > LONGEST or not np.max(np.abs(value), initial=0.0) < LARGEST:
                    raise Rejected
        self.scope = scope

    # -------------------------------------------------------------------------------------------------- statements

    def statement(self) -> str:
        kinds = (self.assignment,) * 6 + (self.update,) * 6 + (self.alias,) * 3 + (self.listed,) * 3
        kinds += (self.branch, self.loop, self.call, self.call, self.pair, self.accumulate, self.out, self.structured)
        return str(self.one(kinds)())

    def target(self) -> str:
        return str(self.one(NAMES + tuple(self.scope) if self.choose(4) == 0 else NAMES))

    def assignment(self) -> str:
        return f"{self.target()} = {self.expression(1 + self.choose(3))}\n"

    def alias(self) -> str:
        return f"{self.target()} = {self.fill(self.one(self.one((VIEWS, VIEWS, COPIES))), 0)}\n"

    def update(self) -> str:
        name = self.array() if self.choose(3) else self.fill(self.one(VIEWS), 0)
        operator = self.one(("=", "=", "+=", "-=", "*=", "/=", "**="))
        value = self.fill(self.one(ELEMENTS), 0) if self.choose(2) else self.expression(self.choose(2))
        if operator in ("/=", "**="):
            value = f"(1.5 + {value} ** 2)" if operator == "/=" else "2"
        if operator != "=" and self.choose(3) == 0 and name.isidentifier():
            return f"{name} {operator} {value}\n"
        index = self.fill(self.one(INDICES), 0) if self.choose(8) else "..."
        return f"{name}[{index}] {operator} {value}\n"

    def out(self) -> str:
        function = self.one(("np.add", "np.multiply", "np.subtract", "np.maximum"))
        return f"{function}({self.expression(0)}, {self.expression(1)}, out={self.fill(self.one(VIEWS[:20]), 0)})\n"

    def pair(self) -> str:
        form = self.one(("{0}, {1} = {2}, {3}", "{0} = {1} = {2}", "{0}, {1} = {1}, {0}"))
        return form.format(self.target(), self.target(), self.expression(1), self.expression(1)) + "\n"

    def accumulate(self) -> str:
        return f"{self.name()} {self.one(('+=', '-=', '*='))} {self.expression(self.choose(2))}\n"

    def listed(self) -> str:
        return self.fill(self.one(self.one((STATEMENTS, BLOCKS))), self.choose(2)).removesuffix("\n") + "\n"

    def structured(self) -> str:
        return f"{self.target()} = {self.fill(self.one(LOOPED), 0)}\n"

    def branch(self) -> str:
        condition = self.fill(self.one(TRUTHS), 0)
        if self.choose(3) == 0:
            return f"{self.target()} = {self.expression(1)} if {condition} else {self.expression(1)}\n"
        text = f"if {condition}:\n{self.block()}"
        return text + (f"else:\n{self.block()}" if self.choose(2) else "")

    def loop(self) -> str:
        count = self.one(("range(3)", "range(2)", f"range({self.array()}.shape[0])", "(0, 2, 1)", "range(2, -1, -1)"))
        name = self.array()
        forms = (
            *(f"{name}[i] = {{a}}[i] * 0.5\n", f"{name}[i] += {{s}}\n", f"{name}[:, i] *= {{a}}[i]\n"),
            *(f"{name} = {name} * 0.9 + {{n}}\n", f"{self.target()} = {{a}}[i] + {{n}}\n"),
            *(f"{name}[i] = np.sin({name}[i - 1]) + {{a}}[i]\n", f"{name}[i] = {{a}}[-i].sum()\n"),
            *(f"{name} += 0.1 * np.cos({name})\n", f"if {{a}}[i].sum() > 0:\n    {name}[i] = 2 * {{a}}[i]\n"),
            *(f"{self.target()} = {name}[i:]\n", self.statement() if self.choose(4) == 0 else f"{name}[i] *= i\n"),
        )
        body = "".join(form if form == forms[-1] else self.fill(form, 0) for form in self.several(forms))
        return f"for i in {count}:\n{textwrap.indent(body, '    ')}"

    def several(self, options: Any) -> list[Any]:
        return [self.one(options) for _ in range(1 + self.choose(2))]

    def block(self) -> str:
        kinds = (self.assignment, self.update, self.alias, self.call, self.accumulate, self.listed)
        return textwrap.indent("".join(kind() for kind in self.several(kinds)), "    ")

    def call(self) -> str:
        form = self.fill(self.one(CALLS), 0)
        return f"{form}\n" if self.choose(4) == 0 else f"{self.target()} = {form}\n"

    def result(self) -> str:
        """A number that depends on much of what is alive, each part with a weight of its own."""
        names = self.named(is_number)
        kept = [n for n in names if self.choose(4)] or names
        parts = []
        for place, name in enumerate(kept):
            weight = f"{0.3 + 0.2 * place:.1f}"
            forms = ("np.sum({0} * {1})", "np.sum(np.sin({1} * {0}))", "{1} * np.mean({0})", "({0} * {1}).sum()")
            value = self.scope[name]
            usable = 4 if is_array(value) and np.size(value) else 2  # numbers have no methods, and no items no mean
            parts.append(self.one(forms[:usable]).format(name, weight))
        return " + ".join(parts)

    # ------------------------------------------------------------------------------------------------- expressions

    def named(self, wanted: Callable[[Any], bool]) -> list[str]:
        return [name for name, value in self.scope.items() if wanted(value) and name != "_"]

    def name(self) -> str:
        return str(self.one(self.named(is_number)))

    def array(self) -> str:
        return str(self.one(self.named(is_array) or [self.name()]))

    def expression(self, depth: int) -> str:
        if depth <= 0:
            return self.name()
        families = (ELEMENTWISE,) * 4 + (BINARY,) * 4 + (REDUCTIONS,) * 2 + (PRODUCTS, ARRANGED, ELEMENTS)
        return self.fill(self.one(self.one(families)), depth - 1)

    def fill(self, form: str, depth: int) -> str:
        """The form with operands; what has operators of its own is put in parentheses."""
        values: dict[str, str] = {}
        for place in sorted(set(re.findall(r"(?<!\{)\{(\w)\}", form))):
            if place == "n":
                values[place] = self.one(NUMBERS)
            elif place == "i":
                values[place] = self.one(("0", "-1", "1", "None"))
            elif place in "vw":
                values[place] = self.array()
            elif place == "r":
                values[place] = self.target()
            elif place == "k":
                values[place] = self.one((*self.named(is_index), "[0, 2]", "[1, 1, 0]", "np.array([0, 1])"))
            elif place == "s":
                single = self.named(is_single)
                values[place] = self.one(single) if single and self.choose(2) else self.fill(self.one(ELEMENTS[:7]), 0)
            elif place == "m":
                values[place] = self.fill(self.one(CONDITIONS), 0)
            else:
                operand = self.expression(depth) if self.choose(4) else self.array()
                values[place] = operand if re.fullmatch(r"[\w.]+(\(\w*\))?", operand) else f"({operand})"
        return form.format(**values)


# ------------------------------------------------------------------------------------------------------- arguments


Change = Callable[[int, Any], Any]  # the number of an argument and what was drawn for it -> other numbers


def arguments_of(text: str, change: Change = lambda number, drawn: drawn, layout: str = "") -> list[Any]:
    """The arguments that the first line describes, the same at each call; with other numbers, in other memory."""
    *types, seed = text.splitlines()[0].removeprefix("# arguments: ").split("; ")
    random = np.random.default_rng(int(seed.removeprefix("seed ")))
    arguments: list[Any] = []
    for number, type_ in enumerate(types):
        if type_ in ("same", "part"):  # the first argument again, or memory of it
            first = arguments[0]
            arguments.append(first if type_ == "same" or np.ndim(first) == 0 else first[::-1])
        else:
            arguments.append(argument(type_, random, lambda drawn, k=number: change(k, drawn), layout))
    return arguments


def argument(type_: str, random: np.random.Generator, change: Callable[[Any], Any], layout: str) -> Any:
    """`f64[3, 4] F`: a dtype, a shape (none: a number) and a layout."""
    matched = re.fullmatch(r"(\w+?)(\[.*\])?( .)?", type_)
    assert matched
    dtype, written, known = matched.groups()
    shape = tuple(int(n) for n in re.findall(r"\d+", written or ""))
    if dtype in ("i64", "int"):
        drawn = random.integers(0, 3, shape)
    elif dtype == "bool":
        drawn = random.uniform(size=shape) > 0.4
    else:
        drawn = random.uniform(0.3, 1.4, shape) * random.choice([-1.0, 1.0], shape, p=[0.4, 0.6])
    drawn = change(drawn)
    if written is None:
        kinds = {"float": float, "int": int, "bool": bool, "f64": np.float64, "f32": np.float32, "i64": np.int64}
        return kinds[dtype](drawn)
    drawn = np.array(drawn, dtype=np.float32) if dtype == "f32" else np.array(drawn)
    return laid_out(drawn, layout or (known or " C")[1])


def laid_out(array: Any, layout: str) -> Any:
    """The numbers in other memory: Fortran's order, transposed, backwards, with gaps, or one row again and again."""
    if array.ndim == 0 or layout == "C":
        return array.copy()
    if layout == "F":
        return np.asfortranarray(array).copy("F")
    if layout == "T":
        return np.moveaxis(np.moveaxis(array, 0, -1).copy(), -1, 0)
    if layout == "-":
        return array[::-1].copy()[::-1]
    if layout == "/":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return np.broadcast_to(array[:1].copy(), array.shape)


def load(text: str) -> Callable[..., Any]:
    """The function of a program, with its lines known to tracebacks."""
    file = "<program>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope: dict[str, Any] = {"np": np}
    scope |= {name: getattr(tapeless, name) for name in ("scan", "fori_loop", "while_loop", "cond")}
    exec(compile(text, file, "exec"), scope)
    function: Callable[..., Any] = scope["f"]
    return function
