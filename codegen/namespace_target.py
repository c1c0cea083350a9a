"""The subset of NumPy that the array API standard (2024.12) covers, as the standard spells it, without writes.

The text calls nothing but functions of the parameter `xp`, so it runs on any library that has them: CuPy, JAX, Dask.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from ..ir.dims import Dim
from ..ir.indexing import Index, Slice, Slot, full_index, index_text
from ..ir.op import BY_NAME
from ..ir.passes import one_axis, without_writes
from ..ir.passes.one_kind import of_one_kind, sum_of_numbers
from ..ir.program import Atom, Equation, Literal
from ..ir.types import ArrayType, Shape, result_dtype
from .numbers import number_expression
from .target import Numbers, Refuse, Spelling, Target
from .templates import expression

# --------------------------------------------------------------------------------------------------------- numbers


def _renamed(node: ast.expr) -> ast.expr:
    """np.inf as xp.inf."""
    for name in ast.walk(node):
        if isinstance(name, ast.Name) and name.id == "np":
            name.id = "xp"
    return node


def _literal(atom: Literal) -> ast.expr:
    plain = atom.value.item() if isinstance(atom.value, np.generic) else atom.value
    number = _renamed(number_expression(plain, True))
    return number if atom.type.weak else expression(f"xp.asarray({{0}}, dtype={_dtype(atom.type.dtype)})", [number])


def _operand(equation: Equation, place: int, atoms: list[Atom], text: ast.expr) -> ast.expr:
    """A function takes a Python number only beside an array."""
    name, atom = equation.op.name, atoms[place]
    if not atom.type.weak or name in _INFIX or name in ("python_number", "astype", "full"):
        return text
    first = 1 if name == "where" else 0
    among = [a.type for a in atoms[first:]] if place >= first else [atom.type]
    if equation.op.elementwise and not all(type_.weak for type_ in among):
        return text
    dtype = result_dtype(*among) if equation.op.elementwise else atom.type.dtype
    return expression(f"xp.asarray({{0}}, dtype={_dtype(dtype)})", [text])


def _dtype(dtype: np.dtype[Any]) -> str:
    return "xp.bool" if dtype.kind == "b" else f"xp.{dtype.name}"


def _check(equation: Equation) -> None:
    for atom in (*equation.operands, *equation.outs):
        if atom.type.dtype == np.float16:
            raise Refuse("the array API standard has no float16", "x.astype(np.float32)")
    if equation.op.name in _OF_NUMBERS.split() and any(o.type.dtype.kind == "b" for o in equation.operands):
        raise Refuse(f"{equation.op.name} of booleans", "x.astype(float)")


# -------------------------------------------------------------------------------------------------------- spelling


def _reduction(name: str) -> Any:
    def text(x: ArrayType, *, axis: Any = None, keepdims: bool = False) -> str:
        words = ["{0}", *([] if axis is None else [f"axis={axis}"]), *(["keepdims=True"] if keepdims else [])]
        return f"xp.{name}({', '.join(words)})"

    return text


def _reshape(x: ArrayType, *, shape: Shape) -> str:
    return f"xp.reshape({{0}}, {_tuple(shape)})"


def _tuple(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _transpose(x: ArrayType, *, axes: tuple[int, ...]) -> str:
    if axes == tuple(range(x.ndim)):
        return "{0}"
    return "{0}.T" if x.ndim == 2 else f"xp.permute_dims({{0}}, {axes})"


def _expand(x: ArrayType, *, axis: tuple[int, ...]) -> str:
    entries = ["None" if i in axis else ":" for i in range(x.ndim + len(axis))]
    return f"{{0}}[{', '.join(_shortened(entries))}]"


def _shortened(entries: list[str]) -> list[str]:
    """The index without full slices at its end, which an ellipsis says."""
    while entries and entries[-1] == ":":
        entries = entries[:-1]
        if not entries or entries[-1] != ":":
            return [*entries, "..."] if len(entries) > 0 else ["..."]
    return entries


def _squeeze(x: ArrayType, *, axis: tuple[int, ...]) -> str:
    return f"xp.squeeze({{0}}, axis={axis[0] if len(axis) == 1 else axis})"


def _flip(x: ArrayType, *, axis: tuple[int, ...]) -> str:
    return f"xp.flip({{0}}, axis={axis[0] if len(axis) == 1 else axis})"


def _roll(x: ArrayType, *, shift: tuple[int, ...], axis: tuple[int, ...] | None) -> str:
    along = "" if axis is None else f", axis={axis[0] if len(axis) == 1 else axis}"
    return f"xp.roll({{0}}, {shift[0] if len(shift) == 1 else shift}{along})"


def _astype(x: ArrayType, *, dtype: np.dtype[Any]) -> str:
    return f"xp.asarray({{0}}, dtype={_dtype(dtype)})" if x.weak else f"xp.astype({{0}}, {_dtype(dtype)})"


def _filled(*, value: Any, shape: Shape, dtype: np.dtype[Any]) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    size = str(shape[0]) if len(shape) == 1 else _tuple(shape)
    if value == 0 and not np.signbit(value):
        return f"xp.zeros({size}, dtype={_dtype(dtype)})"
    if value == 1:
        return f"xp.ones({size}, dtype={_dtype(dtype)})"
    number = repr(value).replace("inf", "xp.inf").replace("nan", "xp.nan")
    return f"xp.full({size}, {number}, dtype={_dtype(dtype)})"


def _full(x: ArrayType, *, shape: Shape) -> str:
    if x.weak:
        return f"xp.full({_tuple(shape)}, {{0}}, dtype={_dtype(x.dtype)})"
    return f"xp.asarray(xp.broadcast_to({{0}}, {_tuple(shape)}), copy=True)"


def _pad(x: ArrayType, *, pad_width: Any, mode: str, constant_values: Any) -> str:
    """The array between blocks of one number, axis by axis."""
    if mode != "constant" or not isinstance(constant_values, int | float):
        raise Refuse(f"np.pad with mode={mode!r}, or several numbers", "np.pad(x, width)")
    text = "{0}"
    shape: list[int] = list(x.shape)
    for axis in reversed(range(x.ndim)):
        before, after = (_band(constant_values, shape, axis, width, x.dtype) for width in pad_width[axis])
        parts = ", ".join(part for part in (before, text, after) if part)
        if before or after:
            text = f"xp.concat([{parts}])" if axis == 0 else f"xp.concat([{parts}], axis={axis})"
        shape[axis] += sum(pad_width[axis])
    return text if text != "{0}" else "xp.asarray({0}, copy=True)"


def _band(number: Any, shape: list[int], axis: int, width: int, dtype: np.dtype[Any]) -> str:
    """So many rows of a number, to be put beside an array; nothing if there are none."""
    if width == 0 and not isinstance(width, Dim):
        return ""
    return _filled(value=number, shape=(*shape[:axis], width, *shape[axis + 1 :]), dtype=dtype)


def _together(name: str) -> Any:
    def text(*types: ArrayType, axis: int) -> str:
        if len({"f" if t.dtype.kind == "c" else t.dtype.kind for t in types}) > 1:
            raise Refuse(f"np.{name} of {' and '.join(map(str, types))}", "x.astype(float) for each of them")
        arrays = ", ".join(f"{{{i}}}" for i in range(len(types)))
        return f"xp.{name}([{arrays}])" if axis == 0 else f"xp.{name}([{arrays}], axis={axis})"

    return text


def _constant(*, values: Any, dtype: np.dtype[Any]) -> str:
    from ..ir.ops.shape import _written

    return f"xp.asarray({_written(values).replace('np.', 'xp.')}, dtype={_dtype(dtype)})"


def _arange(*, start: int, stop: int, step: int) -> str:
    if step != 1:
        return f"xp.arange({start}, {stop}, {step})"
    return f"xp.arange({start}, {stop})" if start else f"xp.arange({stop})"


def _eye(*, rows: int, columns: int, offset: int, dtype: np.dtype[Any]) -> str:
    other = "" if rows == columns else f", {columns}"
    return f"xp.eye({rows}{other}{f', k={offset}' if offset else ''}, dtype={_dtype(dtype)})"


def _diagonal_matrix(x: ArrayType, *, offset: int) -> str:
    if offset:
        raise Refuse("np.diag of a vector beside the diagonal", "np.diag(x)")
    return f"xp.where(xp.eye({x.shape[0]}, dtype=xp.bool), {{0}}, {0 if x.dtype.kind in 'iu' else 0.0})"


def _diagonal(name: str) -> Any:
    def text(x: ArrayType, *, offset: int, axis1: int, axis2: int) -> str:
        if x.ndim != 2 or (axis1 % 2, axis2 % 2) != (0, 1):
            raise Refuse(f"np.{name} of a stack, or of other axes", f"np.{name}(x) of one matrix")
        return f"xp.linalg.{name}({{0}}{f', offset={offset}' if offset else ''})"

    return text


def _triangle(name: str) -> Any:
    return lambda x, *, offset: f"xp.{name}({{0}}{f', k={offset}' if offset else ''})"


def _outer(a: ArrayType, b: ArrayType) -> str:
    left, right = ("{0}", "{1}")
    left = left if a.ndim == 1 else "xp.reshape({0}, (-1,))"
    right = right if b.ndim == 1 else "xp.reshape({1}, (-1,))"
    return f"{left}[:, None] * {right}[None, :]"


def _tensordot(a: ArrayType, b: ArrayType, *, axes: Any) -> str:
    left, right = axes
    count = len(left)
    if left == tuple(range(a.ndim - count, a.ndim)) and right == tuple(range(count)):
        return f"xp.tensordot({{0}}, {{1}}, axes={count})"
    return f"xp.tensordot({{0}}, {{1}}, axes={axes})"


def _repeat(x: ArrayType, *, repeats: int | tuple[int, ...], axis: int) -> str:
    counts = repeats if isinstance(repeats, int) else f"xp.asarray({list(repeats)})"
    return f"xp.repeat({{0}}, {counts}, axis={axis})"


def _tile(x: ArrayType, *, reps: tuple[int, ...]) -> str:
    return f"xp.tile({{0}}, {_tuple(reps)})"


def _cumulative(name: str) -> Any:
    def text(x: ArrayType, *, axis: int | None = None) -> str:
        if axis is None and x.ndim != 1:
            return f"xp.{name}(xp.reshape({{0}}, (-1,)))"
        return f"xp.{name}({{0}})" if x.ndim == 1 else f"xp.{name}({{0}}, axis={axis})"

    return text


def _within(entry: Any, n: int) -> Any:
    """A slice within the bounds, beyond which the standard knows none."""
    if not isinstance(entry, Slice) or isinstance(n, Dim) or max(abs(entry.start or 0), abs(entry.stop or 0)) <= n:
        return entry
    if not n:
        return Slice(step=entry.step)
    start, stop, step = entry.concrete().indices(n)
    return Slice(start, stop if stop >= 0 else None, None if step == 1 else step)


def _getitem(x: ArrayType, *arrays: ArrayType, index: Index) -> str:
    if index == () or not x.ndim:
        return "{0}"
    entries = full_index(index, x.ndim, arrays)
    slots = [i for i, entry in enumerate(entries) if isinstance(entry, Slot)]
    if slots:
        others = {str(entry) for entry in entries if not isinstance(entry, Slot)}
        if len(slots) == 1 and arrays[0].ndim == 1 and others <= {":"}:
            return f"xp.take({{0}}, {{1}}, axis={slots[0]})"
        if len(slots) < x.ndim or any(a.dtype.kind == "b" for a in arrays):
            raise Refuse("an index that mixes arrays and slices, or a mask", "np.take(x, i, axis=...)")
    lengths = iter(x.shape)
    entries = tuple(entry if entry is None else _within(entry, next(lengths)) for entry in entries)
    parts = [e.strip() for e in index_text(entries, 1).split(",")]
    return f"{{0}}[{', '.join(_shortened(parts))}]"


def _matrices(name: str, count: int = 1) -> Any:
    def text(*types: ArrayType, **params: Any) -> str:
        different = [k for k, v in params.items() if v != BY_NAME[name].defaults.get(k)]
        if different:
            raise Refuse(f"np.linalg.{name} with {', '.join(different)}", f"np.linalg.{name} without it")
        return f"xp.linalg.{name}({', '.join(f'{{{i}}}' for i in range(count))})"

    return text


_INFIX = {
    "add", "subtract", "multiply", "divide", "negative", "positive", "power", "floor_divide", "remainder", "greater",
    "greater_equal", "less", "less_equal", "equal", "not_equal", "bitwise_and", "bitwise_or", "bitwise_xor", "invert",
    "left_shift", "right_shift",
}  # fmt: skip
_RENAMED = {
    "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2",
    "arctanh": "atanh", "conjugate": "conj", "fabs": "abs", "rint": "round",
}  # fmt: skip
_SAME = """
    ceil copysign cos cosh exp expm1 floor hypot isfinite isinf isnan log log10 log1p log2 logaddexp logical_and
    logical_not logical_or logical_xor maximum minimum sign signbit sin sinh sqrt square tan tanh trunc where
"""


def _call(name: str, op: str) -> str:
    count = len(BY_NAME[op].operand_names)
    return f"xp.{name}({', '.join(f'{{{i}}}' for i in range(count))})"


def _float_of(name: str, infix: str) -> Any:
    """A part of a complex number, and of a real one."""
    return lambda x: f"xp.{name}({{0}})" if x.dtype.kind == "c" else infix


SPELLINGS: dict[str, Spelling] = {
    **dict.fromkeys(sorted(_INFIX)),
    **{name: _call(name, name) for name in _SAME.split()},
    **{name: _call(new, name) for name, new in _RENAMED.items()},
    **{name: _reduction(name) for name in ("sum", "mean", "prod", "max", "min", "any", "all", "argmax", "argmin")},
    "power": "{0} ** {1}",
    "absolute": lambda x: "abs({0})" if x.weak else "xp.abs({0})",
    "real": _float_of("real", "{0}"),
    "imag": _float_of("imag", "xp.zeros_like({0})"),
    "exp2": "2.0 ** {0}",
    "reciprocal": "1.0 / {0}",
    "count_nonzero": _reduction("count_nonzero"),
    "cumsum": _cumulative("cumulative_sum"),
    "cumprod": _cumulative("cumulative_prod"),
    "stop_gradient": "{0}",
    "python_number": None,
    "as_array": "xp.asarray({0})",
    "copy": "xp.asarray({0}, copy=True)",
    "astype": _astype,
    "matmul": "{0} @ {1}",
    "vecdot": "xp.vecdot({0}, {1})",
    "tensordot": _tensordot,
    "outer": _outer,
    "reshape": _reshape,
    "transpose": _transpose,
    "expand_dims": _expand,
    "squeeze": _squeeze,
    "flip": _flip,
    "roll": _roll,
    "repeat": _repeat,
    "tile": _tile,
    "broadcast_to": lambda x, *, shape: f"xp.broadcast_to({{0}}, {_tuple(shape)})",
    "concatenate": _together("concat"),
    "stack": _together("stack"),
    "pad": _pad,
    "filled": _filled,
    "full": _full,
    "constant": _constant,
    "arange": _arange,
    "identity_matrix": _eye,
    "diagonal_matrix": _diagonal_matrix,
    "diagonal": _diagonal("diagonal"),
    "trace": _diagonal("trace"),
    "lower_triangle": _triangle("tril"),
    "upper_triangle": _triangle("triu"),
    "getitem": _getitem,
    "solve": _matrices("solve", 2),
    **{name: _matrices(name) for name in ("inv", "det", "slogdet", "pinv", "eigh", "cholesky")},
}

_OF_NUMBERS = """
    absolute add argmax argmin ceil divide floor floor_divide greater greater_equal less less_equal matmul max maximum
    min minimum multiply negative positive power remainder sign square subtract trunc
"""
_CONVERTING = """
    add subtract multiply divide power floor_divide remainder maximum minimum equal not_equal less less_equal
    greater greater_equal where logical_and logical_or logical_xor logical_not arccos arccosh arcsin arcsinh arctan
    arctan2 arctanh cos cosh exp exp2 expm1 hypot log log10 log1p log2 logaddexp reciprocal sin sinh sqrt tan tanh
    copysign matmul outer tensordot vecdot solve inv det slogdet pinv cholesky
"""
RULES: dict[str, tuple[Any, ...]] = {name: (of_one_kind(name),) for name in _CONVERTING.split()}
RULES |= {name: (sum_of_numbers(name),) for name in ("sum", "prod", "mean", "cumsum", "cumprod")}
RULES |= {
    "set_item": (without_writes.written_block,),
    "index_add": (without_writes.added_block,),
    "getitem": (one_axis.flat_places, without_writes.read_forwards),
    "inverse_of_lower": (one_axis.inverse_of_any,),
}

INSTEAD = {
    "index_add": "a matrix product with a one-hot matrix: one_hot @ table, for table[i]",
    "set_item": "np.where(mask, value, x), or np.concatenate of the parts",
    "einsum": "matrix products and np.tensordot",
    "call": "the function's text in place: without checkpoint",
    "store": "x = x.copy() as the first line of the function",
}

NAMESPACE = Target(
    name="the array API standard",
    what="the array API standard covers",
    rules=RULES,
    spellings=SPELLINGS,
    updates={"guard": None},
    numbers=Numbers(_literal, _operand),
    dtype=_dtype,
    scalar=lambda number, dtype: f"xp.asarray({number}, dtype={_dtype(dtype)})",
    instead=INSTEAD,
    check=_check,
    parameter="xp",
    arrays_alone=True,
    lists=True,
)
