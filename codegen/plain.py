"""The most frequent statements as text: assignments of operators, calls, numbers and indices, as astor prints them.

A long program has thousands of these, and astor takes ten times as long for each; a test holds both to one text.
"""

from __future__ import annotations

import ast
import math

_OPERATORS: dict[type[ast.operator], tuple[str, int]] = {
    ast.Add: (" + ", 10),
    ast.Sub: (" - ", 10),
    ast.Mult: (" * ", 20),
    ast.Div: (" / ", 20),
    ast.MatMult: (" @ ", 20),
}
_SIGN = 30
_POWER = 40
_ATOM = 50


class _Other(Exception):
    """It is for astor."""


def plain_text(statement: ast.stmt) -> str | None:
    """The statement on one line, or None if it has anything in it that is not plain."""
    try:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            return f"{_place(statement.targets[0])} = {_text(statement.value, 0)}"
        if isinstance(statement, ast.AugAssign) and type(statement.op) in _OPERATORS:
            operator = _OPERATORS[type(statement.op)][0].rstrip()
            return f"{_place(statement.target)}{operator}= {_text(statement.value, 0)}"
    except _Other:
        pass
    return None


def _place(target: ast.expr) -> str:
    if isinstance(target, ast.Name | ast.Subscript):
        return _text(target, 0)
    raise _Other


def _text(node: ast.expr, context: int) -> str:
    """The expression, in parentheses if what stands around it binds more closely."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.BinOp):
        return _operator(node, context)
    if isinstance(node, ast.Constant):
        return _number(node.value, context)
    if isinstance(node, ast.Call):
        arguments = [_text(argument, 0) for argument in node.args]
        for keyword in node.keywords:
            if keyword.arg is None:
                raise _Other
            arguments.append(f"{keyword.arg}={_text(keyword.value, 0)}")
        return f"{_text(node.func, _ATOM)}({', '.join(arguments)})"
    if isinstance(node, ast.Attribute):
        return f"{_text(node.value, _ATOM)}.{node.attr}"
    if isinstance(node, ast.Subscript):
        return f"{_text(node.value, _ATOM)}[{_index(node.slice)}]"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        text = f"-{_text(node.operand, _SIGN)}"
        return text if context <= _SIGN else f"({text})"
    raise _Other


def _operator(node: ast.BinOp, context: int) -> str:
    if type(node.op) is ast.Pow:
        own, text = _POWER, f"{_text(node.left, _POWER + 1)} ** {_text(node.right, _SIGN - 1)}"
    elif type(node.op) in _OPERATORS:
        symbol, own = _OPERATORS[type(node.op)]
        text = f"{_text(node.left, own)}{symbol}{_text(node.right, own + 1)}"
    else:
        raise _Other
    return text if context <= own else f"({text})"


def _number(value: object, context: int) -> str:
    finite = value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    if context == _ATOM or not finite:
        raise _Other
    return repr(value)


def _index(node: ast.expr) -> str:
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        return ", ".join(map(_bounds, node.elts))
    return _bounds(node)


def _bounds(node: ast.expr) -> str:
    if isinstance(node, ast.Slice):
        if node.step is not None:
            raise _Other
        return f"{_text(node.lower, 0) if node.lower else ''}:{_text(node.upper, 0) if node.upper else ''}"
    return _text(node, 0)
