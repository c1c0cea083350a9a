"""Statements as text: what parses back, what is broken over lines, comments, and that nothing in the text is unused."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from goldens_programs import CASES

from tapeless import grad
from tapeless.codegen.module import folded
from tapeless.codegen.source import WIDTH, Comment, print_items, print_statement
from tapeless.codegen.templates import expression

X = np.array([1.5, -2.0, 0.5])

# ------------------------------------------------------------------------------------------------------------ printing


def parsed_back(statement: ast.stmt) -> None:
    text = print_statement(statement)
    (again,) = ast.parse(text).body
    assert ast.dump(again) == ast.dump(statement)


TEXTS = [
    "x = -y ** 2",
    "x = (-y) ** 2",
    "x = a - (b - c)",
    "x = (a if b else c) + 1",
    "x = np.where(a > b, a, -b)",
    "x[1:, ..., None] += y[::-1]",
    "x[mask] = 0",
    "return (a,)",
    "return a, (b, {'w': c})",
    "x = not (a and b)",
    "x = 1e-300 * 2j",
    "if not x > 0:\n    raise GuardMiss('model.py:3')",
    "for i in range(3):\n    x[i] = y[i]",
    "x = np.array([[1.0, -2.0], [0.5, 3.0]])",
    "x = f(a, *b, key='a \\' \" , ( [')",
]


@pytest.mark.parametrize("text", TEXTS)
def test_statements_parse_back_to_the_same_tree(text: str) -> None:
    parsed_back(ast.parse(text).body[0])


@pytest.fixture
def astor() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it names node classes that 3.12 deprecates
        return importlib.import_module("astor")


@pytest.mark.parametrize("text", TEXTS)
def test_without_astor(text: str, astor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> str:
        raise AttributeError("module 'ast' has no attribute 'Num'")

    monkeypatch.setattr(astor, "to_source", broken)
    parsed_back(ast.parse(text).body[0])


def test_what_astor_prints_wrongly_is_printed_by_python(astor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(astor, "to_source", lambda *args, **kwargs: "x = not a and b\n")
    assert print_statement(ast.parse("x = not (a and b)").body[0]) == "x = not (a and b)"


def test_long_lines_are_broken() -> None:
    names = ", ".join(f"a_long_name_{i}" for i in range(20))
    for text in (f"x = np.stack([{names}])", f"return ({names})", f"x = f({names}, key='a, b')"):
        statement = ast.parse(text).body[0]
        assert max(map(len, print_statement(statement).splitlines())) <= WIDTH
        parsed_back(statement)


def test_types_are_folded_between_arguments() -> None:
    text = ", ".join(f"argument_{i}: float64[3, 4, 5]" for i in range(9)) + "  ->  float64"
    shown = folded(text)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert " ".join(shown.split()) == " ".join(text.split())
    assert "\n" not in folded("x: float64[3]  ->  float64")


def test_comments_and_blank_lines() -> None:
    items = [Comment("forward"), ast.parse("x = 1").body[0], Comment(""), Comment("backward")]
    assert print_items(items, 1) == "    # forward\n    x = 1\n\n    # backward\n"


def test_backward_blocks_name_their_lines() -> None:
    def f(x):
        y = np.sin(x)
        return np.sum(y * y)

    compiled = grad(f)
    compiled(X)
    first = f.__code__.co_firstlineno
    comments = [line.strip() for line in compiled.source.splitlines() if line.strip().startswith("# ")]
    assert comments[-2:] == [f"# line {first + 2}: return np.sum(y * y)", f"# line {first + 1}: y = np.sin(x)"]


def test_templates_choose_the_method_for_names_only() -> None:
    def shown(operand: str) -> str:
        return ast.unparse(expression("{0}.sum() || np.sum({0})", [ast.parse(operand, mode="eval").body]))

    assert shown("x") == "x.sum()"
    assert shown("x + y") == "np.sum(x + y)"


def test_a_python_number_has_no_methods() -> None:
    def f(x, s):
        return np.sum(np.outer(x, s) * np.tile(s, 3))

    x, s = X, 0.5
    dx, ds = grad(f, argnums=(0, 1))(x, s)
    np.testing.assert_allclose(dx, 3 * s * s * np.ones(3))
    assert type(ds) is float
    assert ds == pytest.approx(6 * s * X.sum())


# ---------------------------------------------------------------------------------------------------------- cleanliness


@pytest.mark.parametrize("name", CASES)
def test_the_text_compiles_without_warnings_and_fits_the_page(name: str) -> None:
    text = CASES[name].stages().source
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile(text, name, "exec")
    assert not [line for line in text.splitlines() if line != line.rstrip()]


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")
def test_ruff_finds_nothing_unused_or_undefined(tmp_path: Any) -> None:
    for name, case in CASES.items():
        (tmp_path / f"{name}.py").write_text(case.stages().source if case.kind == "vjp" else case.module_text())
        if case.kind == "vjp":
            (tmp_path / f"{name}.py").write_text("import numpy as np\n\n\n" + case.stages().source)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F", "--output-format", "concise", "."]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
