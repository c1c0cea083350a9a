"""Products of vectors and of several matrices."""

from __future__ import annotations

from math import prod

import numpy as np

from ..batching import stacks
from ..builder import Value
from ..op import op
from ..types import ArrayType, broadcast_shapes, normalize_axis, result_dtype
from .compositions import composition, dot
from .elementwise import astype
from .indexing import take_at
from .linalg import LinAlgError, check_square, columns, conj, eye, inv, rows, solve
from .shape import broadcast_to, expand_dims, reshape, stack, swap_last, transpose

# --------------------------------------------------------------------------------------------------- cross product


@op(name="cross", fun=np.cross, batch=stacks(1), python="np.cross({0}, {1})")
def cross3(a: ArrayType, b: ArrayType) -> ArrayType:
    """The cross product of vectors in space, along the last axis."""
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError("incompatible dimensions for cross product\n(dimension must be 2 or 3)")
    dtype = result_dtype(a, b)
    if dtype.kind == "b":
        raise TypeError("numpy boolean subtract, the `-` operator, is not supported")
    return ArrayType((*broadcast_shapes(a.shape[:-1], b.shape[:-1]), 3), dtype)


@cross3.vjp
def cross_vjp(g: Value, y: Value, a: Value, b: Value) -> tuple[Value, Value]:
    """g . (da x b) = da . (b x g), and cyclically."""
    return cross3(b, g), cross3(g, a)


def move_axis(x: Value, source: int, target: int) -> Value:
    """np.moveaxis of one axis."""
    source, target = normalize_axis(source, x.ndim), normalize_axis(target, x.ndim)
    order = [i for i in range(x.ndim) if i != source]
    order.insert(target, source)
    return x if order == list(range(x.ndim)) else transpose(x, axes=tuple(order))


@composition(np.cross)
def cross(a: Value, b: Value, *, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Value:
    """Vectors of two components lie in a plane; of two such vectors only the third component is given."""
    if axis is not None:
        axisa = axisb = axisc = axis
    if a.ndim < 1 or b.ndim < 1:
        raise ValueError("At least one array has zero dimension")
    a, b = move_axis(a, axisa, -1), move_axis(b, axisb, -1)
    if a.shape[-1] == b.shape[-1] == 3:
        return move_axis(cross3(a, b), -1, axisc)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError("incompatible dimensions for cross product\n(dimension must be 2 or 3)")
    dtype = result_dtype(a.type, b.type)
    a, b = astype(a, dtype=dtype), astype(b, dtype=dtype)
    a0, a1, b0, b1 = take_at(a, -1, 0), take_at(a, -1, 1), take_at(b, -1, 0), take_at(b, -1, 1)
    third: Value = a0 * b1 - a1 * b0
    if a.shape[-1] == b.shape[-1]:
        return third
    if a.shape[-1] == 2:
        b2 = take_at(b, -1, 2)
        parts = (a1 * b2, -(a0 * b2), third)
    else:
        a2 = take_at(a, -1, 2)
        parts = (-(a2 * b1), a2 * b0, third)
    return move_axis(stack(*parts, axis=-1), -1, axisc)


# --------------------------------------------------------------------------------- vectors with vectors and matrices


def _core(what: str, *pairs: tuple[int, int]) -> None:
    for m, n in pairs:
        if m != n:
            raise ValueError(
                f"{what}: Input operand 1 has a mismatch in its core dimension (size {n} is different from {m})"
            )


if hasattr(np, "vecdot"):

    @op(np.vecdot, batch=stacks(1), python="np.vecdot({0}, {1})")
    def vecdot(a: ArrayType, b: ArrayType) -> ArrayType:
        """sum(conj(a) * b) along the last axis."""
        if not a.ndim or not b.ndim:
            raise ValueError("vecdot: Input operand does not have enough dimensions")
        _core("vecdot", (a.shape[-1], b.shape[-1]))
        return ArrayType(broadcast_shapes(a.shape[:-1], b.shape[:-1]), result_dtype(a.strong(), b.strong()))

    @vecdot.vjp
    def vecdot_vjp(g: Value, y: Value, a: Value, b: Value) -> tuple[Value, Value]:
        spread = columns(g) if g.ndim else g
        return conj(spread * b), spread * conj(a)


if hasattr(np, "matvec"):

    @op(np.matvec, batch=stacks(2, 1), python="np.matvec({0}, {1})")
    def matvec(a: ArrayType, x: ArrayType) -> ArrayType:
        """The product of each matrix with a vector."""
        if a.ndim < 2 or not x.ndim:
            raise ValueError("matvec: Input operand does not have enough dimensions")
        _core("matvec", (a.shape[-1], x.shape[-1]))
        return ArrayType(
            (*broadcast_shapes(a.shape[:-2], x.shape[:-1]), a.shape[-2]), result_dtype(a.strong(), x.strong())
        )

    @matvec.vjp
    def matvec_vjp(g: Value, y: Value, a: Value, x: Value) -> tuple[Value, Value]:
        return columns(g) * rows(x), matvec(swap_last(a), g)

    @op(np.vecmat, batch=stacks(1, 2), python="np.vecmat({0}, {1})")
    def vecmat(x: ArrayType, a: ArrayType) -> ArrayType:
        """The product of the conjugate of a vector with each matrix."""
        if a.ndim < 2 or not x.ndim:
            raise ValueError("vecmat: Input operand does not have enough dimensions")
        _core("vecmat", (x.shape[-1], a.shape[-2]))
        return ArrayType(
            (*broadcast_shapes(x.shape[:-1], a.shape[:-2]), a.shape[-1]), result_dtype(x.strong(), a.strong())
        )

    @vecmat.vjp
    def vecmat_vjp(g: Value, y: Value, x: Value, a: Value) -> tuple[Value, Value]:
        return conj(matvec(a, g)), columns(conj(x)) * rows(g)


# ------------------------------------------------------------------------------------------------ several matrices


@composition(np.kron)
def kron(a: Value, b: Value) -> Value:
    """Every element of a times b, the blocks put together."""
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    n = max(a.ndim, b.ndim)
    left = expand_dims(a, axis=tuple(range(n - a.ndim))) if a.ndim < n else a
    right = expand_dims(b, axis=tuple(range(n - b.ndim))) if b.ndim < n else b
    product = expand_dims(left, axis=tuple(range(1, 2 * n, 2))) * expand_dims(right, axis=tuple(range(0, 2 * n, 2)))
    return reshape(product, shape=tuple(p * q for p, q in zip(left.shape, right.shape, strict=True)))


def matrix_power(a: Value, n: int) -> Value:
    """Repeated squaring, as NumPy does it."""
    check_square(a.type)
    if n == 0:
        return broadcast_to(eye(a, a.shape[-1]), shape=a.shape) if a.ndim > 2 else eye(a, a.shape[-1])
    if n < 0:
        a, n = inv(a), -n
    if n == 3:
        return a @ a @ a
    square, result = a, None
    while True:
        n, bit = divmod(n, 2)
        if bit:
            result = square if result is None else result @ square
        if not n:
            assert result is not None
            return result
        square = square @ square


def multi_dot(arrays: list[Value]) -> Value:
    """The product in the order of the fewest multiplications, as NumPy chooses it (Cormen et al., chapter 15.2)."""
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    if len(arrays) == 2:
        return dot(*arrays)
    first, last = arrays[0], arrays[-1]
    whole = [
        expand_dims(first, axis=(0,)) if first.ndim == 1 else first,
        *arrays[1:-1],
        columns(last) if last.ndim == 1 else last,
    ]
    for x in whole:
        if x.ndim != 2:
            raise LinAlgError(f"{x.ndim}-dimensional array given. Array must be two-dimensional")
    sizes = [x.shape[0] for x in whole] + [whole[-1].shape[1]]
    product = _in_order(whole, _cheapest(sizes), 0, len(whole) - 1)
    if first.ndim == 1 and last.ndim == 1:
        return take_at(take_at(product, 0, 0), 0, 0)
    return reshape(product, shape=(product.size,)) if 1 in (first.ndim, last.ndim) else product


def _cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split the product from i to j."""
    n = len(sizes) - 1
    if n == 3:
        a0, a1, b1, c1 = sizes
        left_first = a0 * b1 * (a1 + c1) < a1 * c1 * (a0 + b1)
        return {(0, 2): 1, (0, 1): 0} if left_first else {(0, 2): 0, (1, 2): 1}
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            costs = [cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i, j] = min(costs)
            split[i, j] = i + costs.index(cost[i, j])
    return split


def _in_order(arrays: list[Value], split: dict[tuple[int, int], int], i: int, j: int) -> Value:
    if i == j:
        return arrays[i]
    k = split[i, j]
    return _in_order(arrays, split, i, k) @ _in_order(arrays, split, k + 1, j)


@composition(np.linalg.tensorsolve)
def tensorsolve(a: Value, b: Value, *, axes: tuple[int, ...] | None = None) -> Value:
    """tensordot(a, x, x.ndim) == b, as a system of equations."""
    if axes is not None:
        order = [i for i in range(a.ndim) if i not in {normalize_axis(k, a.ndim) for k in axes}]
        a = transpose(a, axes=(*order, *(normalize_axis(k, a.ndim) for k in axes)))
    wanted = a.shape[-(a.ndim - b.ndim) :]
    size = prod(wanted)
    if a.size != size**2:
        raise LinAlgError(
            "Input arrays must satisfy the requirement             prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    flat = solve(reshape(a, shape=(size, size)), reshape(b, shape=(b.size,)))
    return reshape(flat, shape=wanted)


@composition(np.linalg.tensorinv)
def tensorinv(a: Value, *, ind: int = 2) -> Value:
    """The inverse of a as a map from the axes behind `ind` to those before it."""
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    first, second = a.shape[ind:], a.shape[:ind]
    matrix = reshape(a, shape=(prod(second), a.size // prod(second) if prod(second) else prod(first)))
    return reshape(inv(matrix), shape=first + second)
