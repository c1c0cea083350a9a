"""The subset of NumPy that numba.njit compiles, as numba spells it; tests/test_targets.py compiles all of it."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from ..ir.indexing import Index
from ..ir.op import BY_NAME
from ..ir.passes import one_axis
from ..ir.program import Atom, Equation, Literal
from ..ir.types import ArrayType, Shape, result_dtype
from .numbers import number_expression
from .target import Numbers, Refuse, Spelling, Target
from .templates import expression

_DEFAULT = ("float64", "complex128", "int64", "bool")  # what Python's own numbers are for numba


# --------------------------------------------------------------------------------------------------------- numbers


def _literal(atom: Literal) -> ast.expr:
    return number_expression(atom.value, atom.type.weak)


def _operand(equation: Equation, place: int, atoms: list[Atom], text: ast.expr) -> ast.expr:
    """For numba 2.0 is a float64 among float32: a Python number gets the dtype that it has for NumPy."""
    atom = atoms[place]
    if not atom.type.weak or not equation.op.elementwise or equation.op.name in ("python_number", "astype"):
        return text
    among = [a.type for i, a in enumerate(atoms) if i or equation.op.name != "where"]
    dtype = result_dtype(*among)
    whole = equation.op.name == "power" and place == 1 and isinstance(atom, Literal) and isinstance(atom.value, int)
    if dtype.name in _DEFAULT or (whole and dtype.kind == "f"):
        return text
    return expression(f"np.{dtype.name}({{0}})", [text])


def _where(condition: ArrayType, a: ArrayType, b: ArrayType) -> str:
    """Of numbers alone a number, where numba makes a 0-dimensional array."""
    return "np.where({0}, {1}, {2})" + ("" if condition.ndim or a.ndim or b.ndim else "[()]")


def _dtype(dtype: np.dtype[Any]) -> str:
    return "np.bool_" if dtype.kind == "b" else f"np.{dtype.name}"


def _check(equation: Equation) -> None:
    for atom in (*equation.operands, *equation.outs):
        if atom.type.dtype == np.float16:
            raise Refuse("numba has no float16 on the processor", "x.astype(np.float32)")
    if equation.op.name in ("scan", "while_loop") and any(-1 in v.type.shape for v in equation.outs):
        read = equation.params["body"].outputs
        if any(not isinstance(o, Literal) and -1 in o.type.shape for o in read):
            raise Refuse("a list of lists", "")


# -------------------------------------------------------------------------------------------------------- spelling


def _reduction(name: str) -> Any:
    def text(x: ArrayType, *, axis: Any = None, keepdims: bool = False) -> str:
        if not x.ndim and x.inexact:
            return "{0}"
        return f"np.{name}({{0}})" if axis is None else f"np.{name}({{0}}, axis={axis})"

    return text


def _whole(name: str) -> Any:
    def text(x: ArrayType, *, axis: Any = None, keepdims: bool = False) -> str:
        if not x.ndim and x.inexact and name in ("mean", "max", "min", "prod", "nanmax", "nanmin"):
            return "{0}"
        if axis is not None or keepdims or not x.ndim:
            raise Refuse(f"np.{name} of {x}, axis={axis}", f"np.{name}(x) of an array")
        return f"np.{name}({{0}})"

    return text


def _reshape(x: ArrayType, *, shape: Shape) -> str:
    if not x.ndim:
        return f"np.full({shape}, {{0}})" if shape else "{0}"
    if not shape:
        return f"{{0}}[{', '.join('0' for _ in x.shape)}]"
    return f"np.ascontiguousarray({{0}}).reshape({shape if len(shape) > 1 else shape[0]})"


def _transpose(x: ArrayType, *, axes: tuple[int, ...]) -> str:
    if axes == tuple(range(x.ndim)):
        return "{0}"
    return "{0}.T" if x.ndim == 2 else f"np.transpose({{0}}, {axes})"


def _own(op: str, *types: ArrayType, **params: Any) -> str:
    """NumPy's text."""
    return BY_NAME[op].template(types, params)


def _expand(x: ArrayType, *, axis: tuple[int, ...]) -> str:
    return _own("expand_dims", x, axis=axis) if x.ndim else f"np.full({(1,) * len(axis)}, {{0}})"


def _squeeze(x: ArrayType, *, axis: tuple[int, ...]) -> str:
    return f"{{0}}[{', '.join('0' if i in axis else ':' for i in range(max(axis) + 1))}]"


def _astype(x: ArrayType, *, dtype: np.dtype[Any]) -> str:
    return f"{{0}}.astype({_dtype(dtype)})" if x.ndim else f"{_dtype(dtype)}({{0}})"


def _filled(*, value: Any, shape: Shape, dtype: np.dtype[Any]) -> str:
    return _own("filled", value=value, shape=shape, dtype=dtype).replace("dtype=bool", "dtype=np.bool_")


def _full(x: ArrayType, *, shape: Shape) -> str:
    if x.ndim:
        return f"np.broadcast_to({{0}}, {shape}).copy()"
    return f"np.full({shape if len(shape) != 1 else shape[0]}, {{0}})"


def _together(name: str) -> Any:
    def text(*types: ArrayType, axis: int) -> str:
        arrays = ", ".join(f"{{{i}}}" for i in range(len(types))) + ("," if len(types) == 1 else "")
        if name == "stack" and not types[0].ndim:
            return f"np.array([{', '.join(f'{{{i}}}' for i in range(len(types)))}])"
        if any(t.dtype != types[0].dtype for t in types):
            raise Refuse(f"np.{name} of arrays of several dtypes", "x.astype(float) for each of them")
        along = axis % (types[0].ndim + (name == "stack"))
        return f"np.{name}(({arrays}), axis={along})" if along else f"np.{name}(({arrays}))"

    return text


def _eye(**params: Any) -> str:
    return _own("identity_matrix", **params).replace("dtype=bool", "dtype=np.bool_")


def _constant(*, values: Any, dtype: np.dtype[Any]) -> str:
    if 0 in np.shape(values):
        raise Refuse("an empty array written out in the text", "np.zeros(0)")
    return _own("constant", values=values, dtype=dtype).replace("dtype=bool", "dtype=np.bool_")


def _cumsum(x: ArrayType, *, axis: int | None) -> str:
    if not x.ndim:
        raise Refuse("np.cumsum of a number", "x.reshape(1)")
    return _own("cumsum", x, axis=axis).partition(" || ")[0]


def _interp(*types: ArrayType, **params: Any) -> str:
    if any(value is not None for value in params.values()):
        raise Refuse("np.interp with left or right", "np.interp(x, xp, fp) without them")
    return _own("interp", *types, **params)


def _sorting(name: str) -> Any:
    def text(x: ArrayType, *, axis: int, kind: str | None) -> str:
        """Stable, so that equal elements have the places that NumPy's stable sort gives them."""
        if x.ndim != 1:
            raise Refuse(f"np.{name} of an array of several dimensions", "a loop over its rows")
        if kind not in (None, "stable", "mergesort"):
            raise Refuse(f"np.{name} with kind={kind!r}", f"np.{name}(x)")
        return "np.sort({0})" if name == "sort" else "np.argsort({0}, kind='mergesort')"

    return text


def _copy(x: ArrayType) -> str:
    return "{0}.copy()" if x.ndim else "{0}"


def _matmul(a: ArrayType, b: ArrayType) -> str:
    if max(a.ndim, b.ndim) > 2:
        raise Refuse(f"a product of stacks of matrices that are broadcast: {a} @ {b}", "a loop over the stack")
    if a.dtype.kind not in "fc":
        raise Refuse(f"a matrix product of integers: {a} @ {b}", "x.astype(float) @ y.astype(float)")
    return "{0} @ {1}"


def _matrices(name: str, *cores: int, **fixed: Any) -> Any:
    def text(*types: ArrayType, **params: Any) -> str:
        for type_, core in zip(types, cores):
            if type_.ndim > core:
                raise Refuse(f"np.linalg.{name} of a stack that is broadcast", "a loop over the stack")
        different = {k: v for k, v in params.items() if v != BY_NAME[name].defaults.get(k) and v != fixed.get(k)}
        if different:
            raise Refuse(f"np.linalg.{name} with {', '.join(different)}", f"np.linalg.{name} without it")
        if any(t.dtype.kind not in "fc" for t in types) or len({t.dtype for t in types}) > 1:
            raise Refuse(f"np.linalg.{name} of {' and '.join(map(str, types))}", "arrays of one floating-point dtype")
        return f"np.linalg.{name}({', '.join(f'{{{i}}}' for i in range(len(types)))})"

    return text


def _diagonal(name: str) -> Any:
    def text(x: ArrayType, *, offset: int, axis1: int, axis2: int) -> str:
        if x.ndim > 2 or (axis1 % 2, axis2 % 2) != (0, 1) or (offset and name == "trace"):
            raise Refuse(f"np.{name} of a stack, or of other axes", f"np.{name}(x) of one matrix")
        own = "np.diag" if name == "diagonal" else "np.trace"
        return f"{own}({{0}}, {offset})" if offset else f"{own}({{0}})"

    return text


def _indexed(own: str) -> Any:
    """An index as numba takes it: with one array at most."""

    def text(*types: ArrayType, index: Index, **params: Any) -> str:
        first = 1 if own == "getitem" else 2
        arrays = types[first:]
        if sum(t.ndim > 0 for t in arrays) > 1:
            raise Refuse("an index with several arrays", "one index of x.ravel(), or a loop")
        if any(t.dtype.kind == "b" and t.ndim > 1 for t in arrays):
            raise Refuse("an index that is a mask of several dimensions", "np.where(mask, ..., x)")
        if any(t.ndim > 1 for t in arrays):
            raise Refuse("an index that is an array of several dimensions", "x[i.ravel()].reshape(...)")
        if own == "index_add" and not params["distinct"]:
            raise Refuse("np.add.at with this index", "a loop over the places")
        if own == "getitem":
            return "{0}" if index == () else _own(own, *types, index=index)
        if not types[0].ndim:
            raise Refuse("a write into a 0-dimensional array", "a plain assignment")
        return BY_NAME[own].update_template(types, {"index": index, **params})

    return text


_ELEMENTWISE = """
    absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or bitwise_xor cbrt
    ceil conjugate copysign cos cosh deg2rad degrees divide equal exp exp2 expm1 fabs floor floor_divide
    float_power fmax fmin fmod greater greater_equal hypot imag invert isfinite isinf isnan left_shift less
    less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor maximum
    minimum multiply nan_to_num negative not_equal positive power python_number rad2deg radians real reciprocal
    remainder right_shift rint sign signbit sin sinc sinh sqrt square stop_gradient subtract tan tanh trunc
    where
"""
_AS_FOR_NUMPY = "broadcast_to convolve cross diagonal_matrix flip lower_triangle upper_triangle outer arange"

SPELLINGS: dict[str, Spelling] = {
    **dict.fromkeys(_ELEMENTWISE.split()),
    **dict.fromkeys(_AS_FOR_NUMPY.split()),
    **{name: _whole(name) for name in ("max", "min", "prod", "any", "all", "nanmax", "nanmin", "argmax", "argmin")},
    "sum": _reduction("sum"),
    "mean": _whole("mean"),
    "count_nonzero": _whole("count_nonzero"),
    "reshape": _reshape,
    "transpose": _transpose,
    "expand_dims": _expand,
    "squeeze": _squeeze,
    "astype": _astype,
    "as_array": "{0}",
    "filled": _filled,
    "full": _full,
    "copy": _copy,
    "concatenate": _together("concatenate"),
    "stack": _together("stack"),
    "matmul": _matmul,
    "getitem": _indexed("getitem"),
    "where": _where,
    "identity_matrix": _eye,
    "constant": _constant,
    "cumsum": _cumsum,
    "interp": _interp,
    "sort": _sorting("sort"),
    "argsort": _sorting("argsort"),
    "diagonal": _diagonal("diagonal"),
    "trace": _diagonal("trace"),
    **{name: _matrices(name, 2) for name in ("inv", "det", "slogdet", "cholesky", "eigh", "pinv")},
    "solve": _matrices("solve", 2, 2),
}

UPDATES: dict[str, Spelling] = {
    "set_item": _indexed("set_item"),
    "index_add": _indexed("index_add"),
    "guard": None,
}

RULES: dict[str, tuple[Any, ...]] = {
    "mean": (one_axis.mean_as_sum,),
    "sum": (one_axis.with_kept_axes("sum"),),
    **{
        name: (one_axis.along_rows(name),)
        for name in ("max", "min", "prod", "any", "all", "nanmax", "nanmin", "argmax", "argmin", "count_nonzero")
    },
    "matmul": (one_axis.stacked_product,),
    "tensordot": (one_axis.tensordot_as_product,),
    "vecdot": (one_axis.vecdot_as_sum,),
    "inverse_of_lower": (one_axis.inverse_of_any,),
    "repeat": (one_axis.repeat_as_broadcast,),
    "index_add": (one_axis.add_one_by_one,),
    "set_item": (one_axis.mask_as_choice,),
    "getitem": (one_axis.flat_places,),
    "pad": (one_axis.pad_as_write,),
    **{name: (one_axis.in_stacks(name, 2),) for name in ("inv", "det", "cholesky", "pinv")},
    "solve": (one_axis.in_stacks("solve", 2, 2),),
}

INSTEAD = {
    "einsum": "products of matrices: x @ y, x.T @ y",
    "call": "the function's text in place: without checkpoint",
    "store": "x = x.copy() as the first line of the function",
}

NUMBA = Target(
    name="numba",
    what="numba.njit compiles",
    rules=RULES,
    spellings=SPELLINGS,
    updates=UPDATES,
    numbers=Numbers(_literal, _operand),
    dtype=lambda dtype: f"np.dtype({_dtype(dtype)})",
    scalar=lambda number, dtype: f"{_dtype(dtype)}({number})",
    instead=INSTEAD,
    check=_check,
    containers=("tuple",),
    closures=False,
)
