"""What is imported when: a first gradient loads what it needs, and the rest comes when it is asked for."""

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import tapeless
from tapeless.ir import ops
from tapeless.tracer import functions

ROOT = Path(tapeless.__file__).parent
IMPORT = "import tapeless"
FIRST_CALL = """
import numpy as np
from tapeless import grad, value_and_grad

def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

grad(rosenbrock)(np.linspace(-1, 1, 10))
value_and_grad(rosenbrock)(np.linspace(-1, 1, 10))
"""
LIBRARIES = ("scipy", "hashlib", "_hashlib", "random", "secrets", "uuid", "numpy.random")
FAMILIES = {f"tapeless.ir.ops.{name}" for name in ops.OF_SCIPY}
FAMILIES |= {f"tapeless.tracer.functions.{name}" for name in functions.OF_SCIPY}
LATER = {f"tapeless.{module}" for module in tapeless._LATER} | {
    "tapeless.ir.dependence",
    "tapeless.ir.sparsity",
    "tapeless.ir.text",
    "tapeless.codegen.assembled",
    "tapeless.runtime.ahead",
    "tapeless.runtime.commands",
    "tapeless.runtime.debugging",
    "tapeless.runtime.derivatives",
    "tapeless.runtime.nested",
    "tapeless.tracer.adjoints",
    "tapeless.implicit",
    "tapeless.nn",
    "tapeless.testing",
}


def loaded_by(program):
    """The modules that a fresh process holds after the program."""
    return set(printed(program + "\nimport sys\nprint(*sys.modules)").split())


def printed(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("program", [IMPORT, FIRST_CALL], ids=["import", "first call"])
def test_nothing_is_loaded_that_an_ordinary_gradient_does_not_need(program):
    loaded = loaded_by(program)
    assert "tapeless.runtime.gradient" in loaded
    numpys = loaded_by("import numpy, numpy.fft, numpy.linalg")  # older versions import numpy.random themselves
    assert not {m for m in loaded - numpys if m in LIBRARIES or m.startswith("scipy.")}
    assert loaded & FAMILIES == set()
    assert loaded & LATER == set()


def test_what_writes_text_is_loaded_by_the_first_call_and_only_by_it():
    """Who has no function to compile, or finds the text on disk, need not wait for it."""
    imported = loaded_by("import numpy as np\nfrom tapeless import grad, value_and_grad")
    assert not any(m.startswith(("tapeless.codegen", "tapeless.ir.passes", "astor")) for m in imported)
    after = loaded_by(FIRST_CALL)
    again = "value_and_grad(lambda x, y: np.sum(np.exp(x @ y)))(np.ones((2, 2)), np.ones(2))"
    assert {m for m in loaded_by(FIRST_CALL + again) - after if m.startswith("tapeless")} == set()


def test_the_modules_that_are_left_out_exist():
    for name in LATER | FAMILIES:
        path = ROOT.joinpath(*name.split(".")[1:])
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), name


@pytest.mark.parametrize(
    ("library", "call", "family"),
    [
        ("scipy.special", "scipy.special.erf(x)", "special"),
        ("scipy.special", "scipy.special.logsumexp(x)", "special"),
        ("scipy.linalg", "scipy.linalg.expm(np.outer(x, x))", "scipy_linalg"),
        ("scipy.linalg", "scipy.linalg.toeplitz(x)", "scipy_matrices"),
        ("scipy.signal", "scipy.signal.detrend(x)", "scipy_signal"),
        ("scipy.stats", "scipy.stats.norm.logpdf(x)", "scipy_stats"),
        ("scipy.fft", "scipy.fft.dct(x)", None),
    ],
)
def test_a_family_of_scipy_is_loaded_when_its_library_is_there(library, call, family):
    pytest.importorskip("scipy")
    text = f"""
import sys
import numpy as np
from tapeless import grad
grad(np.sum)(np.ones(3))
import {library}
def f(x):
    return np.sum(({call}) ** 2)
x = np.array([0.5, -0.3, 0.2])
g, v = grad(f)(x), np.array([1.0, 2.0, -1.0])
assert abs(g @ v - (f(x + 1e-6 * v) - f(x - 1e-6 * v)) / 2e-6) < 1e-6, g
print("tapeless.tracer.functions.{family}" in sys.modules)
"""
    assert printed(text) == f"{family is not None}\n"


def test_a_ufunc_of_scipy_that_the_function_imports():
    pytest.importorskip("scipy")
    text = """
import numpy as np
from tapeless import grad
def f(x):
    from scipy.special import erf
    return np.sum(erf(x))
print(np.allclose(grad(f)(np.zeros(2)), 2 / np.sqrt(np.pi)))
"""
    assert printed(text) == "True\n"


@pytest.mark.parametrize("name", ["scipy_erf", "scipy_dct", "scipy_lfilter"])
def test_an_operation_is_found_by_its_name(name):
    assert printed(f"from tapeless.ir.op import BY_NAME\nprint(BY_NAME[{name!r}])") == f"<op {name}>\n"


def test_no_operation_of_that_name():
    text = "from tapeless.ir.op import BY_NAME\ntry: BY_NAME['erfinvc']\nexcept KeyError as error: print(error)"
    assert printed(text) == "'erfinvc'\n"


LIBRARY = """
import types
import numpy as np
from tapeless import TracingError, grad
library = types.ModuleType("library")  # whose functions are not read for what they draw
exec("def noise(): import numpy; return numpy.random.default_rng().normal()", vars(library))
vars(library)["__file__"] = "/usr/lib/site-packages/library.py"
def f(x):
    return np.sum(x) * library.noise()
try:
    grad(f)(np.ones(2))
except TracingError as error:
    print(error)
"""
DIRECT = """
import numpy as np
from tapeless import TracingError, grad
def f(x):
    {statement}
    return np.sum(x) * {draw}
try:
    grad(f)(np.ones(2))
except TracingError as error:
    print(error)
"""
DRAWS = {
    "numpy.random": ("pass", "np.random.rand()"),
    "default_rng": ("pass", "np.random.default_rng().normal()"),
    "import numpy.random": ("import numpy.random as r", "r.normal()"),
    "from numpy.random": ("from numpy.random import default_rng", "default_rng().normal()"),
    "random": ("import random", "random.random()"),
    "Random": ("from random import Random", "Random().random()"),
    "SystemRandom": ("from random import SystemRandom", "SystemRandom().random()"),
    "uuid": ("import uuid", "uuid.uuid4().int"),
    "secrets": ("import secrets", "secrets.randbelow(5)"),
}


@pytest.mark.parametrize("program", [LIBRARY, *(DIRECT.format(statement=s, draw=d) for s, d in DRAWS.values())])
def test_draws_are_refused_whoever_imports_their_module_first(program):
    assert "Try: " in printed(program)


def test_every_public_name_is_found():
    names = "import tapeless\nfrom tapeless import *\nassert set(tapeless.__all__) <= set(dir(tapeless))\n"
    names += "assert all(globals()[name] is getattr(tapeless, name) for name in tapeless.__all__)\n"
    names += "print(*sorted(name for name in tapeless.__all__ if callable(globals()[name])))"
    assert printed(names).split() == tapeless.__all__


def test_a_name_of_ours_hides_no_module_and_no_module_hides_a_name():
    text = "import tapeless.tracer.checkpoint, tapeless.runtime.sparse, tapeless.ir.sparsity\n"
    text += "print(tapeless.checkpoint.__name__, tapeless.sparsity.__name__, tapeless.sparsity.__module__)"
    assert printed(text) == "checkpoint sparsity tapeless.runtime.sparse\n"


def test_no_such_name():
    with pytest.raises(AttributeError, match="module 'tapeless' has no attribute 'gradient'"):
        tapeless.gradient  # noqa: B018


def test_public_functions_are_pickled_by_name():
    for name in tapeless.__all__:
        assert pickle.loads(pickle.dumps(getattr(tapeless, name))) is getattr(tapeless, name)


def test_editors_are_told_of_the_same_names():
    """The imports under TYPE_CHECKING are the table by which names are found."""
    tree = ast.parse((ROOT / "__init__.py").read_text())
    told = [n for block in tree.body if isinstance(block, ast.If) for n in block.body if isinstance(n, ast.ImportFrom)]
    assert {n.module: " ".join(alias.name for alias in n.names) for n in told} == tapeless._LATER
