"""Programs as text, in Python's own syntax, and back: `mu: f64[3] = mean(x, axis=0, keepdims=False)`."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np

from .indexing import Slice, Slot
from .op import BY_NAME
from .ops import load_all
from .program import Atom, Equation, Literal, Origin, Program, Var
from .types import DTYPES, ArrayType, dtype_name, parse_type, type_of

load_all()  # a name of any operation is taken, and means it


class Names:
    """A distinct printed name for each variable of a program, in order of assignment."""

    def __init__(self, program: Program) -> None:
        self._names: dict[Var, str] = {}
        self._programs: dict[Program, str] = {}
        self._taken: set[str] = set(BY_NAME)
        self._counts: dict[str, int] = {}
        for var in (*program.inputs, *program.captures):
            self._enter(var)
        for equation in program.equations:
            for out in equation.outs:
                self._enter(out)

    def _enter(self, var: Var) -> None:
        wish = var.name or "_"
        name = wish
        while name in self._taken or name == "_":
            self._counts[wish] = self._counts.get(wish, 0) + 1
            name = f"{wish}{'' if wish.endswith('_') else '_'}{self._counts[wish]}"
        self._taken.add(name)
        self._names[var] = name

    def of_program(self, program: Program, wish: str) -> str:
        """The name of a program inside of this one."""
        if program not in self._programs:
            name = wish
            while name in self._taken:
                self._counts[wish] = self._counts.get(wish, 0) + 1
                name = f"{wish}_{self._counts[wish]}"
            self._taken.add(name)
            self._programs[program] = name
        return self._programs[program]

    def __call__(self, var: Var) -> str:
        return self._names.get(var, "undefined")


def print_program(program: Program, name: str = "") -> str:
    """The whole program, with those inside of loops as nested functions; `parse_program` reads it back."""
    names = Names(program)
    inputs = [f"{names(v)}: {v.type}" for v in program.inputs]
    if program.captures:
        inputs += ["*", *(f"{names(v)}: {v.type}" for v in program.captures)]
    types = ", ".join(str(o.type) for o in program.outputs)
    lines = [f"def {name or program.name}({', '.join(inputs)}) -> ({types}):"]
    level = 0
    for equation in program.equations:
        if equation.level > level:
            level = equation.level
            lines.append(f"    # {'backward' if level == 1 else f'backward, order {level}'}")
        for key, inner in equation.params.items():
            if isinstance(inner, Program):
                nested = print_program(inner, names.of_program(inner, key))
                lines += [f"    {line}" for line in nested.splitlines()]
        line = f"    {print_equation(equation, names)}"
        lines.append(f"{line}  # {equation.origin}" if equation.origin else line)
    lines.append(f"    return ({''.join(_atom(o, names) + ', ' for o in program.outputs).rstrip()})")
    return "\n".join(lines) + "\n"


def print_equation(equation: Equation, names: Names) -> str:
    """One equation on one line, without its origin."""
    arguments = [_atom(o, names) for o in equation.operands]
    arguments += [
        f"{k}={names.of_program(v, k) if isinstance(v, Program) else _param(v)}" for k, v in equation.params.items()
    ]
    call = f"{equation.op.name}({', '.join(arguments)})"
    if not equation.outs:
        return call
    if len(equation.outs) == 1 and not equation.op.several:
        return f"{names(equation.out)}: {equation.out.type} = {call}"
    return f"({''.join(names(o) + ', ' for o in equation.outs).rstrip()}) = {call}"


def _atom(atom: Atom, names: Names) -> str:
    if isinstance(atom, Var):
        return names(atom)
    text = _number_text(atom.value)
    return text if atom.type.weak else f"{dtype_name(atom.type.dtype)}({text})"


def _number_text(value: Any) -> str:
    """A number so that it can be read back to the bit: nan, inf and the sign of zero included."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):
        return f"complex({_number_text(value.real)}, {_number_text(value.imag)})"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float('{value}')"
    return repr(value)


def _param(value: Any) -> str:
    if isinstance(value, np.dtype):
        return dtype_name(value)
    if isinstance(value, Slice):
        return f"slice({value.start}, {value.stop}, {value.step})"
    if isinstance(value, Slot):
        return "_"
    if isinstance(value, tuple):
        return f"({', '.join(map(_param, value))}{',' if len(value) == 1 else ''})"
    return "..." if value is Ellipsis else _number_text(value)


# ----------------------------------------------------------------------------------------------------------- parse


def parse_program(text: str) -> Program:
    """The program that `print_program` printed; SyntaxError or ValueError says which line is not understood."""
    (function,) = ast.parse(text).body
    if not isinstance(function, ast.FunctionDef):
        raise ValueError("a program is written as a function")
    return _read_program(function, text.splitlines())


def _read_program(function: ast.FunctionDef, lines: list[str]) -> Program:
    variables: dict[str, Var] = {}
    inner: dict[str, Program] = {}

    def declare(argument: ast.arg) -> Var:
        assert argument.annotation is not None
        variables[argument.arg] = Var(
            parse_type(ast.unparse(argument.annotation), unknown=True), argument.arg, named=True
        )
        return variables[argument.arg]

    inputs = tuple(map(declare, function.args.args))
    captures = tuple(map(declare, function.args.kwonlyargs))
    equations, level = [], 0
    outputs: tuple[Atom, ...] = ()
    heading = " " * (function.col_offset + 4) + "# backward"
    span = range(function.lineno, (function.end_lineno or len(lines)) + 1)
    levels = {n: _level(lines[n - 1]) for n in span if lines[n - 1].startswith(heading)}
    for statement in function.body:
        while levels and min(levels) < statement.lineno:
            level = levels.pop(min(levels))
        if isinstance(statement, ast.FunctionDef):
            inner[statement.name] = _read_program(statement, lines)
        elif isinstance(statement, ast.Return):
            assert isinstance(statement.value, ast.Tuple)
            outputs = tuple(_read_atom(e, variables) for e in statement.value.elts)
        else:
            origin = _origin(lines[statement.lineno - 1])
            equations.append(_read_equation(statement, variables, inner, origin, level))
    return Program(function.name, inputs, captures, tuple(equations), outputs)


def _level(line: str) -> int:
    order = re.search(r"order (\d+)", line)
    return int(order.group(1)) if order else 1


def _origin(line: str) -> Origin | None:
    match = re.search(r"  # (.+):(\d+)$", line)
    return Origin(match.group(1), int(match.group(2)), "") if match else None


def _read_equation(
    statement: ast.stmt, variables: dict[str, Var], inner: dict[str, Program], origin: Origin | None, level: int
) -> Equation:
    targets: list[str] = []
    types: list[ArrayType] = []
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        targets, types = [statement.target.id], [parse_type(ast.unparse(statement.annotation), unknown=True)]
    elif isinstance(statement, ast.Assign):
        targets = [n.id for n in ast.walk(statement.targets[0]) if isinstance(n, ast.Name)]
    call = getattr(statement, "value", None)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in BY_NAME:
        raise ValueError(f"line {statement.lineno} is not an equation: {ast.unparse(statement)}")
    op = BY_NAME[call.func.id]
    operands = tuple(_read_atom(a, variables) for a in call.args)
    params = {k.arg: _read_param(k.value, inner) for k in call.keywords if k.arg is not None}
    if op.several:
        types = list(op.infer(*(o.type for o in operands), **params))
    outs = tuple(Var(t, "" if re.fullmatch(r"_\d+", n) else n) for n, t in zip(targets, types, strict=True))
    variables.update(zip(targets, outs, strict=True))
    return Equation(op, operands, params, outs, origin, level)


def _read_atom(node: ast.expr, variables: dict[str, Var]) -> Atom:
    if isinstance(node, ast.Name):
        if node.id not in variables:
            raise ValueError(f"line {node.lineno}: {node.id} is read before it is assigned")
        return variables[node.id]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DTYPES:
        value = DTYPES[node.func.id].type(_number(node.args[0]))
    else:
        value = _number(node)
    return Literal(value, type_of(value))


def _number(node: ast.expr) -> Any:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Call):
        return -_number(node.operand)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
        return float(ast.literal_eval(node.args[0]))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "complex":
        return complex(*map(_number, node.args))
    return ast.literal_eval(node)


def _read_param(node: ast.expr, inner: dict[str, Program]) -> Any:
    if isinstance(node, ast.Name) and node.id in inner:
        return inner[node.id]
    if isinstance(node, ast.Name):
        return Slot() if node.id == "_" else DTYPES[node.id]
    if isinstance(node, ast.Tuple):
        return tuple(_read_param(e, inner) for e in node.elts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "slice":
        return Slice(*(_number(a) for a in node.args))
    return _number(node)
