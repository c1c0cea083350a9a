"""Rules that write out the conversions which NumPy makes by itself between booleans, integers and floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..builder import Builder, Rule, Value
from ..op import BY_NAME
from ..types import result_dtype

_COMPARED = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "maximum", "minimum"}
_TRUTHS = {"logical_and", "logical_or", "logical_xor", "logical_not"}
_BOOL = np.dtype(bool)


def of_one_kind(name: str) -> Rule:
    """The operation on operands of the kind of dtype that NumPy computes with."""
    op = BY_NAME[name]

    def rule(builder: Builder, *operands: Value, **params: Any) -> Value | None:
        if name == "where":
            a, b = operands[1:]
            dtype = result_dtype(a.type, b.type)
            cast = (_cast(operands[0], _BOOL), _cast(a, dtype), _cast(b, dtype))
        else:
            if name in _TRUTHS:
                dtype = _BOOL
            elif name in _COMPARED:
                dtype = result_dtype(*(v.type for v in operands))
            else:
                inferred = op.infer(*(v.type for v in operands), **params)
                dtype = (inferred[0] if isinstance(inferred, tuple) else inferred).dtype
            cast = tuple(_cast(v, dtype) for v in operands)  # type: ignore[assignment]
        same = all(new is old for new, old in zip(cast, operands, strict=True))
        return None if same else builder.emit(op, *cast, **params)

    return rule


def _cast(x: Value, dtype: np.dtype[Any]) -> Value:
    """x with the dtype, if it is of another kind; real and complex floats go together, and so do all integers."""
    kinds = {"i": "integer", "u": "integer", "f": "inexact", "c": "inexact", "b": "bool"}
    if kinds[x.dtype.kind] == kinds[dtype.kind] or (x.type.weak and x.dtype.kind in "iu" and dtype.kind in "fc"):
        return x
    if x.type.weak and x.literal is not None and dtype.kind in "iufc":
        return x.builder.value(int(x.literal) if dtype.kind in "iu" else float(x.literal))
    return BY_NAME["astype"](x, dtype=dtype)  # type: ignore[no-any-return]


def sum_of_numbers(name: str) -> Rule:
    """A sum or product of booleans is one of integers, a mean of integers one of floats."""

    def rule(builder: Builder, x: Value, **params: Any) -> Value | None:
        dtype = BY_NAME[name].infer(x.type, **params).dtype
        cast = _cast(x, dtype)
        return None if cast is x else builder.emit(BY_NAME[name], cast, **params)  # type: ignore[no-any-return]

    return rule
