"""The quick printer of frequent statements writes what astor writes, and what parses back to the same tree."""

import ast
import random
from collections.abc import Callable

import pytest

from tapeless.codegen.plain import plain_text
from tapeless.codegen.source import _astor, _same

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult, ast.Pow)
NUMBERS = (0, 1, 2, 0.5, 1e-05, 1e20, 123456789012345.0, 10**400, True, None, "ij,ij->j", "a 'b'", "\\", "", "x" * 80)
COMPARISONS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE, ast.Eq, ast.NotEq, ast.Is)


class Trees:
    """Random trees; most of them of the kinds that the quick printer knows."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def expression(self, depth: int) -> ast.expr:
        kinds: list[Callable[[int], ast.expr]] = [self.name, self.number]
        if depth:
            kinds += [self.binary, self.binary, self.binary, self.sign, self.call, self.attribute, self.subscript]
            kinds += [self.rare]
        return self.random.choice(kinds)(depth - 1)

    def name(self, depth: int) -> ast.expr:
        return ast.Name(self.random.choice("abxy"), ast.Load())

    def number(self, depth: int) -> ast.expr:
        return ast.Constant(self.random.choice(NUMBERS))

    def binary(self, depth: int) -> ast.expr:
        return ast.BinOp(self.expression(depth), self.random.choice(OPERATORS)(), self.expression(depth))

    def sign(self, depth: int) -> ast.expr:
        return ast.UnaryOp(ast.USub(), self.expression(depth))

    def call(self, depth: int) -> ast.expr:
        method = ast.Attribute(self.expression(depth), "sum", ast.Load())
        function: ast.expr = ast.Attribute(ast.Name("np", ast.Load()), "sin", ast.Load())
        arguments = [self.expression(depth) for _ in range(self.random.randrange(3))]
        keywords = [ast.keyword("axis", self.expression(depth)) for _ in range(self.random.randrange(2))]
        return ast.Call(self.random.choice([function, method]), arguments, keywords)

    def attribute(self, depth: int) -> ast.expr:
        return ast.Attribute(self.expression(depth), "T", ast.Load())

    def subscript(self, depth: int) -> ast.expr:
        return ast.Subscript(self.expression(depth), self.index(depth), ast.Load())

    def rare(self, depth: int) -> ast.expr:
        inner = self.expression(depth)
        compared = ast.Compare(inner, [self.random.choice(COMPARISONS)()], [self.expression(depth)])
        several = self.random.choice([ast.Tuple, ast.List])([inner] * self.random.randrange(4), ast.Load())
        return self.random.choice([compared, ast.UnaryOp(ast.Not(), inner), several])

    def index(self, depth: int) -> ast.expr:
        count = self.random.randrange(4)
        if count < 2:
            return self.bounds(depth)
        return ast.Tuple([self.bounds(depth) for _ in range(count)], ast.Load())

    def bounds(self, depth: int) -> ast.expr:
        if self.random.random() < 0.6:
            return self.expression(depth) if self.random.random() < 0.9 else ast.Constant(...)
        lower, upper, step = (self.expression(depth) if self.random.random() < p else None for p in (0.5, 0.5, 0.1))
        return ast.Slice(lower, upper, step)

    def statement(self) -> ast.stmt:
        target: ast.expr = ast.Name("q", ast.Store())
        if self.random.random() < 0.3:
            target = ast.Subscript(ast.Name("q", ast.Load()), self.index(1), ast.Store())
        value = self.expression(self.random.randrange(5))
        kind = self.random.random()
        if kind < 0.1:
            return ast.Return(value)
        if kind < 0.2:
            return ast.Return(
                ast.Tuple([value, *(self.expression(2) for _ in range(self.random.randrange(3)))], ast.Load())
            )
        if kind < 0.3:
            return ast.Expr(self.call(2))
        if kind < 0.5:
            assert isinstance(target, ast.Name | ast.Subscript)
            return ast.AugAssign(target, self.random.choice(OPERATORS[:4])(), value)
        return ast.Assign([target], value)


@pytest.mark.parametrize("seed", range(4))
def test_it_writes_what_astor_writes(seed: int) -> None:
    trees = Trees(seed)
    printed = 0
    for _ in range(600):
        statement = ast.fix_missing_locations(trees.statement())
        text = plain_text(statement)
        if text is None:
            continue
        printed += 1
        assert _same(text, statement), text
        from_astor = _astor(statement)
        assert from_astor is None or text == from_astor
    assert printed > 200


@pytest.mark.parametrize(
    "text",
    ["dx -= 0.01 * dy * float(np.cos(x))", "a = (b - c) ** 2 / -(d @ e.T)", "x[1:-1, 2:] += y[:, 0].sum(axis=(0))"],
)
def test_of_the_frequent_kinds(text: str) -> None:
    statement = ast.parse(text).body[0]
    assert plain_text(statement) == text.replace("(0)", "0")


@pytest.mark.parametrize(
    "text", ["a = b is c", "a, b = c, d", "return (a,)", "a = {b}", "a = '\\n'", "a = 2j", "a = f(*b)"]
)
def test_what_it_leaves_to_astor(text: str) -> None:
    assert plain_text(ast.parse(text).body[0]) is None
