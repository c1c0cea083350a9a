"""For the tests of gradients that are kept on disk: modules as other processes would load them."""

import importlib.util
import linecache
import sys
import textwrap

import numpy as np

from tapeless import grad

X = np.array([0.5, -1.2, 2.0])
BRANCH = """
A = np.arange(6.0).reshape(2, 3)
def f(x):
    h = np.tanh(A @ x)
    if h.sum() > 0:
        h = h * 3
    return (h**2).sum()
"""
_HEAD = "import functools, numpy as np\nfrom tapeless import grad\n"


class Modules:
    """Modules from text: each time one of its own, with functions of its own, as in another process."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch

    def __call__(self, text):
        path = self.folder / "model.py"
        path.write_text(_HEAD + textwrap.dedent(text))
        linecache.checkcache(str(path))
        spec = importlib.util.spec_from_file_location("model", path)
        module = importlib.util.module_from_spec(spec)
        self.monkeypatch.setitem(sys.modules, "model", module)
        spec.loader.exec_module(module)
        return module


def called(module, folder):
    """The gradient of the module's f at its arguments, whether it was traced for that, and the gradient function."""
    g = grad(module.f, cache=folder and str(folder))
    found = g(*getattr(module, "ARGS", (X,)))
    return found, g.cache_info().misses == 1, g


def files(folder):
    """What is kept in it."""
    return sorted(folder.glob("*/*.py"))
