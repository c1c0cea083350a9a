"""Modules for numba.njit and for other array namespaces: they run there, with the values of NumPy, or are refused."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import here, run
from target_programs import EXAMPLES, Example, embedding, quadratic, ranked, rosenbrock

from tapeless import TapelessError, UnsupportedError, compile_module, grad, hvp, jacobian, value_and_grad
from tapeless.runtime.interop import TARGETS, target_named

__all__ = ["here"]
IDS = [f"{n}-{example}" for n, example in enumerate(EXAMPLES)]
NO_NUMBA = "numba is large, and late for new Pythons: the extra `numba` installs it"
OF_NAMESPACES = [example for example in EXAMPLES if example.function not in (embedding, ranked)]


def module(text: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(text, "generated", "exec"), namespace)
    return namespace


def flat(values: Any) -> list[Any]:
    return [leaf for value in values for leaf in flat(value)] if isinstance(values, tuple) else [values]


def compare(example: Example, found: Any, dtypes: bool = True) -> None:
    wanted = flat(value_and_grad(example.function, argnums=example.argnums)(*example.arguments))
    for mine, theirs in zip(wanted, flat(found), strict=True):
        single = np.asarray(mine).dtype.itemsize < 8
        assert np.shape(mine) == tuple(np.shape(theirs))
        if np.ndim(mine) and dtypes:
            assert str(mine.dtype) == str(theirs.dtype).rpartition(".")[2]
        theirs = np.asarray(theirs)
        np.testing.assert_allclose(theirs, mine, rtol=2e-4 if single else 1e-9, atol=1e-5 if single else 1e-12)


def compiled(example: Example, target: str) -> str:
    text = compile_module(
        example.function, example.args, "value_and_grad", example.argnums, name=example.function.__name__, target=target
    )
    assert "tapeless" not in re.sub(r'^#.*$|""".*?"""', "", text, flags=re.M | re.S)
    return text


# ----------------------------------------------------------------------------------------------------------- numba


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_numba_compiles_the_text_as_it_stands(example: Example) -> None:
    numba = pytest.importorskip("numba", reason=NO_NUMBA)
    function = module(compiled(example, "numba"))[f"{example}_value_and_grad"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", numba.NumbaPerformanceWarning)  # that a product of strided arrays is slow
        found = numba.njit(function, error_model="numpy")(*example.arguments)
    compare(example, found)


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_the_text_for_numba_is_plain_numpy(example: Example) -> None:
    compare(example, module(compiled(example, "numba"))[f"{example}_value_and_grad"](*example.arguments))


@pytest.mark.parametrize("kind", ["grad", "hvp", "jacobian"])
def test_numba_compiles_other_kinds(kind: str) -> None:
    numba = pytest.importorskip("numba", reason=NO_NUMBA)
    x, v = np.linspace(-1, 1, 5), np.linspace(2, 3, 5)
    text = compile_module(rosenbrock, "f64[n]", kind, target="numba")
    arguments = (x, v) if kind == "hvp" else (x,)
    found = numba.njit(module(text)[f"rosenbrock_{kind}"], error_model="numpy")(*arguments)
    derivative = {"grad": grad(rosenbrock), "hvp": hvp(rosenbrock), "jacobian": jacobian(rosenbrock)}[kind]
    np.testing.assert_allclose(found, derivative(*arguments), rtol=1e-9)


def test_numba_is_held_to_the_types_of_the_text() -> None:
    function = module(compile_module(rosenbrock, "f64[10]", "grad", target="numba"))["rosenbrock_grad"]
    with pytest.raises(TypeError, match=r"the arguments must be x: float64\[10\]"):
        function(np.zeros(11))
    numba = pytest.importorskip("numba", reason=NO_NUMBA)
    for wrong in (np.zeros(11), np.zeros(10, np.float32)):
        with pytest.raises(TypeError, match=r"the arguments must be x: float64\[10\]"):
            numba.njit(function)(wrong)


# ------------------------------------------------------------------------------------------------------ namespaces


def given(values: Any, xp: Any) -> Any:
    """The arguments as arrays of the namespace; Python's numbers and integers stay."""
    if isinstance(values, tuple):
        return tuple(given(value, xp) for value in values)
    return xp.asarray(values) if isinstance(values, np.ndarray | np.generic) else values


@pytest.mark.parametrize("example", OF_NAMESPACES, ids=map(str, OF_NAMESPACES))
def test_the_text_for_a_namespace_keeps_to_the_standard(example: Example) -> None:
    xp = pytest.importorskip("array_api_strict", reason="the extra `test` installs array-api-strict")
    text = compiled(example, "namespace")
    bodies = [part for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) for part in node.body]
    names = {node.id for part in bodies for node in ast.walk(part) if isinstance(node, ast.Name)}
    assert "np" not in names, "something of NumPy's own is called"
    function = module(text)[f"{example}_value_and_grad"]
    compare(example, function(*given(example.arguments, xp), xp=xp))
    compare(example, function(*example.arguments), dtypes=False)  # NumPy is a namespace too, and the usual one


def test_a_namespace_without_writes() -> None:
    """JAX has none, and compiles what calls nothing but functions of its own."""
    jax = pytest.importorskip("jax", reason="JAX is large: the extra `bench` installs it")
    with jax.enable_x64(True):
        for example in OF_NAMESPACES:
            function = module(compiled(example, "namespace"))[f"{example}_value_and_grad"]
            arguments = given(example.arguments, jax.numpy)
            compare(example, function(*arguments, xp=jax.numpy), dtypes=False)


def test_the_namespace_is_passed_on() -> None:
    xp = pytest.importorskip("array_api_strict", reason="the extra `test` installs array-api-strict")
    functions = module(compile_module(quadratic, "f64[2]", target="namespace"))
    x = np.array([1.0, -2.0])
    both = functions["quadratic_value_and_grad"](xp.asarray(x), xp=xp)
    alone = functions["quadratic_grad"](xp.asarray(x), xp=xp)
    assert type(alone) is type(both[1]) is type(xp.asarray(x))
    np.testing.assert_array_equal(np.asarray(alone), grad(quadratic)(x))


# ------------------------------------------------------------------------------------------------------- documented

ALSO_CALLED = {"eye": "identity_matrix", "diag": "diagonal_matrix", "tril": "lower_triangle", "triu": "upper_triangle"}
OF_PYTHON = {"as_array", "constant", "filled", "getitem", "guard", "index_add", "python_number", "set_item"}
OURS = {"inverse_of_lower"}  # which only adjoints call
LOOPS = {"scan", "fori_loop", "while_loop", "cond"}


@pytest.mark.parametrize("name", TARGETS)
def test_the_page_lists_the_subset(name: str) -> None:
    page = (Path(__file__).parents[1] / "docs" / "interoperability.md").read_text()
    part = page.partition(f"<!-- {name} -->")[2].partition("<!-- end -->")[0]
    listed = {ALSO_CALLED.get(word, word) for word in re.findall(r"`(\w+)`", part)}
    target = target_named(name)
    assert listed - LOOPS == (set(target.spellings) | set(target.updates) | set(target.rules)) - OF_PYTHON - OURS


# --------------------------------------------------------------------------------------------------------- refused


def sorted_rows(x):
    return np.sum(np.sort(x) * np.arange(3.0))


def of_a_dict(params):
    return np.sum(params["w"] ** 2)


def of_a_space(x, xp):
    return np.sum(x * xp)


def half(x):
    return np.sum(x**2)


@pytest.mark.parametrize(
    ("function", "args", "target", "kind", "reason"),
    [
        (sorted_rows, "f64[2, 3]", "numba", "grad", "np.argsort of an array of several dimensions"),
        (sorted_rows, "f64[3]", "namespace", "grad", "argsort"),
        (of_a_dict, "{'w': f64[3]}", "numba", "grad", "params holds a dict"),
        (half, "f64[3]", "numba", "vjp", "returns a function"),
        (half, "f16[3]", "numba", "grad", "float16"),
        (half, "f16[3]", "namespace", "grad", "float16"),
        (of_a_space, "f64[3], f64[3]", "namespace", "grad", "beside which there is xp"),
        (embedding, "f64[9, 3], i64[4], f64[3]", "namespace", "grad", "its derivative needs index_add"),
        (half, "f64[3]", "fortran", "grad", "no text is written for 'fortran'"),
    ],
)
def test_what_is_outside_of_the_subset_is_refused(function, args, target, kind, reason) -> None:
    with pytest.raises(TapelessError, match=reason) as caught:
        compile_module(function, args, kind, target=target)
    if isinstance(caught.value, UnsupportedError):
        assert "Try: " in str(caught.value)
        assert function.__name__ in str(caught.value)


# ---------------------------------------------------------------------------------------------------- command line


@pytest.mark.parametrize("options", [["--target", "numba"], ["--namespace"]])
def test_a_module_says_whom_it_is_for_and_is_checked(here, capsys, options: list[str]) -> None:
    words = ["m_model:loss", "--args", "f64[d], f64[n, d], f64[n]", *options]
    assert run(capsys, "compile", *words, "-o", "loss_grad.py")[0] == 0
    text = (here / "loss_grad.py").read_text()
    assert text.splitlines()[0].endswith(" ".join(options))
    assert run(capsys, "check", "loss_grad.py")[:2] == (0, "")
    shown = run(capsys, "show", *words)[1]
    assert ("def loss_grad(w, x, y, *, xp=np):" in shown) == (options == ["--namespace"])
    code, _, error = run(capsys, "compile", *words, "--target", "numba", "--namespace", "-o", "-")
    assert code == 2
    assert "not allowed with" in error


def test_a_project_says_whom_its_modules_are_for(here, capsys) -> None:
    table = (
        '[[tool.tapeless.modules]]\noutput = "one.py"\ntarget = "m_model:loss"\nargs = "f64[d], f64[n, d], f64[n]"\n'
    )
    (here / "pyproject.toml").write_text(f'{table}written_for = "numba"\n{table}'.replace("one", "two", 1))
    assert run(capsys, "compile")[0] == 0
    assert run(capsys, "check")[:2] == (0, "")
    first, second = ((here / name).read_text().splitlines()[0] for name in ("two.py", "one.py"))
    assert first.endswith("--target numba")
    assert "--target" not in second


def test_guards_of_an_example(here) -> None:
    xp = pytest.importorskip("array_api_strict", reason="the extra `test` installs array-api-strict")
    np.savez(here / "rising.npz", x=np.ones(3))
    for target in TARGETS:
        text = compile_module(branching, "f64[n]", "grad", example="rising.npz", target=target)
        function = module(text)["branching_grad"]
        np.testing.assert_array_equal(function(np.ones(2)), np.ones(2))
        with pytest.raises(Exception, match="the other outcome of the branch at test_targets"):
            function(-np.ones(2))
    with pytest.raises(Exception, match="the other outcome of the branch at test_targets"):
        function(xp.asarray(-np.ones(2)), xp=xp)


def branching(x):
    if x.mean() > 0:
        return x.sum()
    return np.sum(x * x)
