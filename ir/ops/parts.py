"""Writes into the real and the imaginary part of complex arrays: each leaves the other part as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import Batch
from ..builder import Value
from ..op import Op, register
from ..types import ArrayType, broadcast_shapes
from .elementwise import imag, real


def _write_batch(batch: Batch, x: Value, value: Value) -> Any:
    return batch.builder.emit(batch.equation.op, batch.full(x, 0), batch.aligned(value, 1, batch.out.ndim))


def _writing(part: str) -> Op:
    def fun(x: Any, value: Any) -> Any:
        result = np.array(x)
        if not np.iscomplexobj(result) or np.iscomplexobj(value):
            raise TypeError(f"the {part} part of a complex array takes real numbers")
        setattr(result, part, value)
        return result

    def infer(x: ArrayType, value: ArrayType) -> ArrayType:
        if x.dtype.kind != "c" or value.dtype.kind == "c":
            raise TypeError(f"the {part} part of {x} cannot be set to {value}")
        if broadcast_shapes(x.shape, value.shape) != x.shape:
            raise ValueError(f"could not broadcast input array from shape {value.shape} into shape {x.shape}")
        return x

    return register(Op(f"set_{part}", fun, infer, "{0}", batch=_write_batch, update=f"{{0}}.{part} = {{1}}"))


set_real, set_imag = _writing("real"), _writing("imag")


@set_real.vjp
def set_real_vjp(g: Value, y: Value, x: Value, value: Value) -> tuple[Value, Value]:
    dvalue = real(g)
    return set_real(g, 0), dvalue  # after the read, so that it can be done in place


@set_imag.vjp
def set_imag_vjp(g: Value, y: Value, x: Value, value: Value) -> tuple[Value, Value]:
    """Of an imaginary part b the cotangent is that of 1j * b: Re(1j g) = -Im(g)."""
    dvalue = -imag(g)
    return set_imag(g, 0), dvalue
