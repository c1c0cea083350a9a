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

Choose = Callable[[int], int]  # n -> one of 0 ... n - 1

SHAPES = ("", "", "[3]", "[4]", "[3, 4]", "[2, 3, 4]", "[4, 1]", "[1, 4]", "[3, 3]", "[1]")
NUMBERS = ("0.5", "2", "-1.5", "0.1", "3.0", "1", "-1", "0.0", "1.0", "0", "np.float64(0.7)", "-2.0")
NAMES = ("a", "b", "c", "s", "t", "y", "out", "total", "dx", "z_1")
LARGEST = 40.0

# ruff: noqa: E501 - these are tables
# {a}, {b}, {c}: operands; {n}: a number; {s}: a single element; {m}: a condition
ELEMENTWISE = (
    *(
        "np.sin({a})",
        "np.cos({a})",
        "np.tanh({a})",
        "np.exp(0.3 * {a})",
        "np.log({a} ** 2 + 0.5)",
        "np.sqrt({a} * {a} + 1)",
    ),
    *("{a} ** 2", "{a} ** 3", "-{a}", "np.square({a})", "np.abs({a})", "1 / (1 + np.exp(-{a}))", "np.arctan({a})"),
    *("1 / ({a} * {a} + 0.3)", "np.clip({a}, -1.2, 0.9)", "np.maximum({a}, 0)", "{a} * {n}", "{n} * {a}", "{a} + {n}"),
    *(
        "{n} - {a}",
        "{a} / 1.7",
        "(1 - {a})",
        "{a} - {n}",
        "np.log1p({a} * {a})",
        "abs({a})",
        "+{a}",
        "{a} * {a}",
        "np.sinh(0.3 * {a})",
    ),
    *(
        "(2 + np.sin({a})) ** {n}",
        "2.0 ** {a}",
        "({a} ** 2 + 0.3) ** 0.5",
        "np.where({a} > 0.2, {a}, 0.3 * {a})",
        "{a} ** 1",
    ),
)
BINARY = (
    *("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / ({b} * {b} + 0.4)", "np.maximum({a}, {b})", "np.minimum({a}, {b})"),
    *("np.where({m}, {a}, {b})", "{a} * {b} + {c}", "{a} - ({b} - {c})", "{a} / (2.5 + np.cos({b}))", "-({a} * {b})"),
    *("np.hypot({a}, {b} + 0.1)", "np.arctan2({a}, {b} * {b} + 0.5)", "np.logaddexp({a}, {b})", "{a} * ({b} > 0.1)"),
    *("np.add({a}, {b})", "({a} ** 2 + 0.4) ** (0.3 * {b})", "np.where({a} > {b}, {a} * {b}, {c})", "{a} + {b} - {a}"),
)
REDUCTIONS = (
    *(
        "{a}.sum()",
        "np.sum({a})",
        "{a}.mean()",
        "np.mean({a}, axis={i})",
        "np.sum({a}, axis={i})",
        "{a}.max()",
        "np.min({a}, axis={i})",
    ),
    *(
        "{a}.sum(axis={i}, keepdims=True)",
        "np.max({a}, axis={i}, keepdims=True)",
        "np.std({a} * 1.3 + np.arange({a}.shape[-1]), axis={i})",
    ),
    *(
        "np.var({a})",
        "np.prod(1 + 0.1 * {a})",
        "np.linalg.norm({a} + 0.3)",
        "{a}.mean(axis=-1)",
        "np.cumsum({a}, axis={i})",
        "{a}.prod(axis={i})",
    ),
)
PRODUCTS = (
    *(
        "{a} @ {b}",
        "{a} @ {a}.T",
        "np.dot({a}, {b})",
        "{a}.T @ {b}",
        "np.outer({a}, {b})",
        "np.einsum('ij,j->i', {a}, {b})",
    ),
    *(
        "np.tensordot({a}, {b}, axes=1)",
        "-({a} @ {b})",
        "np.einsum('ij,ij->', {a}, {b})",
        "{a} @ {b}.swapaxes(-1, -2)",
        "np.inner({a}, {b})",
    ),
)
ARRANGED = (
    *(
        "{a}.T",
        "{a}.reshape(-1)",
        "{a}[::-1]",
        "{a}[None]",
        "{a}[..., None]",
        "{a}.ravel()",
        "np.flip({a})",
        "np.roll({a}, 1, axis=0)",
    ),
    *(
        "{a}[1:]",
        "{a}[:-1]",
        "{a}[..., 0]",
        "{a}[-1]",
        "{a}[0]",
        "{a}[:, 1]",
        "{a}[:, ::2]",
        "{a}.swapaxes(0, -1)",
        "np.diff({a})",
    ),
    *(
        "np.concatenate([{a}, {b}])",
        "np.stack([{a}, {b}])",
        "np.repeat({a}, 2, axis=0)",
        "np.broadcast_to({a}, (3, 4))",
        "{a}.flatten()",
    ),
    *(
        "{a}[[0, 2]]",
        "{a}[np.array([1, 1, 0])]",
        "np.stack([{s}, {s}])",
        "np.array([{s}, {s}, 0.5])",
        "np.squeeze({a})",
        "{a}[:]",
    ),
    *(
        "np.stack([row * 2 for row in {a}])",
        "sum({a}[k] for k in range(len({a})))",
        "np.tile({a}, 2)",
        "np.pad({a}, 1)",
        "{a}[1:][::-1]",
    ),
)
COPIES = (
    "{a}.copy()",
    "np.array({a})",
    "np.zeros_like({a})",
    "np.zeros({a}.shape)",
    "np.ones((3, 4))",
    "np.full({a}.shape, {s})",
    "np.zeros(4)",
)
ELEMENTS = (
    "{a}.sum()",
    "{a}.mean()",
    "{a}[0]",
    "{a}[-1]",
    "{a}[1, 2]",
    "{a}[..., 0].sum()",
    "{a}.max()",
    "{n}",
    "np.sum({a} * 0.3)",
)
CONDITIONS = ("{a} > 0.1", "{a} < {b}", "{a} >= {n}", "({a} > 0) & ({a} < 1)", "np.abs({a}) > 0.6", "~({a} > 0.3)")
TRUTHS = (
    "{s} > 0.2",
    "{s} < {s}",
    "({a} > 0).any()",
    "({a} > -2).all()",
    "{a}.shape[0] > 2",
    "not {s} > 0",
    "-1 < {s} < 1",
)
INDICES = (
    *(
        "0",
        "-1",
        "1",
        ":",
        "1:",
        ":2",
        "::2",
        "::-1",
        "...",
        "0, 1",
        "1, :",
        ":, 0",
        ":, 1:3",
        "..., 0",
        "0:0",
        "..., 1",
        "-2:",
    ),
    *("[0, 2]", "[1, 1]", "np.array([0, 1])", "{a} > 0.2", "[0, 1], [1, 2]", "None", "i", "1:, ::2", "0, :2"),
)
HELPERS = {
    "squash": "def squash(u):\n    v = np.tanh(u)\n    return 0.5 * v + 0.1\n",
    "scale": "def scale(u, by):\n    u *= by\n    return u\n",
    "mix": "def mix(u, v=0.5):\n    w = 0.5 * u\n    w += v\n    return w\n",
    "bump": "def bump(u):\n    u[0] = np.sin(u[0])\n    return u[1:]\n",
    "standard": "def standard(u):\n    m = u.mean()\n    s = np.sqrt(np.mean((u - m) ** 2) + 0.1)\n    return (u - m) / s\n",
    "twice": "def twice(f, u):\n    for _ in range(2):\n        u = f(u)\n    return u\n",
    "larger": "def larger(u, v):\n    if u.sum() > v:\n        return u * 0.9\n    return u + v\n",
    "fill": "def fill(u):\n    r = np.zeros(3)\n    for k in range(3):\n        r[k] = u[k % len(u)].sum() * k\n    return r\n",
}
CALLS = (
    *("squash({a})", "scale({a}, {s})", "scale({a}, 0.7)", "mix({a})", "mix({a}, {s})", "bump({a})", "standard({a})"),
    *(
        "twice(squash, {a})",
        "larger({a}, {n})",
        "larger({a}, {s})",
        "fill({a})",
        "scale({a}[1:], 0.5)",
        "mix(u={a}, v={b})",
    ),
)


class Rejected(Exception):
    """NumPy refuses the statement, or a value leaves the range in which differences are trustworthy."""


class Author:
    """Writes one program; every decision is asked of `choose`."""

    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.lines: list[str] = []
        kinds = [self.one(SHAPES) for _ in range(1 + choose(3))]
        self.parameters = ("x", "w", "v")[: len(kinds)]
        types = [f"f64{kind}" if kind else self.one(("float", "f64", "f64[()]")) for kind in kinds]
        self.header = f"# arguments: {'; '.join(types)}; seed {choose(1000)}"
        self.scope: dict[str, Any] = {}
        self.execute()

    def one(self, options: Any) -> Any:
        return options[self.choose(len(options))]

    def text(self, body: list[str]) -> str:
        head = f"def f({', '.join(self.parameters)}):\n"
        used = "".join(self.lines) + "".join(body)
        helpers = [text for name, text in HELPERS.items() if re.search(rf"\b{name}\b", used)]
        return "\n\n".join([self.header, *helpers, head + textwrap.indent("".join(body), "    ")])

    def write(self) -> str:
        for _ in range(3 + self.choose(10)):
            self.attempt(self.statement())
        return self.text([*self.lines, f"return {self.result()}\n"])

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
                scope = load(text)(*arguments_of(text))
        except Exception as error:
            raise Rejected from error
        for value in scope.values():
            if isinstance(value, float | np.ndarray | np.generic):
                size, largest = np.size(value), np.max(np.abs(value), initial=0.0)
                if size > 60 or not largest < LARGEST:
                    raise Rejected
        self.scope = scope

    # -------------------------------------------------------------------------------------------------- statements

    def statement(self) -> str:
        kinds = (self.assignment,) * 6 + (self.update,) * 5 + (self.alias,) * 2
        kinds += (self.branch, self.loop, self.call, self.call, self.pair, self.accumulate, self.out, self.rows)
        return str(self.one(kinds)())

    def target(self) -> str:
        return str(self.one(NAMES + tuple(self.parameters) if self.choose(4) == 0 else NAMES))

    def assignment(self) -> str:
        return f"{self.target()} = {self.expression(1 + self.choose(3))}\n"

    def alias(self) -> str:
        form = self.one(("{a}", *ARRANGED[:12], *COPIES))
        return f"{self.target()} = {self.fill(form, 0)}\n"

    def update(self) -> str:
        name = self.array()
        operator = self.one(("=", "=", "+=", "-=", "*=", "/=", "**="))
        value = self.fill(self.one(ELEMENTS), 0) if self.choose(2) else self.expression(self.choose(2))
        if operator in ("/=", "**="):
            value = f"(1.5 + {value} ** 2)" if operator == "/=" else "2"
        if operator != "=" and self.choose(3) == 0:
            return f"{name} {operator} {value}\n"
        index = self.fill(self.one(INDICES), 0).replace("i", "0") if self.choose(8) else "..."
        return f"{name}[{index}] {operator} {value}\n"

    def out(self) -> str:
        function = self.one(("np.add", "np.multiply", "np.subtract", "np.maximum"))
        return f"{function}({self.expression(0)}, {self.expression(1)}, out={self.array()})\n"

    def pair(self) -> str:
        form = self.one(("{0}, {1} = {2}, {3}", "{0} = {1} = {2}", "{0}, {1} = {1}, {0}"))
        return form.format(self.target(), self.target(), self.expression(1), self.expression(1)) + "\n"

    def accumulate(self) -> str:
        return f"{self.name()} {self.one(('+=', '-=', '*='))} {self.expression(self.choose(2))}\n"

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
            *(
                f"{name}[i] = {{a}}[i] * 0.5\n",
                f"{name}[i] += {{s}}\n",
                f"{name}[:, i] *= {{a}}[i]\n",
                f"{name} = {name} * 0.9 + {{n}}\n",
            ),
            *(
                f"{self.target()} = {{a}}[i] + {{n}}\n",
                f"{name}[i] = np.sin({name}[i - 1]) + {{a}}[i]\n",
                f"{name}[i] = {{a}}[-i].sum()\n",
            ),
            *(f"{name} += 0.1 * np.cos({name})\n", f"if {{a}}[i].sum() > 0:\n    {name}[i] = 2 * {{a}}[i]\n"),
        )
        body = "".join(self.fill(self.one(forms), 0) for _ in range(1 + self.choose(2)))
        return f"for i in {count}:\n{textwrap.indent(body, '    ')}"

    def rows(self) -> str:
        row = self.fill(self.one(("np.tanh({a}[k])", "{a}[k] * {s}", "{a}[k] + {b}[0]", "{a}[k].sum() * k")), 0)
        return f"rows = []\nfor k in range(2):\n    rows.append({row})\n{self.target()} = np.stack(rows)\n"

    def block(self) -> str:
        kinds = (self.assignment, self.update, self.alias, self.call, self.accumulate)
        return textwrap.indent("".join(self.one(kinds)() for _ in range(1 + self.choose(2))), "    ")

    def call(self) -> str:
        form = self.fill(self.one(CALLS), 0)
        return f"{form}\n" if self.choose(4) == 0 else f"{self.target()} = {form}\n"

    def result(self) -> str:
        """A number that depends on much of what is alive, each part with a weight of its own."""
        names = [n for n, v in self.scope.items() if isinstance(v, float | np.ndarray | np.generic)]
        kept = [n for n in names if self.choose(4)] or names
        parts = []
        for place, name in enumerate(kept):
            weight = f"{0.3 + 0.2 * place:.1f}"
            forms = ("np.sum({0} * {1})", "{1} * np.mean({0})", "np.sum(np.sin({1} * {0}))", "({0} * {1}).sum()")
            form = self.one(forms[:3] if type(self.scope[name]) is float else forms)  # which has no methods
            parts.append(form.format(name, weight))
        return " + ".join(parts)

    # ------------------------------------------------------------------------------------------------- expressions

    def named(self, wanted: Callable[[Any], bool]) -> list[str]:
        return [name for name, value in self.scope.items() if wanted(value)]

    def name(self) -> str:
        return str(self.one(self.named(lambda v: isinstance(v, float | np.ndarray | np.generic))))

    def array(self) -> str:
        return str(self.one(self.named(lambda v: isinstance(v, np.ndarray)) or [self.name()]))

    def expression(self, depth: int) -> str:
        if depth <= 0:
            return self.name()
        families = (ELEMENTWISE,) * 4 + (BINARY,) * 4 + (REDUCTIONS,) * 2 + (PRODUCTS, ARRANGED, ELEMENTS)
        return self.fill(self.one(self.one(families)), depth - 1)

    def fill(self, form: str, depth: int) -> str:
        """The form with operands; what has operators of its own is put in parentheses."""
        values: dict[str, str] = {}
        for place in sorted(set(re.findall(r"\{(\w)\}", form))):
            if place == "n":
                values[place] = self.one(NUMBERS)
            elif place == "i":
                values[place] = self.one(("0", "-1", "1", "None"))
            elif place == "s":
                single = self.named(lambda v: np.ndim(v) == 0 and isinstance(v, float | np.generic))
                values[place] = self.one(single) if single and self.choose(2) else self.fill(self.one(ELEMENTS[:-2]), 0)
            elif place == "m":
                values[place] = self.fill(self.one(CONDITIONS), 0)
            else:
                operand = self.expression(depth) if self.choose(4) else self.array()
                values[place] = operand if re.fullmatch(r"[\w.]+(\(\w*\))?", operand) else f"({operand})"
        return form.format(**values)


def arguments_of(text: str) -> list[Any]:
    """The arguments that the first line describes, the same at each call."""
    *types, seed = text.splitlines()[0].removeprefix("# arguments: ").split("; ")
    random = np.random.default_rng(int(seed.removeprefix("seed ")))
    return [argument(type_, random) for type_ in types]


def argument(type_: str, random: np.random.Generator) -> Any:
    shape = tuple(int(n) for n in re.findall(r"\d+", type_.removeprefix("f64")))
    drawn = random.uniform(0.3, 1.4, shape) * random.choice([-1.0, 1.0], shape, p=[0.4, 0.6])
    return float(drawn) if type_ == "float" else np.float64(drawn) if type_ == "f64" else np.array(drawn)


def load(text: str) -> Callable[..., Any]:
    """The function of a program, with its lines known to tracebacks."""
    file = "<program>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope: dict[str, Any] = {"np": np}
    exec(compile(text, file, "exec"), scope)
    function: Callable[..., Any] = scope["f"]
    return function
