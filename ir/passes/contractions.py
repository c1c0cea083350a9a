"""Sums of products of the backward pass without the array of products: `a @ b`, `np.vecdot(a, b)`, `np.einsum(...)`.

The product would go to memory and back only to be added up. The sum may round differently; the user's own sums, on
level 0, are left as they are written unless they are large ones, which may be added up in blocks as well.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..builder import Builder, Value
from ..dims import Dim
from ..op import BY_NAME
from ..ops.contraction import contract, is_plain
from ..ops.linear import einsum, vdot
from ..ops.loops import map_programs
from ..program import Atom, Equation, Literal, Program, Var
from ..sizes import reaches
from ..types import ArrayType, normalize_axes
from .dead_code import eliminate_dead_code, guards_only

LONG = 1024  # products from which np.einsum, which is harder to read, is quicker by more than the time of a call
WIDE = 16  # numbers of a row from which np.vecdot, which calls BLAS for each row, is as quick as np.einsum
LARGE = 1 << 20  # bytes of the user's own products that are not made
_LETTERS = "ijklmnopqrstuvwxyz"


def contract_sums(program: Program, everywhere: bool = False, large: bool = False) -> Program:
    """The program with sums of products as contractions where nothing else reads the products.

    `everywhere`: on level 0, too. It is so inside loops over blocks, which add up in another order as it is. `large`:
    on level 0 where the products are large, but for what leads to a guard, which compares the number of the trace.
    """
    definition = program.definitions()
    guarding = {id(e) for e in guards_only(program).equations} if large else set()
    uses = program.use_counts()
    equations: list[Equation] = []
    for equation in program.equations:
        if equation.holds_programs:
            inside = everywhere or equation.op.name == "blocks"
            held = map_programs(dict(equation.params), partial(contract_sums, everywhere=inside))
            equation = replace(equation, params=held)
        free = everywhere or equation.level > 0 or (large and _adds_much(equation) and id(equation) not in guarding)
        pair = _product(equation, definition, uses) if free else None
        written = None if pair is None else _written(equation, *pair, definition)
        if written is None and free and _adds_narrow_rows(equation):
            written = _added_by_letters(equation)
        equations += [equation] if written is None else written
    return eliminate_dead_code(replace(program, equations=tuple(equations)))


def _adds_much(total: Equation) -> bool:
    added = total.operands[0].type if total.op.name == "sum" else None
    return added is not None and -1 not in added.shape and reaches(added.size * added.dtype.itemsize, LARGE)


def _product(total: Equation, definition: dict[Var, Equation], uses: dict[Var, int]) -> tuple[Var, Var] | None:
    """The factors of the products that an equation adds up, if it does so and nothing else reads these."""
    if total.op.name != "sum":
        return None
    product = total.operands[0]
    made = definition.get(product) if isinstance(product, Var) else None
    if made is None or made.op.several or uses[made.out] > 1 or made.out.named or made.out.type.dtype.kind not in "fc":
        return None
    if made.op.name == "square" or (made.op.name == "power" and _is_two(made.operands[1])):
        a = b = made.operands[0]
    elif made.op.name == "multiply":
        a, b = made.operands
    else:
        return None
    if not isinstance(a, Var) or not isinstance(b, Var) or a.type.dtype.name == "float16":
        return None
    if a.type.dtype != b.type.dtype or a.type.weak or b.type.weak or not a.type.shape or not b.type.shape:
        return None
    return a, b


def _is_two(atom: Var | Literal) -> bool:
    return isinstance(atom, Literal) and bool(atom.value == 2)


def _adds_narrow_rows(total: Equation) -> bool:
    """Whether np.sum would start anew for each of many short rows."""
    x = total.operands[0].type if total.op.name == "sum" else None
    if x is None or x.ndim < 2 or x.weak or x.dtype.kind not in "fc" or x.dtype.name == "float16":
        return False
    partial = len(normalize_axes(total.params["axis"], x.ndim)) in range(1, x.ndim)
    short = not isinstance(x.shape[-1], Dim) and 1 < x.shape[-1] < WIDE
    return partial and short and -1 not in x.shape and reaches(x.size, 4 * LONG)


def _added_by_letters(total: Equation) -> list[Equation]:
    """The same sum by np.einsum."""
    builder = Builder()
    x = Value(builder, total.operands[0])
    axes = normalize_axes(total.params["axis"], x.ndim)
    kept = "".join(_LETTERS[i] for i in range(x.ndim) if i not in axes)
    with builder.at(total.origin, total.level):
        result = einsum(x, subscripts=f"{_LETTERS[: x.ndim]}->{kept}")
        if total.params["keepdims"]:
            BY_NAME["expand_dims"](result, axis=axes)
    *before, last = builder.equations
    return [*before, replace(last, outs=total.outs)]


def _written(total: Equation, a: Var, b: Var, definition: dict[Var, Equation]) -> list[Equation] | None:
    """The equations that make the sum of a * b, the last one with the result of `total`."""
    builder = Builder()
    builder.definitions.update((v, definition[v]) for v in (a, b) if v in definition)
    with builder.at(total.origin, total.level):
        (x, first), (y, second) = (_unscaled(builder, v, definition) for v in (a, b))
        result = _contraction(builder, total, x, y)
        for number in (first, second) if result is not None else ():
            result = result if number is None else Value(builder, number) * result
    if result is None or result.type != total.out.type or not builder.equations:
        return None
    *before, last = builder.equations
    return [*before, replace(last, outs=total.outs)]


def _unscaled(builder: Builder, factor: Var, definition: dict[Var, Equation]) -> tuple[Value, Atom | None]:
    """x[..., None] and c of a factor c * x[..., None], which has the axes of x alone; else the factor."""
    made = definition.get(factor)
    for number, x in (made.operands, made.operands[::-1]) if made is not None and made.op.name == "multiply" else ():
        spread = definition.get(x) if isinstance(x, Var) else None
        if isinstance(number, Literal) and x.type == factor.type and spread is not None:
            if spread.op.name == "expand_dims":
                builder.definitions[spread.out] = spread
                return Value(builder, x), number
    return Value(builder, factor), None


def _contraction(builder: Builder, total: Equation, a: Value, b: Value) -> Value | None:
    product = total.operands[0].type
    axes = normalize_axes(total.params["axis"], product.ndim)
    kept = tuple(i for i in range(product.ndim) if i not in axes)
    rows = product.shape[-1] if product.shape else 0
    real = a.dtype.kind == "f"
    result: Value | None
    if not axes:
        return None
    if a.shape == b.shape and not kept and a.ndim == 1:
        result = a @ b
    elif a.shape == b.shape and not kept and real:
        result = vdot(a, b)
    elif a.shape == b.shape and real and axes == (product.ndim - 1,) and (reaches(rows, WIDE) or not _is_long(product)):
        result = BY_NAME["vecdot"](a, b)
    else:
        result = _by_letters(a, b, product, kept)
    if result is not None and total.params["keepdims"]:
        result = BY_NAME["expand_dims"](result, axis=axes)
    return result


def _is_long(type_: ArrayType) -> bool:
    return -1 in type_.shape or reaches(type_.size, LONG)


def _by_letters(a: Value, b: Value, product: ArrayType, kept: tuple[int, ...]) -> Value | None:
    """As np.einsum has it, or a product of matrices where it is one."""
    (x, first), (y, second) = (_bare(v, product, kept) for v in (a, b))
    if not is_plain([x, y], [first, second]) or len(set(first + second)) < product.ndim:
        return None
    target = "".join(_LETTERS[i] for i in kept)
    matrices = set(first) != set(second)
    if not matrices and not _is_long(product):
        return None
    return contract([x, y], [first, second], target)


def _bare(x: Value, product: ArrayType, kept: tuple[int, ...]) -> tuple[Value, str]:
    """x without the axes of length 1 that were put in for a broadcast, and the letters of the others."""
    term = _LETTERS[product.ndim - x.ndim : product.ndim]
    made = None if isinstance(x.atom, Literal) else x.builder.definition(x, "expand_dims")
    if made is None and x.ndim > 1 and x.shape[-1] == 1 and not reaches(product.shape[-1], WIDE):
        return BY_NAME["squeeze"](x, axis=(x.ndim - 1,)), term[:-1]
    single = tuple(i for i, n in enumerate(x.shape) if n == 1)
    if made is None and len(single) > 1 and x.ndim == product.ndim and set(kept) <= set(single):
        rest = "".join(c for i, c in enumerate(term) if i not in single)
        return BY_NAME["squeeze"](x, axis=single), rest  # all of it is added up, as np.tensordot does by BLAS
    if made is None:
        return x, term
    added = normalize_axes(made.params["axis"], x.ndim)
    return Value(x.builder, made.operands[0]), "".join(c for i, c in enumerate(term) if i not in added)
