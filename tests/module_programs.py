"""Programs for the tests of modules, what the command line makes of them, and a process that has only numpy."""

import subprocess
import sys

import numpy as np
import pytest
from command_line import here, run

__all__ = ["here"]

PROGRAMS = """\
import enum
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from tapeless import checkpoint, fori_loop, grad, hessian, hvp

TABLE = np.array([1.0, -2.0, 0.5])


@dataclass
class Params:
    w: np.ndarray
    b: float = 0.5


class Pair(NamedTuple):
    a: np.ndarray
    c: np.ndarray


def loss(w, x, y):
    return np.mean((np.tanh(x @ w) - y) ** 2)


def both(w, scale=2.0, *, power=2):
    return scale * np.array([np.sum(w**power), np.prod(w), 1.0])


def model(params, x):
    return np.sum(np.tanh(x @ params.w + params.b))


def pair(p):
    return {"out": np.sum(p.a**2 * p.c)}["out"]


def branch(x, s=1.0):
    if x.sum() > 0:
        return s * np.sum(x**2)
    return s * np.sum(x**3)


def with_aux(w):
    return np.sum(w**2), {"cos": np.cos(w)}


def written(x):
    x *= 2
    return np.sum(x * x)


def captured(x):
    return np.sum(TABLE * x * x)


ODD = np.array([1 + 2j, complex(np.nan, -0.0), complex(-0.0, -np.inf), -0.5j])
FLAGS = np.array([[True, False]])


def odd(x):
    return np.sum(x * x), (x[0] * ODD, np.where(FLAGS, x[1], 0.0))


def inner(x):
    return np.sin(x) * x


def twice(x):
    return np.sum(checkpoint(inner)(checkpoint(inner)(x)))


def steps(x, count=300):
    return np.sum(fori_loop(0, count, lambda i, s: s - 0.01 * np.sin(s), x))


def scaled(x, scale=2.0):
    return scale * np.sum(np.sin(x) ** 2)


def stacked(p):
    y = 1.0
    for key in p:
        y = np.sin(y * p[key])
    return np.sum(y)


def several(*xs):
    return sum(np.sum(x**2) for x in xs)


def first(x, *others):
    return np.sum(x) + len(others)


def nested(layers):
    return sum(np.sum(w * b) for w, b, *_ in layers)


class Mode(enum.Enum):
    FAST = 1
    SLOW = 2


@dataclass(frozen=True)
class Setting:
    act: Any = np.sin
    mode: Mode = Mode.FAST
    dtype: Any = np.dtype(float)
    part: range = range(2)


@dataclass(frozen=True)
class Odd(Setting):
    act: Any = lambda x: x


def chosen(setting, x):
    y = setting.act(x) if setting.mode is Mode.FAST else x
    return np.sum(y.astype(setting.dtype)[list(setting.part)])


curvature = hessian(loss)
product = hvp(loss)
slope = grad(loss, argnums=1)
"""
OTHER = """\
import numpy as np
from tapeless import checkpoint

TABLE = np.array([3.0, 4.0, 5.0])


def other(x):
    return np.sum(TABLE * x)


def same(x):
    return np.sum(np.array([3.0, 4.0, 5.0]) * TABLE * x)


def inner(x):
    return np.cos(x) * x


def thrice(x):
    return np.sum(checkpoint(inner)(x))
"""
LINES = PROGRAMS.splitlines()
LOSS, BRANCH = LINES.index("def loss(w, x, y):") + 1, LINES.index("    if x.sum() > 0:") + 1
ARGS = "f64[4], f64[n, 4], f64[n]"
RNG = np.random.default_rng(3)
W, X, Y = RNG.normal(size=4), RNG.normal(size=(10, 4)), RNG.normal(size=10)
ALONE = """\
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tapeless", "astor", "scipy"):
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
sys.path.insert(0, ".")
import numpy as np
"""


class Own(np.ndarray):
    """Arrays of somebody else's class."""


@pytest.fixture
def programs(here):
    (here / "m_programs.py").write_text(PROGRAMS)
    (here / "m_other.py").write_text(OTHER)
    return here


def compiled(capsys, *words):
    """The text, and what is defined in it."""
    code, out, err = run(capsys, "compile", *words, "-o", "-")
    assert code == 0, err
    namespace = {}
    exec(compile(out, "generated", "exec"), namespace)
    return out, namespace


def alone(program):
    """What a process prints that can import nothing but numpy."""
    done = subprocess.run([sys.executable, "-c", ALONE + program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
