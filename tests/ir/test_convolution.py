"""Convolutions, windows, einsum and tensordot: values against loops and NumPy, adjoints against differences."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from gradcheck import check_gradient, evaluate, forward_program
from samples import complexes, numbers

from tapeless.ir.builder import Builder
from tapeless.ir.check import check
from tapeless.ir.convolution_kernels import convolution_of_small_images as kernel
from tapeless.ir.grad import backward
from tapeless.ir.kernels import last_write, others_product
from tapeless.ir.op import BY_NAME
from tapeless.ir.passes import optimize
from tapeless.ir.program import Program
from tapeless.ir.types import type_of
from tapeless.ir.window_kernels import overlap_add

conv2d = BY_NAME["convolution"]


def naive(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, spread: Any, groups: int) -> Any:
    """Cross-correlation written as it is defined, one output element after the other."""
    n, _, height, width = x.shape
    o, per_group, kh, kw = w.shape
    (top, bottom), (left, right) = padding
    tall, wide = (height - 1) * spread[0] + 1, (width - 1) * spread[1] + 1

    def at(b: int, channel: int, i: int, j: int) -> Any:
        i, j = i - top, j - left
        if not (0 <= i < tall and 0 <= j < wide) or i % spread[0] or j % spread[1]:
            return 0.0
        return x[b, channel, i // spread[0], j // spread[1]]

    rows = (tall + top + bottom - (kh - 1) * dilation[0] - 1) // stride[0] + 1
    columns = (wide + left + right - (kw - 1) * dilation[1] - 1) // stride[1] + 1
    y = np.zeros((n, o, rows, columns), np.result_type(x, w))
    for b, k, i, j in np.ndindex(y.shape):
        first = k // (o // groups) * per_group
        for q, p, r in product(range(per_group), range(kh), range(kw)):
            pixel = at(b, first + q, i * stride[0] + p * dilation[0], j * stride[1] + r * dilation[1])
            y[b, k, i, j] += pixel * w[k, q, p, r]
    return y


DEFAULT: dict[str, Any] = {
    "stride": (1, 1),
    "padding": ((0, 0), (0, 0)),
    "dilation": (1, 1),
    "spread": (1, 1),
    "groups": 1,
}
SHAPES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 5, 4), (4, 3, 3, 2), {}),
    ((1, 2, 5, 6), (3, 2, 1, 1), {}),
    ((2, 2, 4, 3), (3, 2, 4, 3), {}),
    ((1, 2, 6, 5), (1, 2, 2, 3), {"stride": (2, 1)}),
    ((1, 2, 6, 7), (2, 2, 3, 2), {"stride": (2, 3)}),
    ((1, 1, 5, 5), (2, 1, 1, 1), {"stride": (3, 2)}),
    ((1, 2, 4, 3), (2, 2, 3, 3), {"padding": ((1, 1), (1, 1))}),
    ((1, 2, 4, 3), (2, 2, 3, 2), {"padding": ((2, 0), (0, 1))}),
    ((1, 2, 3, 2), (1, 2, 2, 2), {"padding": ((3, 4), (2, 5))}),
    ((1, 1, 1, 2), (1, 1, 1, 1), {"padding": ((5, 5), (3, 3)), "stride": (20, 4)}),
    ((1, 1, 2, 2), (2, 1, 2, 2), {"padding": ((4, 3), (3, 4)), "stride": (3, 2)}),
    ((1, 2, 6, 6), (2, 2, 2, 3), {"dilation": (3, 2)}),
    ((1, 2, 7, 6), (2, 2, 3, 2), {"dilation": (2, 3), "stride": (2, 2), "padding": ((1, 0), (2, 1))}),
    ((2, 4, 4, 3), (6, 2, 2, 2), {"groups": 2}),
    ((1, 3, 4, 4), (3, 1, 3, 3), {"groups": 3, "padding": ((1, 1), (1, 1))}),
    ((2, 4, 5, 5), (4, 2, 3, 2), {"groups": 2, "stride": (2, 2), "padding": ((0, 1), (1, 0)), "dilation": (1, 2)}),
    ((1, 2, 3, 2), (2, 2, 2, 2), {"spread": (2, 3)}),
    ((1, 2, 3, 3), (2, 2, 2, 2), {"spread": (2, 2), "stride": (3, 2), "padding": ((1, 2), (0, 1))}),
    ((1, 2, 6, 6), (2, 2, 2, 2), {"padding": ((-1, 0), (-2, -1))}),
    (
        (1, 4, 3, 3),
        (2, 2, 2, 2),
        {"groups": 2, "spread": (2, 1), "dilation": (2, 1), "stride": (1, 2), "padding": ((2, -1), (1, 1))},
    ),
]
CASES = [pytest.param(*case, id=str(i)) for i, case in enumerate(SHAPES)]


@pytest.mark.parametrize(("image", "weights", "params"), CASES)
def test_conv2d_value(image: tuple[int, ...], weights: tuple[int, ...], params: dict[str, Any]) -> None:
    x, w = numbers(*image), numbers(*weights, seed=1)
    expected = naive(x, w, **DEFAULT | params)
    program = forward_program(lambda x, w: conv2d(x, w, **params), [x, w])
    np.testing.assert_allclose(evaluate(program, [x, w])[0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("image", "weights", "params"), CASES)
def test_conv2d_gradient(image: tuple[int, ...], weights: tuple[int, ...], params: dict[str, Any]) -> None:
    x, w = numbers(*image), numbers(*weights, seed=1)
    check_gradient(lambda x, w: conv2d(x, w, **params), [x, w], order=1)


@pytest.mark.parametrize("number", [3, 7, 10, 13, 17])
def test_conv2d_second_order(number: int) -> None:
    image, weights, params = SHAPES[number]
    check_gradient(lambda x, w: conv2d(x, w, **params), [numbers(*image), numbers(*weights, seed=1)], order=2)


def test_conv2d_of_nothing_and_of_complex() -> None:
    check_gradient(lambda x, w: conv2d(x, w), [np.zeros((0, 2, 3, 3)), numbers(2, 2, 2, 2)])
    check_gradient(lambda x, w: conv2d(x, w), [complexes(1, 1, 3, 2), complexes(2, 1, 2, 1, seed=3)])
    check_gradient(lambda x, w: conv2d(x, w), [numbers(1, 1, 3, 2), complexes(1, 1, 2, 2, seed=3)], order=1)


@pytest.mark.parametrize("seed", range(40))
def test_conv2d_random_geometry(seed: int) -> None:
    """The transposes of a convolution are exact: <g, conv(x, w)> is the same by way of dx and of dw."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 3))
    image = (int(rng.integers(1, 3)), groups * int(rng.integers(1, 3)), *rng.integers(1, 6, 2).tolist())
    weights = (groups * int(rng.integers(1, 3)), image[1] // groups, *rng.integers(1, 4, 2).tolist())
    pairs = [tuple(rng.integers(1, 4, 2).tolist()) for _ in range(3)]
    padding = tuple(tuple(rng.integers(-1, 5, 2).tolist()) for _ in range(2))
    params: dict[str, Any] = {
        "stride": pairs[0],
        "dilation": pairs[1],
        "spread": pairs[2],
        "padding": padding,
        "groups": groups,
    }
    builder = Builder()
    x, w = rng.normal(size=image), rng.normal(size=weights)
    values = [builder.input(type_of(a), n) for a, n in ((x, "x"), (w, "w"))]
    try:
        y = conv2d(*values, **params)
    except ValueError:
        return  # the kernel is larger than the image
    g = rng.normal(size=y.shape)
    dx, dw = backward(builder, [(y, builder.input(type_of(g), "g"))], values)
    assert dx is not None
    assert dw is not None
    value, dx_value, dw_value = evaluate(check(builder.program("f", [y, dx, dw])), [x, w, g])
    np.testing.assert_allclose(value, naive(x, w, **params), rtol=1e-10, atol=1e-10)
    total = np.vdot(g, value)
    np.testing.assert_allclose(np.vdot(dx_value, x), total, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.vdot(dw_value, w), total, rtol=1e-9, atol=1e-9)


def adjoint_of_conv2d(**params: Any) -> Program:
    builder = Builder()
    x, w = builder.input(type_of(np.ones((2, 3, 6, 5))), "x"), builder.input(type_of(np.ones((4, 3, 3, 2))), "w")
    y = conv2d(x, w, **params)
    y.atom.name = "y"
    found = backward(builder, [(y, builder.input(y.type, "dy"))], [x, w])
    return optimize(builder.program("conv", [d for d in found if d is not None]))


def test_the_adjoint_of_a_convolution_is_two_convolutions() -> None:
    """A full convolution with the kernel rotated by 180 degrees, and one of the input with the cotangent."""
    text = str(adjoint_of_conv2d(padding=((1, 0), (0, 1))))
    defaults = "stride=1", "dilation=1, spread=1, groups=1"
    text = text.replace(f"{defaults[0]}, ", "").replace(f", {defaults[1]}", "")
    assert (
        text
        == """\
def conv(x: f64[2, 3, 6, 5], w: f64[4, 3, 3, 2], dy: f64[2, 4, 5, 5]) -> (f64[2, 3, 6, 5], f64[4, 3, 3, 2]):
    # backward
    _1: f64[4, 3, 3, 2] = flip(w, axis=(2, 3))
    _2: f64[3, 4, 3, 2] = transpose(_1, axes=(1, 0, 2, 3))
    dx: f64[2, 3, 6, 5] = convolution(dy, _2, padding=((1, 2), (1, 0)))
    _3: f64[3, 2, 6, 5] = transpose(x, axes=(1, 0, 2, 3))
    _4: f64[4, 2, 5, 5] = transpose(dy, axes=(1, 0, 2, 3))
    _5: f64[3, 4, 3, 2] = convolution(_3, _4, padding=((1, 0), (0, 1)))
    dw: f64[4, 3, 3, 2] = transpose(_5, axes=(1, 0, 2, 3))
    return (dx, dw,)
"""
    )


@pytest.mark.parametrize(
    "params", [{}, {"stride": (2, 2)}, {"dilation": (2, 1)}, {"stride": (2, 1), "padding": ((3, 3), (1, 2))}]
)
def test_stride_and_dilation_change_places(params: dict[str, Any]) -> None:
    """What the forward convolution skips, the adjoint spreads apart, and the other way round."""
    program = adjoint_of_conv2d(**params)
    text = str(program)
    assert text.count(" = convolution(") == 2
    assert text.count(" = flip(") == 1
    assert "axis=(2, 3)" in text
    of_input, of_kernel = (e.params for e in program.equations if e.op.name == "convolution")
    stride, dilation = params.get("stride", 1), params.get("dilation", 1)
    assert (of_input["spread"], of_input["dilation"], of_input["stride"]) == (stride, dilation, 1)
    assert (of_kernel["dilation"], of_kernel["stride"], of_kernel["spread"]) == (stride, dilation, 1)


# ---------------------------------------------------------------------------------------------------- one dimension


@pytest.mark.parametrize("name", ["convolve", "correlate"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    ("m", "n"), [(6, 3), (3, 6), (6, 4), (4, 6), (5, 5), (4, 4), (1, 4), (4, 1), (1, 1), (7, 2), (2, 7)]
)
def test_one_dimension(name: str, mode: str, m: int, n: int) -> None:
    op = BY_NAME[name]
    for real_a, real_v in ((True, True), (False, False), (True, False), (False, True)):
        a = numbers(m, seed=1) if real_a else complexes(m, seed=1)
        v = numbers(n, seed=2) if real_v else complexes(n, seed=2)
        (value,) = evaluate(forward_program(lambda a, v: op(a, v, mode=mode), [a, v]), [a, v])
        np.testing.assert_array_equal(value, op.fun(a, v, mode=mode))
        check_gradient(lambda a, v: op(a, v, mode=mode), [a, v], order=2 if real_a and m != n else 1)


@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_a_signal_with_itself(name: str) -> None:
    for mode in ("full", "same", "valid"):
        check_gradient(lambda a, mode=mode: BY_NAME[name](a, a, mode=mode), [complexes(4)])


# ----------------------------------------------------------------------------------------------------------- windows

WINDOWS = [
    ((6,), (3,), (0,)),
    ((4, 5), (2,), (1,)),
    ((4, 5), (2,), (0,)),
    ((3, 4, 5), (2, 4), (2, 1)),
    ((5,), (5,), (0,)),
    ((5,), (1,), (0,)),
    ((7,), (2, 3), (0, 0)),
    ((4, 4), (2, 2, 2), (1, 0, 1)),
]


@pytest.mark.parametrize(("shape", "window", "axis"), WINDOWS)
def test_windows_and_their_sum(shape: tuple[int, ...], window: tuple[int, ...], axis: tuple[int, ...]) -> None:
    x = numbers(*shape)
    view = np.lib.stride_tricks.sliding_window_view(x, window, axis=axis)
    check_gradient(lambda x: BY_NAME["sliding_window_view"](x, window_shape=window, axis=axis), [x])
    check_gradient(lambda v: BY_NAME["overlap_add"](v, shape=shape, axis=axis), [view])
    count = overlap_add(np.ones(view.shape), shape, axis)
    np.testing.assert_allclose(overlap_add(view, shape, axis), x * count, rtol=1e-13)


def test_kernels_leave_their_arguments() -> None:
    x, w = numbers(1, 1, 4, 4), numbers(1, 1, 2, 2)
    for a in (x, w):
        a.flags.writeable = False
    kernel(x, w, spread=(2, 2), padding=((1, -1), (0, 2)))
    others_product(x, axis=(1, 2))


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (2, 0), (0, 1, 2)])
def test_the_product_of_the_others(axis: Any) -> None:
    x = numbers(2, 3, 4)
    np.testing.assert_allclose(others_product(x, axis), np.prod(x, axis=axis, keepdims=True) / x, rtol=1e-12)


def test_the_product_of_the_others_where_some_are_zero() -> None:
    """Also in second order no zero is divided by."""
    for zeros in ([], [1], [1, 3], [0, 1, 3]):
        x = numbers(4)
        x[zeros] = 0.0
        check_gradient(lambda x: BY_NAME["prod"](x), [x], order=2)
    x = numbers(3, 4)
    x[0, 1] = x[1, 1] = x[1, 2] = 0.0
    check_gradient(lambda x: BY_NAME["prod"](x, axis=1), [x], order=2)


def test_of_repeated_places_the_last_write_counts() -> None:
    for index in (
        (np.array([0, 1, 0, 2, 2]),),
        (np.array([[0, 1], [1, 0]]), np.array([1, 1])),
        (slice(1), np.array([1, 1, 0])),
    ):
        shape = (3, 4)
        mask = last_write(shape, index)
        order = np.arange(mask.size).reshape(mask.shape)
        written = np.full(shape, -1)
        written[index] = order
        np.testing.assert_array_equal(written[index] == order, mask)


# ------------------------------------------------------------------------------------------------ einsum, tensordot

EINSUMS: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    ("ii->i", ((3, 3),)),
    ("ii->", ((3, 3),)),
    ("ij->", ((2, 3),)),
    ("ij->i", ((2, 3),)),
    ("ij->ji", ((2, 3),)),
    ("->", ((),)),
    ("ij,j->i", ((2, 3), (3,))),
    ("bij,bjk->bik", ((2, 3, 4), (2, 4, 5))),
    ("i,j->ij", ((2,), (3,))),
    ("i,j->ji", ((2,), (3,))),
    ("ij,kl->", ((2, 3), (4, 2))),
    ("ij,kl->k", ((2, 3), (4, 2))),
    ("ij,jk,kl->li", ((2, 3), (3, 4), (4, 2))),
    ("ii,ij->j", ((3, 3), (3, 2))),
    ("ij,ij->", ((2, 3), (2, 3))),
    ("iij->j", ((2, 2, 3),)),
    ("iij->ij", ((2, 2, 3),)),
    ("ijk,kji->", ((2, 3, 4), (4, 3, 2))),
    ("ij,j,i->", ((2, 3), (3,), (2,))),
    ("i,i,i,i->i", ((3,),) * 4),
    ("iji->j", ((2, 3, 2),)),
    ("ij,->ij", ((2, 3), ())),
    ("iijj->", ((2, 2, 3, 3),)),
    ("ij,ij->ij", ((2, 1), (2, 3))),
    ("ij,jk->ik", ((2, 1), (3, 4))),
    ("ij,ij->j", ((1, 3), (2, 3))),
    ("ij,i->ij", ((2, 0), (2,))),
    ("ij,i->i", ((2, 0), (2,))),
    ("aab,bcc->ac", ((2, 2, 3), (3, 4, 4))),
]


@pytest.mark.parametrize(("subscripts", "shapes"), EINSUMS)
@pytest.mark.parametrize("optimized", [False, True])
def test_einsum(subscripts: str, shapes: tuple[tuple[int, ...], ...], optimized: bool) -> None:
    operands = [numbers(*s, seed=i) for i, s in enumerate(shapes)]

    def build(*values: Any) -> Any:
        return BY_NAME["einsum"](*values, subscripts=subscripts, optimize=optimized)

    (value,) = evaluate(forward_program(build, operands), operands)
    np.testing.assert_allclose(value, np.einsum(subscripts, *operands), rtol=1e-12, atol=1e-12)
    check_gradient(build, operands, order=2 if not optimized else 1)


def test_einsum_of_complex_and_of_one_array_twice() -> None:
    z = complexes(2, 3)
    check_gradient(lambda z: BY_NAME["einsum"](z, z, subscripts="ij,kj->ik"), [z])
    check_gradient(lambda z, x: BY_NAME["einsum"](z, x, subscripts="ij,j->i"), [z, numbers(3)])
    check_gradient(lambda a: BY_NAME["einsum"](a, a, a, subscripts="ij,jk,ki->"), [numbers(3, 3)])


@pytest.mark.parametrize(
    ("a", "b", "axes"),
    [
        ((2, 3, 4), (4, 3, 5), ((2, 1), (0, 1))),
        ((2, 3, 4), (3, 5, 4), ((2, 1), (2, 0))),
        ((2, 3, 4, 5), (5, 2, 4), ((3, 0, 2), (0, 1, 2))),
        ((3, 4), (2, 4, 3), ((0, 1), (2, 1))),
        ((3, 4), (2, 4, 3), ((1, 0), (1, 2))),
        ((2, 3), (4,), ((), ())),
        ((2, 3), (3, 2), ((0, 1), (1, 0))),
        ((4, 2, 3), (5, 3, 4, 2), ((0, 2, 1), (2, 1, 3))),
        ((0, 2), (2, 3), ((1,), (0,))),
        ((2, 0), (0, 3), ((1,), (0,))),
    ],
)
def test_tensordot(a: tuple[int, ...], b: tuple[int, ...], axes: Any) -> None:
    x, y = numbers(*a, seed=1), numbers(*b, seed=2)
    (value,) = evaluate(forward_program(lambda x, y: BY_NAME["tensordot"](x, y, axes=axes), [x, y]), [x, y])
    np.testing.assert_allclose(value, np.tensordot(x, y, axes), rtol=1e-12)
    check_gradient(lambda x, y: BY_NAME["tensordot"](x, y, axes=axes), [x, y])
