"""Modules with several functions, of every kind: what they compute, what they refuse, and how they are written."""

import ast
import hashlib
import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from module_programs import ARGS, BRANCH, LOSS, OTHER, RNG, Own, W, X, Y, alone, compiled, here, programs
from numpy.typing import NDArray

import tapeless
from tapeless import TapelessError, compile_module, grad
from tapeless.runtime.kinds import KINDS

__all__ = ["here", "programs"]


# ---------------------------------------------------------------------------------------------------------- the kinds


def test_every_kind_in_one_module(programs, capsys):
    text, made = compiled(capsys, "m_programs:loss", "--args", ARGS, "--argnums", "w", "--kind", ",".join(KINDS))
    from m_programs import loss

    v = RNG.normal(size=4)
    for rows in (1, 7):
        args = W, X[:rows], Y[:rows]
        value, gradient = tapeless.value_and_grad(loss)(*args)
        assert made["loss_value"](*args) == pytest.approx(loss(*args), rel=1e-15)
        np.testing.assert_allclose(made["loss_grad"](*args), gradient, rtol=1e-14)
        np.testing.assert_allclose(made["loss_value_and_grad"](*args)[0], value, rtol=1e-14)
        out, pullback = made["loss_vjp"](*args)
        np.testing.assert_allclose([out, *pullback(2.0)], [value, *(2 * gradient)], rtol=1e-14)
        np.testing.assert_allclose(made["loss_jvp"](*args, v), (value, gradient @ v), rtol=1e-13)
        np.testing.assert_allclose(made["loss_jacobian"](*args), gradient, rtol=1e-13)
        np.testing.assert_allclose(made["loss_value_and_jacobian"](*args)[1], gradient, rtol=1e-13)
        matrix = tapeless.hessian(loss)(*args)
        np.testing.assert_allclose(made["loss_hessian"](*args), matrix, rtol=1e-12)
        np.testing.assert_allclose(made["loss_hvp"](*args, v), matrix @ v, rtol=1e-12)
    assert text.count("def check_arguments") == text.count("import numpy as np") == 1


def test_the_usual_kinds_are_the_value_with_the_gradient_and_the_gradient(programs, capsys):
    text, made = compiled(capsys, "m_programs:loss", "--args", ARGS)
    _, gradient = made["loss_value_and_grad"](W, X, Y)
    np.testing.assert_array_equal(made["loss_grad"](W, X, Y), gradient)
    assert text.count("# backward") == 1
    _, made = compiled(capsys, "m_programs:with_aux", "--args", "f64[4]", "--has-aux")
    gradient, aux = made["with_aux_grad"](W)
    np.testing.assert_array_equal(gradient, 2 * W)
    np.testing.assert_array_equal(aux["cos"], np.cos(W))


def test_arguments_of_every_sort_are_passed_on(programs, capsys):
    words = ["m_programs:both", "--args", "f64[3], scale=float, power=3", "--argnums", "w,scale"]
    _, made = compiled(capsys, *words, "--kind", "vjp,jvp,jacobian")
    w, v = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.25, -1.0])
    from m_programs import both

    assert list(inspect.signature(made["both_jvp"]).parameters) == ["w", "scale", "power", "w_dot", "scale_dot"]
    dw, dscale = made["both_vjp"](w, 4.0, power=3)[1](np.array([1.0, -1.0, 0.0]))
    jacobians = made["both_jacobian"](w, 4.0, power=3)
    np.testing.assert_allclose(dw, jacobians[0][0] - jacobians[0][1])
    assert dscale == pytest.approx(jacobians[1][0] - jacobians[1][1])
    out, moved = made["both_jvp"](w, 4.0, power=3, w_dot=v, scale_dot=2.0)
    np.testing.assert_allclose(out, both(w, 4.0, power=3))
    np.testing.assert_allclose(moved, jacobians[0] @ v + 2 * jacobians[1])
    with pytest.raises(ValueError, match="power must be 3"):
        made["both_jvp"](w, 4.0, w_dot=v, scale_dot=2.0, power=2)


def test_defaults_stay_beside_a_vector(programs, capsys):
    _, made = compiled(capsys, "m_programs:steps", "--args", "f64[2]", "--kind", "hvp,jvp")
    _, scaled = compiled(capsys, "m_programs:scaled", "--args", "f64[2], float", "--kind", "hvp")
    v = np.array([1.0, -1.0])
    from m_programs import scaled as plain
    from m_programs import steps

    x = np.array([0.3, 0.4])
    np.testing.assert_allclose(made["steps_hvp"](x, v=v), tapeless.hvp(steps)(x, v), rtol=1e-12)
    np.testing.assert_allclose(made["steps_jvp"](x, x_dot=v)[1], tapeless.grad(steps)(x) @ v, rtol=1e-12)
    np.testing.assert_allclose(scaled["scaled_hvp"](x, v=v), tapeless.hvp(plain)(x, v), rtol=1e-12)
    np.testing.assert_allclose(scaled["scaled_hvp"](x, 3.0, v=v), tapeless.hvp(plain)(x, 3.0, v), rtol=1e-12)
    assert [str(p) for p in inspect.signature(scaled["scaled_hvp"]).parameters.values()][1] == "scale: float = 2.0"


def test_a_derivative_of_the_users_module_is_compiled_as_it_is(programs, capsys):
    _, made = compiled(
        capsys, "m_programs:curvature", "--args", ARGS, "--and", "m_programs:product", "--args", f"{ARGS}, f64[4]",
        "--and", "m_programs:slope", "--args", ARGS,
    )  # fmt: skip
    from m_programs import loss

    matrix = tapeless.hessian(loss)(W, X, Y)
    np.testing.assert_allclose(made["loss_hessian"](W, X, Y), matrix, rtol=1e-12)
    np.testing.assert_allclose(made["loss_hvp"](W, X, Y, W), matrix @ W, rtol=1e-12)
    np.testing.assert_allclose(made["loss_grad"](W, X, Y), grad(loss, argnums=1)(W, X, Y), rtol=1e-12)
    assert run(capsys, "compile", "m_programs:curvature", "--args", ARGS, "-o", "out.py")[0] == 0
    assert run(capsys, "check", "out.py") == (0, "", "")
    _, made = compiled(capsys, "m_programs:slope", "--args", ARGS, "--kind", "jacobian")
    assert made["loss_jacobian"](W, X, Y).shape == (10, 4)


# --------------------------------------------------------------------------------------------------------- structures


def test_dataclasses_and_named_tuples(programs, capsys):
    text, made = compiled(
        capsys, "m_programs:model", "--args", "Params(f64[3]), f64[n, 3]",
        "--and", "m_programs:pair", "--args", "p=Pair(c=f64[3], a=f64[3])", "--kind", "hvp,grad",
    )  # fmt: skip
    from m_programs import Pair, Params, model

    params, x = Params(np.array([1.0, 2.0, 3.0]), 0.25), RNG.normal(size=(5, 3))
    value, gradient = made["model_value_and_grad"](params, x)
    want = grad(model)(params, x)
    assert value == pytest.approx(model(params, x))
    assert type(gradient) is Params
    np.testing.assert_allclose(gradient.w, want.w)
    assert gradient.b == pytest.approx(want.b)
    p = Pair(np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0]))
    assert type(made["pair_grad"](p)) is type(made["pair_hvp"](p, p)) is Pair
    np.testing.assert_array_equal(made["pair_grad"](p).c, p.a**2)
    assert "m_programs" not in "".join(ast.unparse(n) for n in ast.walk(ast.parse(text)) if "Import" in str(type(n)))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("Params(f64[3], w=f64), f64", "Params has the fields w, b, each once"),
        ("Params(b=float), f64", "Params needs w"),
        ("Params(f64, f64, f64), f64", "Params needs fewer fields"),
        ("np.array(3), f64", "np.array is no dataclass or named tuple"),
        ("Nothing(f64), f64", "Nothing is no dataclass or named tuple"),
    ],
)
def test_structures_that_do_not_exist(programs, capsys, args, message):
    code, out, err = run(capsys, "compile", "m_programs:model", "--args", args, "-o", "-")
    assert (code, out) == (2, "")
    assert message in err


# ------------------------------------------------------------------------------------------------------ several in one


def test_what_several_functions_bring_along_stands_once_or_under_other_names(programs, capsys):
    words = [
        "m_programs:captured", "--args", "f64[3]", "--and", "m_other:other", "--args", "f64[3]",
        "--and", "m_other:same", "--args", "f64[3]", "--and", "m_programs:twice", "--args", "f64[3]",
        "--and", "m_other:thrice", "--args", "f64[3]", "--and", "m_other:thrice", "--args", "f64[4]", "--name", "more",
    ]  # fmt: skip
    text, made = compiled(capsys, *words)
    x = np.array([0.5, -1.0, 2.0])
    np.testing.assert_array_equal(made["captured_grad"](x), [1.0, 4.0, 2.0])
    np.testing.assert_array_equal(made["other_grad"](x), [3.0, 4.0, 5.0])
    np.testing.assert_array_equal(made["same_grad"](x), [9.0, 16.0, 25.0])
    from m_other import thrice
    from m_programs import twice

    np.testing.assert_allclose(made["twice_grad"](x), grad(twice)(x), rtol=1e-14)
    np.testing.assert_allclose(made["thrice_grad"](x), grad(thrice)(x), rtol=1e-14)
    np.testing.assert_allclose(made["more_grad"](np.ones(4)), grad(thrice)(np.ones(4)), rtol=1e-14)
    defined = [n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)]
    assert len(defined) == len(set(defined))
    assert text.count("TABLE = np.array([3.0, 4.0, 5.0]") == 0
    assert text.count("TABLE_2 = np.array([3.0, 4.0, 5.0]") == 1
    code, _, err = run(capsys, "compile", *words[:3], "--and", *words[:3], "-o", "-")
    assert code == 2
    assert "two functions of the module would be called captured_value_and_grad; give one of them another --name" in err


def test_captured_numbers_of_every_sort(programs, capsys):
    _, made = compiled(capsys, "m_programs:odd", "--args", "f64[3]", "--has-aux", "--kind", "grad")
    with np.errstate(invalid="ignore"):
        _, (_, flags) = made["odd_grad"](np.ones(3))
    from m_programs import ODD

    assert (made["ODD"].view(float).tobytes(), made["ODD"].dtype) == (ODD.view(float).tobytes(), ODD.dtype)
    np.testing.assert_array_equal(flags, [[1.0, 0.0]])


def test_check_makes_several_functions_again(programs, capsys, monkeypatch):
    np.savez("sample.npz", x=np.ones(3))
    (programs / "sub").mkdir()
    words = ["m_programs.py:branch", "--args", "f64[3]", "--kind", "hvp", "--example", "sample.npz"]
    words += ["--and", "m_other.py:other", "--args", "f64[3]", "-o", "sub/out.py"]
    assert run(capsys, "compile", *words)[0] == 0
    assert "    --and ../m_other.py:other --args 'f64[3]' --kind value_and_grad,grad" in Path("sub/out.py").read_text()
    assert run(capsys, "check", "sub/out.py")[0] == 0
    monkeypatch.chdir(programs / "sub")
    assert run(capsys, "check", "out.py")[0] == 0
    Path("../m_other.py").write_text(OTHER.replace("3.0", "3.5"))
    code, out, err = run(capsys, "check", "out.py")
    assert code == 1
    assert "+TABLE = np.array([3.5, 4.0, 5.0]" in out
    assert "out.py is stale; write it again with" in err


# ------------------------------------------------------------------------------------------------------------ branches


@pytest.mark.parametrize("length", ["3", "n"])
def test_an_example_pins_the_path_and_the_guard_raises(programs, capsys, length):
    words = ["m_programs:branch", "--args", f"f64[{length}], float", "--argnums", "x,s", "--kind", "grad,hvp,jvp"]
    code, _, err = run(capsys, "compile", *words, "-o", "-")
    assert code == 2
    assert f"m_programs.py:{BRANCH}:  if x.sum() > 0:" in err
    assert "--example data.npz" in err
    np.savez("up.npz", x=np.ones(3), s=2.0)
    np.savez("down.npz", -np.ones(3), 2.0)
    x = np.array([1.0, 2.0, 0.5])
    for file, sign, slope in (("up.npz", 1, 2 * 2 * x), ("down.npz", -1, 2 * 3 * x**2)):
        _, made = compiled(capsys, *words, "--example", file)
        dx, _ = made["branch_grad"](sign * x, 2.0)
        np.testing.assert_allclose(dx, sign * slope if sign > 0 else slope)
        _, moved = made["branch_jvp"](sign * x, 2.0, x_dot=x, s_dot=0.0)
        assert moved == pytest.approx(dx @ x)
        with pytest.raises(made["GuardMiss"], match=f"the other outcome of the branch at m_programs.py:{BRANCH}"):
            made["branch_hvp"](-sign * x, 2.0, v=(x, 0.0))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones(4)}, "x in e.npz is float64[4], but --args says f64[3]"),
        ({"x": np.ones(3, int)}, "x in e.npz is int64[3], but --args says f64[3]"),
        ({"y": np.ones(3)}, "e.npz has no array x, only y"),
        ({"x": np.ones(3), "z": np.ones(3)}, "e.npz has an array z, which is no argument"),
        (None, "there is no file e.npz; write one with np.savez('e.npz', x=x, ...)"),
        (b"PK", "e.npz cannot be read as arrays"),
    ],
)
def test_examples_that_cannot_be_used(programs, capsys, arrays, message):
    if isinstance(arrays, bytes):
        Path("e.npz").write_bytes(arrays)
    elif arrays is not None:
        np.savez("e.npz", **arrays)
    code, _, err = run(capsys, "compile", "m_programs:branch", "--args", "f64[3]", "--example", "e.npz", "-o", "-")
    assert code == 2
    assert message in err


# ----------------------------------------------------------------------------------------------------------- the text


def test_a_module_runs_where_only_numpy_is(programs, capsys):
    np.savez("up.npz", x=np.ones(3))
    words = ["m_programs:loss", "--args", "f64[d], f64[n, d], f64[n]", "--kind", "value_and_grad,hvp,vjp"]
    words += ["--and", "m_programs:model", "--args", "Params(f64[3]), f64[n, 3]"]
    words += ["--and", "m_programs:branch", "--args", "f64[k]", "--example", "up.npz"]
    words += ["--and", "m_programs:steps", "--args", "f64[k]", "-o", "made.py"]
    assert run(capsys, "compile", *words)[0] == 0
    printed = alone("""
import types, made
for n, d in ((1, 1), (5, 3), (0, 2), (40, 7)):
    w, x, y = np.linspace(-1, 1, d), np.ones((n, d)), np.arange(n) / 2
    with np.errstate(all="ignore"):
        value, dw = made.loss_value_and_grad(w, x, y)
        same, pullback = made.loss_vjp(w, x, y)
    assert value == same or n == 0
    assert dw.shape == pullback(1.0).shape == made.loss_hvp(w, x, y, w).shape == w.shape
class Params:
    def __init__(self, w, b):
        self.w, self.b = w, b
assert made.model_grad(Params(np.ones(3), 0.5), np.ones((2, 3))).w.shape == (3,)
print(made.branch_grad(np.ones(2)), made.steps_grad(np.zeros(1)).shape)
try:
    made.branch_grad(-np.ones(2))
except made.GuardMiss as miss:
    print(miss)
""")
    miss = f"this module was made for the other outcome of the branch at m_programs.py:{BRANCH}"
    assert printed == f"[2. 2.] (1,)\n{miss}\n"


def test_the_same_bytes_from_anywhere(programs):
    words = ["m_programs.py:loss", "--args", ARGS, "--kind", "value_and_grad,hessian", "--and", "m_other.py:other"]
    texts = set()
    for seed, folder in [("0", "."), ("77", "sub")]:
        (programs / folder).mkdir(exist_ok=True)
        up = os.path.relpath(programs, programs / folder)
        placed = [f"{up}/{word}" if word.startswith("m_") else word for word in words]
        command = [sys.executable, "-m", "tapeless", "compile", *placed, "--args", "f64[3]", "-o", f"{up}/out.py"]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run(command, cwd=programs / folder, env=environment, check=True)
        texts.add((programs / "out.py").read_bytes())
    assert len(texts) == 1


def test_the_header(programs, capsys):
    text, made = compiled(capsys, "m_programs:loss", "--args", ARGS)
    first, second, rest = text.split("\n", 2)
    assert first.startswith(f"# generated by tapeless {tapeless.__version__}: tapeless compile m_programs:loss --args")
    assert second == f"# sha256 of the lines below: {hashlib.sha256(rest.encode()).hexdigest()}"
    head = ast.get_docstring(ast.parse(text))
    assert head.startswith(f"Gradient code for loss (m_programs.py:{LOSS}), generated by tapeless.")
    types = "w: float64[4], x: float64[n, 4], y: float64[n]  ->  float64, float64[4]"
    assert types in head
    assert types in made["loss_value_and_grad"].__doc__
    assert "belongs to whoever generated it" in head
    signature = inspect.signature(made["loss_grad"])
    assert {p.annotation for p in signature.parameters.values()} == {NDArray[np.float64]}
    assert signature.return_annotation == NDArray[np.float64]
    whole = inspect.signature(made["loss_value_and_grad"])
    assert whole.return_annotation == tuple[np.float64, NDArray[np.float64]]


def test_types_of_what_is_no_array(programs, capsys):
    _, made = compiled(capsys, "m_model:layer", "--args", "{'w': f64[3, 2], 'b': f64[2]}, f32[n, 3], act='tanh'")
    types = {name: p.annotation for name, p in inspect.signature(made["layer_value_and_grad"]).parameters.items()}
    assert types == {
        "params": dict[str, NDArray[np.float64]], "x": NDArray[np.float32], "act": str, "power": int, "scale": float,
    }  # fmt: skip
    returned = inspect.signature(made["layer_grad"]).return_annotation
    assert returned == dict[str, NDArray[np.float64]]


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")
def test_formatters_and_linters_leave_it_alone(programs, capsys):
    names = [f"a_rather_long_parameter_{i}" for i in range(9)]
    Path("m_long.py").write_text(
        f"import numpy as np\ndef long({', '.join(names)}):\n    return np.sum({' * '.join(names)})\n"
    )
    words = ["m_programs:loss", "--args", ARGS, "--kind", ",".join(KINDS)]
    words += ["--and", "m_long:long", "--args", ", ".join(["f64[3]"] * 9), "-o", "out.py"]
    assert run(capsys, "compile", *words)[0] == 0
    for tool in (["format", "--check", "--isolated"], ["check", "--isolated", "--select", "E,F,W,I,B,UP,ANN,N,D,Q"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *tool, "--no-cache", "out.py"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_a_text_to_be_read_has_no_blocks(programs, capsys):
    words = ["m_programs:loss", "--args", "f64[2], f64[200000, 2], f64[200000]", "--kind", "value_and_grad"]
    fast, quick = compiled(capsys, *words)
    text, made = compiled(capsys, *words, "--optimize", "readable")
    assert "in blocks of" in fast
    assert "in blocks of" not in text
    assert " --optimize readable\n" in text
    run(capsys, "compile", *words, "--optimize", "readable", "-o", "plain.py")
    assert run(capsys, "check", "plain.py")[0] == 0
    w, x, y = np.linspace(-1, 1, 2), np.sin(np.arange(400000.0)).reshape(200000, 2), np.ones(200000)
    values, expected = made["loss_value_and_grad"](w, x, y), quick["loss_value_and_grad"](w, x, y)
    np.testing.assert_allclose(values[0], expected[0], rtol=1e-13)
    np.testing.assert_allclose(values[1], expected[1], rtol=1e-12)
    from m_programs import loss

    assert compile_module(loss, (w, x, y), kind="value_and_grad", optimize="readable") == text
    assert compile_module(grad(loss, optimize="readable"), (w, x, y)).count("in blocks of") == 0


def test_loops_stay_loops(programs, capsys):
    sizes = set()
    for count in (10, 3000):
        text, made = compiled(capsys, "m_programs:steps", "--args", f"f64[n], {count}", "--kind", "value_and_grad")
        sizes.add(text.count("\n"))
        assert made["steps_value_and_grad"](np.zeros(2), count)[1].shape == (2,)
    (lines,) = sizes
    assert lines < 100


def test_an_unrolled_loop_is_named(programs, capsys):
    Path("m_long.py").write_text(
        "import numpy as np\ndef long(x):\n    for i in range(300):\n"
        "        x = np.sin(x) + np.roll(x, i)\n    return x.sum()\n"
    )
    code, _, err = run(capsys, "compile", "m_long:long", "--args", "f64[3]", "-o", "out.py")
    lines = Path("out.py").read_text().count("\n")
    assert code == 0
    assert f"out.py has {lines} lines, since Python's loop over m_long.py:4 was unrolled; fori_loop(0, n, body" in err
    assert run(capsys, "compile", "m_programs:loss", "--args", ARGS, "-o", "out.py")[2] == ""


# --------------------------------------------------------------------------------------------------------- from Python


def test_compile_module_is_the_command(programs, capsys):
    run(capsys, "compile", "m_programs:loss", "--args", ARGS, "--kind", "vjp", "--argnums", "w,x", "-o", "out.py")
    from m_other import other
    from m_programs import loss, slope

    text = compile_module(loss, ARGS, kind="vjp", argnums=["w", "x"])
    assert text == Path("out.py").read_text()
    assert compile_module(loss, ARGS, kind="vjp", argnums=("w", "x"), path=Path("two.py")) == text
    assert Path("two.py").read_text() == text
    text = compile_module([loss, other], [ARGS, "f64[3]"], kind=["grad"], name=["a", "b"], path="two.py")
    assert "def a_grad" in text
    assert "def b_grad" in text
    assert run(capsys, "check", "two.py")[0] == 0
    assert "tapeless compile m_programs:slope --args" in compile_module(slope, ARGS)


def test_arguments_at_hand_give_their_types(programs, capsys):
    run(capsys, "compile", "m_programs:loss", "--args", "f64[4], f64[10, 4], f64[10]", "-o", "out.py")
    from m_programs import Pair, Params, both, loss, model, pair

    text = Path("out.py").read_text()
    assert compile_module(loss, (W, X, Y)) == text
    made = compile_module([loss, model], [(W, X, Y), "Params(f64[4]), f64[2, 4]"], name=["a", "b"], kind="grad")
    assert "--args 'f64[4], f64[10, 4], f64[10]' --kind grad" in made
    assert "--args 'Params(w=f64[4], b=float), f64[10, 4]'" in compile_module(model, (Params(W), X))
    assert "--args 'Pair(a=f64[4], c=f64[4])'" in compile_module(pair, (Pair(W, np.ones(4)),))
    assert "--args 'f32[2], float'" in compile_module(both, (np.ones(2, "f4"), 2.0), kind="vjp")
    for args, message in [((print,), "cannot be written"), (W, "args must be a string"), ((W.view(Own),), "is not an")]:
        with pytest.raises(TapelessError, match=message):
            compile_module(both, args)


def test_a_function_that_no_command_can_name(programs, capsys):
    text = compile_module(lambda x: np.sum(x * x), "f64[3]", name="square", path="out.py")
    assert "def square_value_and_grad" in text
    code, _, err = run(capsys, "check", "out.py")
    assert code == 2
    assert "out.py was made by tapeless.compile_module of a function that no command can name" in err
    compile_module(lambda x: np.sum(x), "f64[3]", name="square", path="out.py")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "gradient"}, "there is no kind 'gradient'; the kinds are value, grad"),
        ({"kind": []}, "there is an empty list of kinds"),
        ({"name": "two words"}, "--name two words is not a name"),
        ({"name": ["a", "b"]}, "1 functions, 1 args and 2 names"),
        ({"args": ["f64[3]", "f64[3]"]}, "1 functions, 2 args and 1 names"),
        ({"path": "absent/out.py"}, "there is no folder absent"),
        ({"path": "m_programs.py"}, "was not generated by tapeless and is left as it is"),
        ({"optimize": "small"}, "there is no optimize 'small'; there are fast and readable"),
        ({"argnums": "z"}, "there is no argument called 'z'"),
    ],
)
def test_compile_module_refuses(programs, options, message):
    def f(x):
        return np.sum(x)

    with pytest.raises(TapelessError, match=message):
        compile_module(f, **({"args": "f64[3]"} | options))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["m_programs:loss", "--args", ARGS], "compile needs one -o: the file to write, or - for standard output"),
        (["m_programs:loss", "--args", ARGS, "--kind", "gradients", "-o", "-"], "there is no kind 'gradients'"),
        (["m_programs:loss", "--args", ARGS, "--kind", "grad", "--value", "-o", "-"], "write only one of them"),
        (["m_programs:curvature", "--args", ARGS, "--kind", "hvp", "-o", "-"], "there is no hvp of it"),
        (["m_programs:curvature", "--args", ARGS, "--argnums", "1", "-o", "-"], "leave --argnums and --has-aux out"),
        (["m_programs:loss", "--args", ARGS, "--and", "m_programs:model", "-o", "-"], "are required: --args"),
        (["m_programs:both", "--args", "f64[3]", "-o", "-"], "one number"),
        (["--and", "-o", "x"], "tapeless"),
        (
            ["m_programs:loss", "--args", ARGS, "-o", "a.py", "--and", "m_other:other", "--args", "f64", "-o", "b.py"],
            "compile needs one -o",
        ),
    ],
)
def test_commands_that_cannot_be_done(programs, capsys, words, message):
    code, out, err = run(capsys, "compile", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
