"""[tool.tapeless] in pyproject.toml: all modules of a project written and checked at once, and what is wrong in it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import here, run

__all__ = ["here"]

PROJECT = """\
[project]
name = "p_shapes"

[tool.tapeless]
path = ["src"]

[[tool.tapeless.modules]]
output = "src/p_shapes/_gradients.py"
functions = [
    { target = "p_shapes.model:loss", args = "f64[d], f64[n, d], f64[n]", kind = "value_and_grad", argnums = "w,x" },
    { target = "p_shapes.model:loss", args = "f32[d], f32[n, d], f32[n]", kind = ["grad", "hvp"], name = "single" },
    { target = "p_shapes.model:branch", args = "f64[n]", example = "tests/up.npz" },
]

[[tool.tapeless.modules]]
output = "src/p_shapes/_extra.py"
target = "src/p_shapes/model.py:aux"
args = "f64[3]"
argnums = [0]
optimize = "readable"
has_aux = true
"""
MODEL = """\
import numpy as np


def loss(w, x, y):
    return np.mean((x @ w - y) ** 2)


def branch(x):
    return x.sum() if x[0] > 0 else x[1]


def aux(x):
    return np.sum(x * x), np.sin(x)
"""


@pytest.fixture
def project(here):
    for folder in ("src/p_shapes", "tests", "docs/deep"):
        (here / folder).mkdir(parents=True)
    (here / "pyproject.toml").write_text(PROJECT)
    (here / "src/p_shapes/__init__.py").write_text("")
    (here / "src/p_shapes/model.py").write_text(MODEL)
    np.savez(here / "tests/up.npz", x=np.ones(4))
    return here


def test_all_modules_are_written_and_checked(project, capsys, monkeypatch):
    code, out, err = run(capsys, "check")
    assert (code, out) == (1, "")
    assert "src/p_shapes/_gradients.py is missing; write it with: tapeless compile" in err.replace(os.sep, "/")
    monkeypatch.chdir(project / "docs/deep")
    before = list(sys.path)
    assert run(capsys, "compile") == (0, "", "")
    assert os.getcwd() == str(project / "docs/deep")
    assert sys.path == before
    assert run(capsys, "check") == (0, "", "")
    assert "--optimize readable\n" in (project / "src/p_shapes/_extra.py").read_text().replace(" --has-aux", "")
    program = """
import numpy as np
from p_shapes import _extra, _gradients
w, x, y = np.ones(2), np.ones((3, 2)), np.zeros(3)
value, (dw, dx) = _gradients.loss_value_and_grad(w, x, y)
print(value, dw, dx.shape, _gradients.single_grad(w.astype("f4"), x.astype("f4"), y.astype("f4")).dtype)
print(_gradients.branch_grad(np.ones(3)), _extra.aux_grad(np.ones(3))[0], "tapeless" in __import__("sys").modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=project / "src", capture_output=True, text=True)
    assert done.stdout == "4.0 [4. 4.] (3, 2) float32\n[1. 1. 1.] (array([2., 2., 2.]),) False\n", done.stderr


def test_what_is_stale_is_shown(project, capsys):
    run(capsys, "compile")
    extra = Path("src/p_shapes/_extra.py")
    current = extra.read_text()
    Path("src/p_shapes/model.py").write_text(MODEL.replace("np.sum(x * x)", "np.sum(x * x * x)"))
    for name in [name for name in sys.modules if name.startswith("p_shapes")]:
        del sys.modules[name]
    code, out, err = run(capsys, "check")
    assert code == 1
    assert out.count("+++ ") == 1
    assert "src/p_shapes/_extra.py is stale; write it again with: tapeless compile\n" in err.replace(os.sep, "/")
    assert extra.read_text() == current
    assert run(capsys, "check", "src/p_shapes/_extra.py")[0] == 1
    assert run(capsys, "compile")[0] == 0
    assert run(capsys, "check")[0] == 0
    assert extra.read_text() != current
    before = os.stat(extra).st_mtime_ns
    assert run(capsys, "compile")[0] == 0
    assert os.stat(extra).st_mtime_ns == before
    extra.write_text(extra.read_text() + "# mine\n")
    assert "(it was edited after it was generated)" in run(capsys, "check")[2]


def test_the_package_may_import_all_modules_before_they_exist(project, capsys):
    init = Path("src/p_shapes/__init__.py")
    init.write_text("from p_shapes._extra import aux_grad\nfrom p_shapes._gradients import loss_value_and_grad\n")
    assert run(capsys, "compile") == (0, "", "")
    assert run(capsys, "check") == (0, "", "")


def test_commands_with_a_function_import_from_the_project_too(project, capsys):
    run(capsys, "compile")
    assert run(capsys, "check", "src/p_shapes/_gradients.py", "src/p_shapes/_extra.py") == (0, "", "")
    assert run(capsys, "compile", "p_shapes.model:loss", "--args", "f64[3], f64[4, 3], f64[4]", "-o", "out.py")[0] == 0
    assert run(capsys, "show", "p_shapes.model:loss", "--args", "f64[3], f64[4, 3], f64[4]")[0] == 0
    assert str(project / "src") not in sys.path


def test_one_error_leaves_every_file_and_the_others_are_named_too(project, capsys):
    text = PROJECT.replace('example = "tests/up.npz"', 'kind = "grad"').replace("model.py:aux", "model.py:au")
    Path("pyproject.toml").write_text(text)
    code, out, err = run(capsys, "compile")
    assert (code, out) == (2, "")
    assert "pyproject.toml, src/p_shapes/_gradients.py: Python needs the truth of a condition here" in err
    assert "model.py:9:  return x.sum() if x[0] > 0 else x[1]" in err
    assert "pyproject.toml, src/p_shapes/_extra.py: src/p_shapes/model.py has no 'au'; did you mean aux?" in err
    assert sorted(os.listdir("src/p_shapes")) == ["__init__.py", "model.py"]


ONE = '[[tool.tapeless.modules]]\noutput = "g.py"\n'
FULL = f'{ONE}target = "m:f"\nargs = "f64"\n'
REAL = f'{ONE}target = "math:sin"\nargs = "f64"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no pyproject.toml here or in a folder above; name a function, or list it there"),
        ("[tool]\n", "pyproject.toml has no [tool.tapeless]; name a function, or list it there"),
        ("[tool\n", "pyproject.toml cannot be read: Expected ']'"),
        ("tool = 3\n", "pyproject.toml has no [tool.tapeless]"),
        ("[tool.tapeless]\n", "[tool.tapeless] lists no modules; write [[tool.tapeless.modules]] with output"),
        ("[tool.tapeless]\nmodule = []\n", "[tool.tapeless] has an unknown key module; did you mean modules?"),
        ("[tool.tapeless]\nmodules = 3\n", "[tool.tapeless]: modules must be a list, not 3"),
        ("[tool.tapeless]\nmodules = [3]\n", "[tool.tapeless], module 1 is not a table"),
        (f"[tool.tapeless]\npath = [1]\n{FULL}", "[tool.tapeless], path must be a list of strings; write path ="),
        ("[[tool.tapeless.modules]]\n", "[tool.tapeless], module 1 has no output; add the file to write"),
        (ONE, 'pyproject.toml, g.py lists no functions; add target = "pkg.model:loss"'),
        (f"{ONE}functions = [3]\n", "pyproject.toml, g.py, function 1 is not a table"),
        (f'{ONE}functions = [{{ args = "f64" }}]\n', "pyproject.toml, g.py, function 1 has no target; add target ="),
        (f'{ONE}target = "m:f"\n', "pyproject.toml, g.py has no args; add args ="),
        (f"{FULL}functions = []\n", "pyproject.toml, g.py has functions and also target, args; move these into one of"),
        (f"{FULL}arg = 3\n", "module 1 has an unknown key arg; did you mean args?"),
        (f"{FULL}xyz = 3\n", "module 1 has an unknown key xyz; it knows output, functions, target"),
        (f"{FULL}has_aux = 1\n", "module 1: has_aux must be true or false, not 1"),
        (f'{FULL}kind = "gradient"\n', "pyproject.toml, g.py: there is no kind 'gradient'"),
        (f'{REAL}optimize = "small"\n', "pyproject.toml, g.py: there is no optimize 'small'; there are fast and"),
        (f"{FULL}kind = []\n", "pyproject.toml, g.py: there is an empty list of kinds; the kinds are"),
        (f'{FULL}argnums = "a b"\n', "pyproject.toml, g.py: --argnums 'a b' cannot be read"),
        (f"{FULL}{FULL}", "[tool.tapeless] writes g.py twice; put its functions into one module"),
        (FULL, "pyproject.toml, g.py: there is no module m here or among the installed ones"),
        (FULL.replace("g.py", "absent/g.py"), "there is no folder absent to write"),
    ],
)
def test_what_is_wrong_in_it_is_named_with_the_fix(here, capsys, text, message):
    if text is not None:
        Path("pyproject.toml").write_text(text)
    code, out, err = run(capsys, "compile")
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
