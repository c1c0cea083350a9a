"""The most frequent statements as text: assignments, calls and returns of operators, numbers and indices, as by astor.

A long program has thousands of these, and astor takes ten times as long for each; a test holds both to one text.
"""

from __future__ import annotations

import ast
import math
import re

_OPERATORS: dict[type[ast.operator], tuple[str, int]] = {
    ast.Add: (" + ", 10),
    ast.Sub: (" - ", 10),
    ast.Mult: (" * ", 20),
    ast.Div: (" / ", 20),
    ast.MatMult: (" @ ", 20),
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Gt: " > ",
    ast.GtE: " >= ",
    ast.Lt: " < ",
    ast.LtE: " <= ",
    ast.Eq: " == ",
    ast.NotEq: " != ",
}
_COMPARISON = 5
_SIGN = 30
_POWER = 40
_ATOM = 50
LONGEST_STRING = 16  # letters; astor may fold longer ones
_PLAIN_STRING = re.compile(r"[-\w ,.>]*", re.ASCII)


class _Other(Exception):
    """It is for astor."""


def plain_text(statement: ast.stmt) -> str | None:
    """The statement on one line, or None if it has anything in it that is not plain."""
    try:
        if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Tuple):
            return f"return {_several(statement.value)}"
        value = getattr(statement, "value", None)
        if not isinstance(value, ast.expr) or isinstance(value, ast.Tuple):
            return None
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            return f"{_place(statement.targets[0])} = {_text(value, 0)}"
        if isinstance(statement, ast.AugAssign) and type(statement.op) in _OPERATORS:
            operator = _OPERATORS[type(statement.op)][0].rstrip()
            return f"{_place(statement.target)}{operator}= {_text(value, 0)}"
        if isinstance(statement, ast.Expr) and isinstance(value, ast.Call):
            return _text(value, 0)
        if isinstance(statement, ast.Return):
            return f"return {_text(value, 0)}"
    except _Other:
        pass
    return None


def _place(target: ast.expr) -> str:
    if isinstance(target, ast.Name | ast.Subscript):
        return _text(target, 0)
    raise _Other


def _several(node: ast.Tuple) -> str:
    """The elements of a tuple of more than one."""
    if len(node.elts) < 2:
        raise _Other
    return ", ".join(_text(element, 0) for element in node.elts)


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
    if isinstance(node, ast.Tuple) and context == 0:
        return f"({_text(node.elts[0], 0)},)" if len(node.elts) == 1 else f"({_several(node)})"
    if isinstance(node, ast.List) and context == 0:
        return f"[{', '.join(_text(element, 0) for element in node.elts)}]"
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
        left, right = _text(node.left, _COMPARISON + 1), _text(node.comparators[0], _COMPARISON + 1)
        text = f"{left}{_COMPARISONS[type(node.ops[0])]}{right}"
        return text if context <= _COMPARISON else f"({text})"
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
    if isinstance(value, str) and context == 0 and len(value) <= LONGEST_STRING and _PLAIN_STRING.fullmatch(value):
        return repr(value)
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
        text = f"{_text(node.lower, 1) if node.lower else ''}:{_text(node.upper, 1) if node.upper else ''}"
        return text if node.step is None else f"{text}:{_text(node.step, 1)}"
    if isinstance(node, ast.Tuple):
        raise _Other
    if isinstance(node, ast.Constant) and node.value is ...:
        return "..."
    return _text(node, 0)
