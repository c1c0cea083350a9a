"""The one gradient checker: the adjoint program against finite differences, with a random cotangent of both signs.

Cotangents follow the convention of autograd and JAX: the linear transpose without conjugation, so that a holomorphic f
gives g * f'(x). For L = sum(Re(g * y)) that is dL/d(Re x) - i dL/d(Im x).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapeless.ir.builder import Builder, Value
from tapeless.ir.check import check
from tapeless.ir.grad import backward, spread
from tapeless.ir.interp import evaluate
from tapeless.ir.passes import PIPELINE, optimize
from tapeless.ir.program import Literal, Program
from tapeless.ir.types import ArrayType, type_of

Build = Callable[..., Any]  # values -> a value or a tuple of values

# Relative to the largest element (at least 1). The only tolerances of the suite.
TOLERANCE = {"f2": 2e-2, "f4": 5e-5, "f8": 1e-7, "c8": 5e-5, "c16": 1e-7}
ROUNDING = {"f2": 1e-2, "f4": 1e-5, "f8": 1e-11, "c8": 1e-5, "c16": 1e-11}
STEP = 2.5e-4


def as_tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def is_inexact(x: Any) -> bool:
    return type_of(x).inexact


def frozen(x: Any) -> Any:
    """A read-only copy: nothing may write into an operand."""
    if isinstance(x, np.ndarray):
        x = x.copy()
        x.flags.writeable = False
    return x


def assert_close(actual: Any, expected: Any, tolerances: dict[str, float], dtype: Any, message: str = "") -> None:
    """The two agree within the tolerance of the dtype, element by element; nan and inf stand at the same places."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{message}: shapes {actual.shape} and {expected.shape}"
    if not actual.size:
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite], err_msg=message)
    scale = max(1.0, float(np.abs(expected[finite]).max(initial=0.0)))
    tolerance = tolerances[np.dtype(dtype).str[1:]] * scale
    error = np.abs(actual[finite] - expected[finite]).max(initial=0.0)
    assert error <= tolerance, f"{message}: off by {error:.3g} at a scale of {scale:.3g}:\n{actual}\n{expected}"


def same_bits(a: Any, b: Any) -> bool:
    """Equal types and equal bits; one nan is as good as another."""
    return type_of(a) == type_of(b) and _bits(a) == _bits(b)


def _bits(x: Any) -> bytes:
    array = np.array(x, order="C")
    if array.dtype.kind == "c":
        return _bits(array.real) + _bits(array.imag)
    return (
        np.where(np.isnan(array), np.array(np.nan, array.dtype), array) if array.dtype.kind == "f" else array
    ).tobytes()


def random_like(rng: np.random.Generator, type_: ArrayType) -> Any:
    """Numbers of both signs, none near 0 or 1."""

    def draw() -> Any:
        return rng.uniform(0.3, 0.9, type_.shape) * rng.choice([-1.7, 1.7], type_.shape)

    value = draw() + 1j * draw() if type_.dtype.kind == "c" else draw()
    if type_.weak:
        return complex(value) if type_.dtype.kind == "c" else float(value)
    return np.asarray(value, type_.dtype)[()]


def forward_program(build: Build, operands: Sequence[Any]) -> Program:
    """The checked program of `build`, whose declared types are the types of what it computes."""
    builder = Builder()
    values = [builder.input(type_of(x), f"x{i}") for i, x in enumerate(operands)]
    program = check(builder.program("forward", as_tuple(build(*values))))
    for output, result in zip(program.outputs, evaluate(program, operands), strict=True):
        assert type_of(result) == output.type, f"computes {type_of(result)}\n{program}"
    return program


def adjoint_program(
    build: Build, operands: Sequence[Any], cotangents: Sequence[Any], wanted: Sequence[int]
) -> tuple[Program, list[Value | None]]:
    """(operands, cotangents) -> outputs and the cotangents of the wanted operands that are not zero."""
    builder = Builder()
    values = [builder.input(type_of(x), f"x{i}") for i, x in enumerate(operands)]
    outputs = as_tuple(build(*values))
    seeds = [
        (y, builder.value(g) if isinstance(g, Literal) else builder.input(type_of(g), f"g{i}"))
        for i, (y, g) in enumerate(zip(outputs, cotangents, strict=True))
    ]
    found = backward(builder, seeds, [values[k] for k in wanted])
    program = builder.program("adjoint", [*outputs, *(d for d in found if d is not None)])
    return check(program), found


def analytic(
    build: Build, operands: Sequence[Any], cotangents: Sequence[Any], wanted: Sequence[int]
) -> tuple[list[Any], Program]:
    """The cotangents of the wanted operands, in full, by the adjoint program; types are checked on the way."""
    program, found = adjoint_program(build, operands, cotangents, wanted)
    arguments = [*operands, *(g for g in cotangents if not isinstance(g, Literal))]
    with np.errstate(all="raise", under="ignore"):
        results = evaluate(program, arguments)
    check_optimized(program, arguments, results)
    remaining = iter(results[len(results) - sum(d is not None for d in found) :])
    full = []
    for k, d in zip(wanted, found, strict=True):
        target = type_of(operands[k])
        if d is None:
            full.append(np.zeros(target.shape, target.dtype))
            continue
        result = next(remaining)
        assert type_of(result) == d.type, f"computes {type_of(result)}, declared {d.type}\n{program}"
        assert d.type.weak or target.weak or d.dtype == target.dtype, f"{d.type} for {target}\n{program}"
        assert d.dtype.kind != "c" or target.dtype.kind == "c", f"{d.type} for {target}\n{program}"
        assert np.broadcast_shapes(d.shape, target.shape) == target.shape, f"{d.type} for {target}\n{program}"
        full.append(np.broadcast_to(np.asarray(result, target.dtype), target.shape))
    return full, program


def check_optimized(program: Program, arguments: Sequence[Any], expected: Sequence[Any]) -> None:
    """Each pass leaves a valid program that computes the same."""
    stage = program
    for run in PIPELINE:
        stage = check(run(stage))
    optimized = optimize(program)
    with np.errstate(all="ignore"):
        results = evaluate(optimized, arguments)
    for before, after, was in zip(expected, results, program.outputs, strict=True):
        assert type_of(after) == type_of(before), f"{type_of(before)} became {type_of(after)}\n{program}\n{optimized}"
        if was.type.inexact:
            assert_close(after, before, ROUNDING, was.type.dtype, f"optimized\n{program}\n{optimized}")
        else:
            np.testing.assert_array_equal(after, before)


def pairing(cotangents: Sequence[Any], outputs: Sequence[Any]) -> float:
    """sum(Re(g * y)) over all outputs: what the cotangents are the gradient of."""
    return float(sum(np.sum(np.real(np.asarray(g) * np.asarray(y))) for g, y in zip(cotangents, outputs, strict=True)))


def numeric(build: Build, operands: Sequence[Any], cotangents: Sequence[Any], k: int) -> Any:
    """The cotangent of operand k by central differences of fourth order."""
    program = forward_program(build, operands)
    x = np.array(operands[k])
    result = np.zeros(x.shape, x.dtype)

    def at(place: tuple[int, ...], step: complex) -> float:
        moved = x.copy()
        moved[place] += step if x.dtype.kind == "c" else step.real
        changed = moved.item() if type(operands[k]) in (float, complex) else moved[()]
        return pairing(cotangents, evaluate(program, [*operands[:k], changed, *operands[k + 1 :]]))

    for place in np.ndindex(x.shape):
        for direction in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
            h = complex(STEP * direction)
            slope = (8 * (at(place, h) - at(place, -h)) - (at(place, 2 * h) - at(place, -2 * h))) / (12 * STEP)
            result[place] += slope * (-1j if direction == 1j else 1.0)
    return result


def small_cotangents(rng: np.random.Generator, outputs: Sequence[Any]) -> list[list[Any]]:
    """Cotangents that merely broadcast to their outputs: a number in the text, a 0-d array, one row."""
    types = [type_of(y) for y in outputs]
    one = [random_like(rng, ArrayType((), t.dtype)) for t in types]
    row = [random_like(rng, ArrayType((*(1 for _ in t.shape[:-1]), *t.shape[-1:]), t.dtype)) for t in types]
    text = [Literal(-1.5, type_of(-1.5)) for _ in types]
    return [one, row, text]


def check_gradient(
    build: Build, operands: Sequence[Any], *, wanted: Sequence[int] | None = None, order: int = 2, seed: int = 0
) -> None:
    """`backward` of `build` agrees with finite differences at the operands (float64 or complex128), up to `order`."""
    operands = [frozen(x) for x in operands]
    rng = np.random.default_rng(seed)
    if wanted is None:
        wanted = [k for k, x in enumerate(operands) if is_inexact(x)]
    program = forward_program(build, operands)
    with np.errstate(all="raise", under="ignore"):
        outputs = evaluate(program, operands)
    cotangents = [random_like(rng, type_of(y)) for y in outputs]
    full, adjoint = analytic(build, operands, cotangents, wanted)
    for k, found in zip(wanted, full, strict=True):
        expected = numeric(build, operands, cotangents, k)
        assert_close(found, expected, TOLERANCE, found.dtype, f"operand {k}, order {order}\n{adjoint}")
    if len(wanted) > 1:
        for k, together in zip(wanted, full, strict=True):
            ((alone,), _) = analytic(build, operands, cotangents, [k])
            assert_close(alone, together, ROUNDING, alone.dtype, f"operand {k} alone")
    for small in small_cotangents(rng, outputs):
        check_small(build, operands, outputs, small, wanted)
    if order > 1:
        second = derivative(build, len(operands), len(outputs), wanted)
        check_gradient(second, [*operands, *cotangents], order=order - 1, seed=seed + 1)


def check_small(
    build: Build, operands: Sequence[Any], outputs: Sequence[Any], small: Sequence[Any], wanted: Sequence[int]
) -> None:
    """A cotangent that merely broadcasts gives the same as the one written out in full."""
    spread_out = [
        np.full(np.shape(y), g.value if isinstance(g, Literal) else g, np.asarray(y).dtype)[()]
        for g, y in zip(small, outputs, strict=True)
    ]
    expected, _ = analytic(build, operands, spread_out, wanted)
    found, program = analytic(build, operands, small, wanted)
    for k, a, b in zip(wanted, found, expected, strict=True):
        assert_close(a, b, ROUNDING, b.dtype, f"operand {k}, small cotangent\n{program}")


def derivative(build: Build, inputs: int, outputs: int, wanted: Sequence[int]) -> Build:
    """The gradient of `build` as a function of its operands and cotangents, for the next order."""

    def adjoint(*values: Value) -> tuple[Value, ...]:
        ys = as_tuple(build(*values[:inputs]))
        builder = values[0].builder
        found = backward(builder, list(zip(ys, values[inputs:], strict=True)), [values[k] for k in wanted])
        some = [spread(d, values[k].type) for k, d in zip(wanted, found, strict=True) if d is not None]
        return tuple(some) or (values[0],)

    return adjoint


def check_low_precision(build: Build, operands: Sequence[Any], *, seed: int = 0) -> None:
    """In f16, f32 and c64 the gradient has the operand's dtype and is that of f64 and c128 up to rounding."""
    rng = np.random.default_rng(seed)
    for real, complex_ in ((np.float16, None), (np.float32, np.complex64)):
        low = [_cast(x, real, complex_) for x in operands]
        if any(x is None for x in low):
            continue
        high = [_cast(x, np.float64, np.complex128) for x in low]
        try:
            outputs = evaluate(forward_program(build, low), low)
        except TypeError as error:
            if "is unsupported in" in str(error):  # NumPy and SciPy refuse it
                continue
            raise
        wanted = [k for k, x in enumerate(low) if is_inexact(x)]
        cotangents = [random_like(rng, type_of(y)) for y in outputs]
        found, program = analytic(build, low, cotangents, wanted)
        wide = [_cast(g, np.float64, np.complex128) for g in cotangents]
        expected, _ = analytic(build, high, wide, wanted)
        for k, a, b in zip(wanted, found, expected, strict=True):
            assert_close(a, b, TOLERANCE, _lowest(low, a.dtype), f"operand {k} in {a.dtype}\n{program}")


def _lowest(operands: Sequence[Any], dtype: np.dtype[Any]) -> np.dtype[Any]:
    strong = [type_of(x).dtype for x in operands if type_of(x).inexact and not type_of(x).weak]
    return min([dtype, *strong], key=lambda d: np.finfo(d).bits)


def _cast(x: Any, real: Any, complex_: Any) -> Any:
    if isinstance(x, float | complex) and not isinstance(x, np.generic):
        return x
    kind = np.asarray(x).dtype.kind
    if kind == "c":
        return None if complex_ is None else np.asarray(x).astype(complex_)[()]
    return np.asarray(x).astype(real)[()] if kind == "f" else x


def build_of_literals(op: Any, operands: Sequence[Any], params: dict[str, Any]) -> Program:
    """One equation with these operands as inputs."""
    builder = Builder()
    values = [builder.input(type_of(x), f"x{i}") for i, x in enumerate(operands)]
    return builder.program("one", as_tuple(builder.emit(op, *values, **params)))
