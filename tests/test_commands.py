"""The command line: what it prints, writes, refuses and returns."""

import ast
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import LOSS, MODEL, here, run

from tapeless import grad
from tapeless.runtime.ahead import read_mark
from tapeless.runtime.commands import main
from tapeless.runtime.highlight import coloured

__all__ = ["here"]
SOME = {"w": np.linspace(-1, 1, 4), "x": np.arange(40.0).reshape(10, 4) / 40, "y": np.arange(10) % 2.0}


def function_in(text, name):
    namespace = {}
    exec(compile(text, "generated", "exec"), namespace)
    return namespace[name]


# ------------------------------------------------------------------------------------------------------------ show


def test_show_prints_the_source(here, capsys):
    code, out, err = run(capsys, "show", *LOSS, "--value")
    assert code == 0
    assert err == "a module may print\n"
    value, dw = function_in("import numpy as np\n" + out, "loss_value_and_grad")(*SOME.values())
    import m_model

    assert value == pytest.approx(m_model.loss(*SOME.values()))
    np.testing.assert_allclose(dw, grad(m_model.loss)(*SOME.values()))


def test_letters_of_every_script_come_out_as_python_reads_them(here):
    (here / "m_greek.py").write_text("def f(x):\n    é = x * x  # ☃\n    return é.sum()\n", encoding="utf-8")
    words = [sys.executable, "-m", "tapeless", "compile", "m_greek:f", "--args", "f64[3]", "-o", "-"]
    done = subprocess.run(words, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert "# line 2: é = x * x" in done.stdout.decode("utf-8"), done.stderr
    ast.parse(done.stdout)


@pytest.mark.parametrize("stage", ["trace", "adjoint", "optimized", "source"])
def test_show_prints_each_stage(here, capsys, stage):
    code, out, _ = run(capsys, "show", *LOSS, "--stage", stage)
    assert code == 0
    assert out.startswith("def loss_grad(w")
    assert out.endswith("\n")
    assert not out.endswith("\n\n")
    assert "\033" not in out
    assert ("# backward" in out) == (stage != "trace")


def test_show_a_file_and_a_nested_name(here, capsys):
    (here / "sub").mkdir()
    (here / "sub" / "own.py").write_text("from m_helper import f\n")
    (here / "sub" / "m_helper.py").write_text("def f(x):\n    return (x * x).sum()\n")
    assert run(capsys, "show", "sub/own.py:f", "--args", "f64[3]")[0] == 0
    code, out, _ = run(capsys, "show", "m_model:Held.inner", "--args", "f64[3]")
    assert code == 0
    assert "def inner_grad(x):" in out


def test_show_a_file_inside_of_a_package(here, capsys):
    (here / "m_pkg").mkdir()
    (here / "m_pkg" / "__init__.py").write_text("")
    (here / "m_pkg" / "part.py").write_text("def f(x):\n    return (x * x).sum()\n")
    (here / "m_pkg" / "user.py").write_text("from .part import f\n")
    assert run(capsys, "show", "m_pkg/user.py:f", "--args", "f64[3]")[0] == 0
    assert run(capsys, "show", "m_pkg.user:f", "--args", "f64[3]")[0] == 0


def test_structures_keywords_and_static_values(here, capsys):
    args = "{'w': f64[3, 2], 'b': f64[2]}, f64[4, 3], act='tanh', scale=float"
    code, out, _ = run(capsys, "show", "m_model:layer", "--args", args)
    assert code == 0
    code_lines = [line for line in out.splitlines() if not line.strip().startswith("#")]
    assert any("np.tanh" in line for line in code_lines)
    assert not any("np.maximum" in line for line in code_lines)
    assert "return {'w': dw, 'b': db}" in out


def test_argnums_by_number_and_by_name(here, capsys):
    _, by_number, _ = run(capsys, "show", *LOSS, "--argnums", "0,1")
    _, by_name, _ = run(capsys, "show", *LOSS, "--argnums", "w,x")
    _, one, _ = run(capsys, "show", *LOSS, "--argnums", "w,")
    assert by_number == by_name
    assert "return dw, dx" in by_name
    assert re.search(r"return \(?dw,", one)
    assert "with respect to w." in one


def test_a_decorated_function_keeps_what_its_decorator_says(here, capsys):
    code, out, _ = run(capsys, "compile", "m_model:decorated", "--args", "f64[2], float", "-o", "-")
    assert code == 0
    assert "--kind value_and_grad --argnums b,a" in out.splitlines()[0]
    value, (db, da) = function_in(out, "decorated_value_and_grad")(np.array([1.0, 2.0]), 3.0)
    assert (value, db) == (27.0, 18.0)
    np.testing.assert_array_equal(da, [9.0, 9.0])


# --------------------------------------------------------------------------------------------------------- colours


def test_colours_only_on_a_terminal(here, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\033[35mdef\033[0m" in run(capsys, "show", *LOSS)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in run(capsys, "show", *LOSS)[1]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\033" not in run(capsys, "show", *LOSS)[1]


def test_colours_change_nothing_but_colours():
    text = MODEL + '\n"""several\n\nlines"""  # é\nx = "é" + "ü"\n'
    assert coloured(text) != text
    assert re.sub(r"\033\[\d+m", "", coloured(text)) == text
    assert coloured("(not python") == "(not python"


# --------------------------------------------------------------------------------------------------------- compile


def test_compile_writes_a_module_that_needs_only_numpy(here, capsys):
    assert run(capsys, "compile", *LOSS, "--value", "-o", "out.py") == (0, "", "a module may print\n")
    text = Path("out.py").read_text()
    imports = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(n) for n in imports] == ["import numpy as np", "from numpy.typing import NDArray"]
    assert "belongs to whoever generated it" in ast.get_docstring(ast.parse(text))
    assert str(here) not in text
    import m_model

    value, dw = function_in(text, "loss_value_and_grad")(*SOME.values())
    assert value == pytest.approx(m_model.loss(*SOME.values()))
    np.testing.assert_allclose(dw, grad(m_model.loss)(*SOME.values()))
    assert not [p for p in os.listdir() if p.startswith(".tapeless")]


def test_standard_output_is_the_text_alone(here, capsys):
    run(capsys, "compile", *LOSS, "-o", "out.py")
    assert run(capsys, "compile", *LOSS, "-o", "-")[:2] == (0, Path("out.py").read_text())


def test_the_first_line_makes_it_again(here, capsys):
    args = "{'w': f64[3,2],'b':f64[2]},   f64[4,3],\n act='tanh'"
    run(capsys, "compile", "m_model:layer", "--args", args, "--argnums", "params,x", "--value", "-o", "out.py")
    first, _, _ = Path("out.py").read_text().partition("\n")
    assert first == (
        "# generated by tapeless 0.1.0: tapeless compile m_model:layer "
        "--args \"{'w': f64[3, 2], 'b': f64[2]}, f64[4, 3], act='tanh'\" --kind value_and_grad --argnums params,x"
    )
    assert read_mark(first + "\n")[0] == "0.1.0"


def test_has_aux(here, capsys):
    code, out, _ = run(capsys, "compile", "m_model:with_aux", "--args", "f64[3]", "--has-aux", "-o", "-")
    assert code == 0
    assert "--has-aux" in out.splitlines()[0]
    gradient, aux = function_in(out, "with_aux_grad")(np.arange(3.0))
    np.testing.assert_array_equal(gradient, [0, 2, 4])
    np.testing.assert_array_equal(aux, np.cos(np.arange(3.0)))


def test_captured_arrays_are_written_out(here, capsys):
    code, out, _ = run(capsys, "compile", "m_model:captured", "--args", "f64[3]", "-o", "-")
    assert code == 0
    np.testing.assert_array_equal(function_in(out, "captured_grad")(np.ones(3)), [1, 0, 0])


def test_another_shape_or_static_value_is_refused(here, capsys):
    _, out, _ = run(capsys, "compile", *LOSS, "-o", "-")
    with pytest.raises(ValueError, match=re.escape("x must be a NumPy array of dtype float64 and shape [10, 4]")):
        function_in(out, "loss_grad")(np.ones(4), np.ones((20, 4)), np.ones(20))
    args = "{'w': f64[3, 2], 'b': f64[2]}, f64[4, 3]"
    _, out, _ = run(capsys, "compile", "m_model:layer", "--args", args, "-o", "-")
    with pytest.raises(ValueError, match="power must be 2: this was made for that value alone"):
        function_in(out, "layer_grad")({"w": np.ones((3, 2)), "b": np.ones(2)}, np.ones((4, 3)), power=3)


def test_module_of_a_gradient_function_holds_to_its_shapes_too():
    def total(x):
        return np.mean(x * x)

    made = function_in(grad(total).module(np.ones(4)), "total_grad")
    np.testing.assert_array_equal(made(np.ones(4)), np.full(4, 0.5))
    with pytest.raises(ValueError, match="x must be a NumPy array of dtype float64 and shape"):
        made(np.ones(5))


def test_the_same_bytes_from_anywhere(here):
    """Other hash seeds and working directories; the module is named by its path."""
    (here / "sub").mkdir()
    texts = set()
    for seed, cwd, target, output in [
        ("0", here, "m_model.py:layer", "out.py"),
        ("1", here / "sub", "../m_model.py:layer", "../out.py"),
        ("2", here.parent, f"{here}/m_model.py:layer", str(here / "out.py")),
        ("3", here.parent, f"{here}/m_model.py:layer", "-"),
    ]:
        words = [target, "--args", "{'b': f64[2], 'w': f64[3,2]}, f64[4,3]", "--value", "-o", output]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "tapeless", "compile", *words]
        done = subprocess.run(command, cwd=cwd, env=environment, check=True, capture_output=True, text=True)
        texts.add(done.stdout if output == "-" else (here / "out.py").read_text())
    assert len(texts) == 1
    assert str(here) not in texts.pop()


def test_a_file_of_someone_else_is_left_alone(here, capsys):
    Path("mine.py").write_text("important = True\n")
    code, out, err = run(capsys, "compile", *LOSS, "-o", "mine.py")
    assert (code, out) == (2, "")
    assert "was not generated by tapeless" in err
    assert Path("mine.py").read_text() == "important = True\n"
    Path("empty.py").write_text("")
    assert run(capsys, "compile", *LOSS, "-o", "empty.py")[0] == 0
    assert run(capsys, "compile", *LOSS, "--value", "-o", "empty.py")[0] == 0
    assert "loss_value_and_grad" in Path("empty.py").read_text()


def test_an_error_leaves_the_old_file(here, capsys):
    run(capsys, "compile", *LOSS, "-o", "out.py")
    before = Path("out.py").read_text()
    assert run(capsys, "compile", "m_model:branch", "--args", "f64[3]", "-o", "out.py")[0] == 2
    assert Path("out.py").read_text() == before
    assert sorted(os.listdir()) == ["m_model.py", "out.py"]


@pytest.mark.skipif(os.name == "nt", reason="permissions of another kind")
def test_permissions_and_links_are_kept(here, capsys):
    run(capsys, "compile", *LOSS, "-o", "out.py")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(os.stat("out.py").st_mode) == 0o666 & ~mask
    os.chmod("out.py", 0o640)
    os.symlink("out.py", "link.py")
    assert run(capsys, "compile", *LOSS, "--value", "-o", "link.py")[0] == 0
    assert os.path.islink("link.py")
    assert "loss_value_and_grad" in Path("out.py").read_text()
    assert stat.S_IMODE(os.stat("out.py").st_mode) == 0o640


# ----------------------------------------------------------------------------------------------------------- check


def test_check_current_stale_and_wrong(here, capsys):
    assert run(capsys, "compile", *LOSS, "-o", "out.py")[0] == 0
    assert run(capsys, "check", "out.py")[:2] == (0, "")
    text = Path("out.py").read_text()
    Path("out.py").write_text(text.replace("(p - y)", "(p - 2 * y)"))
    code, out, err = run(capsys, "check", "out.py")
    assert code == 1
    assert out.startswith("--- out.py\n+++ out.py as it would be generated now\n@@")
    assert "(p - 2 * y)" in out
    assert "out.py is stale (it was edited after it was generated)" in err
    assert "f64[10, 4], f64[10]' --kind value_and_grad,grad --argnums 0 -o out.py" in err
    Path("mine.py").write_text("important = True\n")
    code, _, err = run(capsys, "check", "mine.py", "out.py", "absent.py")
    assert code == 2
    assert "mine.py does not begin with" in err
    assert "absent.py cannot be read" in err
    assert "out.py is stale" in err


def test_check_sees_a_changed_function(here, capsys):
    run(capsys, "compile", "m_model.py:loss", *LOSS[1:], "-o", "out.py")
    Path("m_model.py").write_text(MODEL.replace("-np.mean(y", "-2 * np.mean(y"))
    assert run(capsys, "check", "out.py")[0] == 1


def test_check_finds_a_path_from_the_module(here, capsys, monkeypatch):
    (here / "sub").mkdir()
    run(capsys, "compile", "m_model.py:loss", *LOSS[1:], "-o", "sub/out.py")
    assert "tapeless compile ../m_model.py:loss" in Path("sub/out.py").read_text()
    monkeypatch.chdir(here / "sub")
    assert run(capsys, "check", "out.py")[0] == 0


def test_check_accepts_the_text_of_an_older_version(here, capsys):
    run(capsys, "compile", *LOSS, "-o", "out.py")
    Path("out.py").write_text(Path("out.py").read_text().replace("tapeless 0.1.0", "tapeless 0.0.9"))
    assert run(capsys, "check", "out.py")[0] == 0


def test_check_with_a_damaged_first_line(here, capsys):
    run(capsys, "compile", *LOSS, "-o", "out.py")
    Path("out.py").write_text(Path("out.py").read_text().replace("--args '", "--args "))
    code, _, err = run(capsys, "check", "out.py")
    assert code == 2
    assert err == "tapeless: the first line of out.py cannot be read; generate it again with tapeless compile\n"


def test_help_and_version(capsys):
    for words in (["--version"], ["--help"], ["compile", "--help"]):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 0
    assert "--has-aux" in capsys.readouterr().out


def test_a_reader_that_leaves_early(here):
    command = f"{sys.executable} -m tapeless show m_model:loss --args 'f64[4], f64[10, 4], f64[10]' | true"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0
