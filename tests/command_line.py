"""What the tests of the command line share: a folder with a module in it, and running a command there."""

import sys

import pytest

from tapeless.runtime.commands import main

MODEL = """\
import numpy as np
from tapeless import grad, value_and_grad

print("a module may print")
SCALE = np.array([1.0, np.inf, -np.nan])
BIG = np.ones(2000)
number = 3


def loss(w, x, y):
    p = 1 / (1 + np.exp(-(x @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def layer(params, x, act="relu", power=2, *, scale=0.5):
    h = x @ params["w"] + params["b"]
    h = np.maximum(h, 0) if act == "relu" else np.tanh(h)
    return scale * np.sum(h**power)


def branch(x):
    if x[0] > 0:
        return x.sum()
    return (x * x).sum()


def with_aux(x):
    return np.sum(x**2), np.cos(x)


def captured(x):
    return np.sum(np.where(np.isfinite(SCALE), SCALE, 0) * x)


def too_big(x):
    return np.sum(BIG * x)


def misfit(x):
    return np.sum(x @ np.ones((7, 7)))


def vector(x):
    return 2 * x


@value_and_grad(argnums=("b", "a"))
def decorated(a, b):
    return np.sum(a * b * b)


class Held:
    @staticmethod
    def inner(x):
        return np.sum(x**3)
"""
LOSS = ["m_model:loss", "--args", "f64[4], f64[10, 4], f64[10]"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder with the model in it, which is the current directory; imports are undone afterwards."""
    (tmp_path / "m_model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and file.startswith(str(tmp_path)):
            del sys.modules[name]


def run(capsys, *words):
    """(exit code, standard output, standard error)."""
    code = main(list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err
