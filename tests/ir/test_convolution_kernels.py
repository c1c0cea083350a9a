"""The functions that convolve, each against the sum as it is defined, on both sides of what it decides by shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tapeless import grad, nn
from tapeless.ir.convolution_kernels import (
    convolution,
    convolution_of_small_images,
    convolution_of_spread_images,
    convolution_with_large_kernel,
    image_columns,
)
from tapeless.ir.dims import Dim
from tapeless.ir.expressions import symbol
from tapeless.ir.op import BY_NAME
from tapeless.ir.passes import image_columns as image_columns_of_programs
from tapeless.ir.types import DTYPES, ArrayType

RNG = np.random.default_rng(11)
ALL = (convolution, convolution_with_large_kernel, convolution_of_small_images)


def each(value: Any, d: int) -> Any:
    return value if isinstance(value, tuple) else (value,) * d


def defined(
    x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, spread: Any = 1, groups: int = 1
) -> Any:
    """The sum over taps, each of the strided part of the padded image that it is multiplied with."""
    (n, c, *size), (o, inner, *kernel) = x.shape, w.shape
    d = len(kernel)
    stride, dilation, spread = each(stride, d), each(dilation, d), each(spread, d)
    sides = padding if isinstance(padding, tuple) else ((padding, padding),) * d
    wide = np.zeros((n, c, *((m - 1) * by + 1 for m, by in zip(size, spread, strict=True))), x.dtype)
    wide[(..., *(slice(None, None, by) for by in spread))] = x
    rim = [(max(lo, 0), max(hi, 0)) for lo, hi in sides]
    wide = np.pad(wide, [(0, 0), (0, 0), *rim])
    wide = wide[
        (..., *(slice(max(-lo, 0), m - max(-hi, 0)) for m, (lo, hi) in zip(wide.shape[2:], sides, strict=True)))
    ]
    result = [
        (m - (k - 1) * q - 1) // by + 1 for m, k, q, by in zip(wide.shape[2:], kernel, dilation, stride, strict=True)
    ]
    y = np.zeros((n, o, *result), np.result_type(x, w))
    for tap in np.ndindex(*kernel):
        starts = [t * q for t, q in zip(tap, dilation, strict=True)]
        part = wide[
            (..., *(slice(s, s + (m - 1) * by + 1, by) for s, m, by in zip(starts, result, stride, strict=True)))
        ]
        for g in range(groups):
            rows = slice(g * (o // groups), (g + 1) * (o // groups))
            weights = w[(rows, slice(None), *tap)]
            y[:, rows] += np.einsum("nc...,oc->no...", part[:, g * inner : (g + 1) * inner], weights)
    return y


def numbers(*shape: int, dtype: Any = float) -> Any:
    values = RNG.normal(size=shape)
    return (values + 1j * RNG.normal(size=shape) if np.dtype(dtype).kind == "c" else values).astype(dtype)


GEOMETRIES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 5, 4), (4, 3, 3, 2), {}),
    ((2, 3, 5, 4), (1, 3, 3, 2), {"padding": 1}),  # many columns for few channels: by row
    ((2, 3, 5, 4), (30, 3, 3, 2), {"padding": 1}),
    ((1, 2, 6, 5), (1, 2, 2, 3), {"stride": (2, 1)}),
    ((2, 4, 9, 8), (2, 4, 2, 3), {"stride": (1, 3), "dilation": (2, 1)}),
    ((2, 4, 9, 8), (2, 4, 2, 3), {"stride": 2, "padding": ((0, 1), (2, 0))}),
    ((2, 4, 9, 8), (2, 4, 2, 3), {"dilation": 3, "padding": ((2, 0), (0, 3))}),
    ((2, 4, 9, 8), (2, 4, 2, 3), {"padding": ((1, -2), (0, -3))}),
    ((2, 4, 9, 8), (2, 4, 2, 3), {"padding": ((1, -2), (0, 1)), "stride": 3}),
    ((2, 4, 5, 5), (2, 4, 3, 2), {"padding": ((0, 1), (1, 0)), "stride": 2, "dilation": (1, 2)}),  # moved, not enlarged
    ((2, 4, 6, 5), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    ((3, 4, 6, 5), (4, 1, 3, 3), {"groups": 4, "stride": (1, 2)}),
    ((2, 3, 4, 5), (5, 3, 1, 1), {}),
    ((2, 3, 4, 5), (5, 3, 1, 1), {"stride": 2}),
    ((2, 3, 4, 5), (2, 3, 4, 5), {}),
    ((2, 3, 4, 5), (2, 3, 4, 4), {"padding": 1}),
    ((2, 3, 9), (4, 3, 4), {"padding": 2}),
    ((2, 3, 9), (4, 3, 2), {"stride": 3, "dilation": 2}),
    ((2, 2, 4, 3, 5), (3, 2, 2, 3, 2), {"padding": ((1, 0), (1, 1), (0, 2)), "stride": (1, 2, 1)}),
    ((0, 2, 4, 4), (3, 2, 2, 2), {}),
    ((2, 0, 4, 4), (3, 0, 2, 2), {"padding": 1}),
    ((2, 1, 4, 4), (1, 1, 2, 2), {}),
]


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.int64])
def test_every_function_gives_the_sum(function: Any, geometry: Any, dtype: Any) -> None:
    image, kernel, how = geometry
    x, w = numbers(*image, dtype=dtype), numbers(*kernel, dtype=dtype)
    x.flags.writeable = w.flags.writeable = False
    y, want = function(x, w, **how), defined(x, w, **how)
    assert y.dtype == want.dtype
    assert y.flags.writeable
    assert y.flags.c_contiguous
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(y, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
def test_operands_of_any_layout_and_of_two_dtypes(function: Any) -> None:
    x, w = numbers(4, 6, 5, 2).T, np.asfortranarray(numbers(3, 5, 2, 2))
    np.testing.assert_allclose(function(x, w, padding=1), defined(x, w, padding=1), rtol=1e-12, atol=1e-12)
    x, w = numbers(2, 4, 8, 7)[:, ::-1, ::2, ::-1], numbers(4, 3, 2, 3).swapaxes(0, 1)[:, :, ::-1].astype(np.float32)
    assert function(x, w).dtype == float
    np.testing.assert_allclose(function(x, w), defined(x, w), rtol=1e-6, atol=1e-6)


SPREAD: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 3, 4), (4, 3, 2, 3), {"spread": 2, "padding": ((1, 0), (2, 3))}),
    ((2, 3, 3, 4), (4, 3, 2, 3), {"spread": (3, 1), "padding": ((0, 4), (0, 1)), "dilation": (1, 2)}),
    ((2, 3, 3, 4), (4, 3, 2, 3), {"spread": (1, 4), "padding": ((1, -1), (2, -2))}),
    ((2, 4, 3, 4), (6, 2, 2, 2), {"spread": 2, "groups": 2, "padding": 1}),
    ((2, 3, 5), (1, 3, 4), {"spread": 3, "padding": ((3, 3),)}),
    ((1, 2, 2, 3, 2), (3, 2, 2, 1, 2), {"spread": (2, 1, 3), "padding": ((1, 1), (0, 0), (1, 2))}),
    ((0, 2, 3, 3), (3, 2, 2, 2), {"spread": 2}),
    ((2, 0, 3, 3), (3, 0, 2, 2), {"spread": 2}),
]


@pytest.mark.parametrize("function", [convolution_of_spread_images, convolution_of_small_images])
@pytest.mark.parametrize("geometry", SPREAD, ids=str)
def test_images_spread_apart(function: Any, geometry: Any) -> None:
    image, kernel, how = geometry
    for dtype in (float, complex):
        x, w = numbers(*image, dtype=dtype), numbers(*kernel, dtype=dtype)
        np.testing.assert_allclose(function(x, w, **how), defined(x, w, **how), rtol=1e-12, atol=1e-12)


LARGE: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((5, 8, 60, 40), (4, 8, 3, 3), {"padding": 1}),  # some images at a time, by row
    ((3, 8, 60, 40), (40, 8, 3, 3), {"padding": 1}),  # and not
    ((1, 8, 150, 60), (4, 8, 3, 3), {"padding": 1}),  # one image in strips, by row
    ((2, 8, 150, 60), (4, 8, 3, 3), {"padding": 1, "stride": (2, 1)}),
    ((2, 8, 150, 60), (4, 8, 3, 3), {"dilation": (3, 2)}),
    ((2, 4, 9000), (3, 4, 9), {"padding": 4}),  # signals in strips
    ((2, 4, 9000), (3, 4, 9), {"stride": 2}),
]


@pytest.mark.parametrize("geometry", LARGE, ids=str)
def test_what_a_cache_does_not_hold_is_done_in_parts(geometry: Any) -> None:
    image, kernel, how = geometry
    x, w = numbers(*image), numbers(*kernel)
    want = defined(x, w, **how)
    for function in ALL:
        np.testing.assert_allclose(function(x, w, **how), want, rtol=1e-11, atol=1e-11)
    (n, c, *size), d = image, len(image) - 2
    result, sides = list(want.shape[2:]), ((how.get("padding", 0),) * 2,) * d
    whole = x.reshape(n, 1, c, *size)
    stride, dilation = each(how.get("stride", 1), d), each(how.get("dilation", 1), d)
    blocks = list(image_columns(whole, list(kernel[2:]), result, stride, sides, dilation, False))
    assert len(blocks) > 1
    assert all(columns.nbytes <= 2**21 for _, _, (columns,) in blocks)
    g = numbers(*want.shape)
    dw = grad(lambda w: np.sum(g * nn_convolution(x, w, **how)))(w)
    dx = grad(lambda x: np.sum(g * nn_convolution(x, w, **how)))(x)
    total = np.vdot(g, want)
    np.testing.assert_allclose([np.vdot(dw, w), np.vdot(dx, x)], [total, total], rtol=1e-9)


def nn_convolution(x: Any, w: Any, **how: Any) -> Any:
    return (nn.conv1d if np.ndim(x) == 3 else nn.conv2d)(x, w, **how)


# shapes of the image and of the kernel, and the functions of the result, of dx and of dw
CHOSEN: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any], str]] = [
    ((2, 3, 8, 8), (4, 3, 3, 3), {"padding": 1}, "convolution convolution convolution_with_large_kernel"),
    ((2, 3, 9, 9), (4, 3, 3, 3), {"stride": 2}, "convolution spread convolution_with_large_kernel"),
    ((2, 3, 8, 8), (24, 3, 3, 3), {"padding": 1}, "convolution spread convolution_with_large_kernel"),
    ((2, 3, 8, 8), (23, 3, 3, 3), {"padding": 1}, "convolution convolution convolution_with_large_kernel"),
    (
        (90, 3, 8, 8),
        (4, 3, 3, 3),
        {"padding": 1},
        "convolution convolution convolution_with_large_kernel",
    ),  # many images
    ((2, 20, 4, 4), (20, 20, 3, 3), {"padding": 1}, "small small small"),
    ((2, 20, 4, 4), (20, 20, 3, 3), {"padding": 1, "stride": 2}, "small spread small"),
    (
        (2, 20, 4, 4),
        (20, 1, 3, 3),
        {"padding": 1, "groups": 20},
        "convolution convolution convolution_with_large_kernel",
    ),
    ((2, 4, 5, 5), (4, 4, 5, 5), {}, "convolution_with_large_kernel spread convolution"),
    ((2, 4, 5, 5), (30, 4, 5, 5), {}, "small spread small"),
]


@pytest.mark.parametrize(("image", "kernel", "how", "names"), CHOSEN, ids=str)
def test_the_function_is_chosen_by_the_shapes(
    image: Any, kernel: Any, how: Any, names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_columns_of_programs, "SMALL", 1 << 20)
    x, w = numbers(*image), numbers(*kernel)
    f = grad(lambda x, w: np.sum(np.sin(nn.conv2d(x, w, **how))), argnums=(0, 1))
    dx, dw = f(x, w)
    lines = [line.strip() for line in f.source.splitlines() if "convolution" in line and "=" in line and "(" in line]
    lines = [line for line in lines if not line.startswith(("#", "def "))]
    short = {"small": "convolution_of_small_images", "spread": "convolution_of_spread_images"}
    full = [short.get(name, name) for name in names.split()]
    found = [line.partition("convolution")[2].partition("(")[0] for line in lines]
    assert [f"convolution{name}" for name in found] == full, f.source
    g = np.cos(defined(x, w, **how))
    v, u = numbers(*image), numbers(*kernel)
    np.testing.assert_allclose(np.vdot(dx, v), np.vdot(g, defined(v, w, **how)), rtol=1e-9)
    np.testing.assert_allclose(np.vdot(dw, u), np.vdot(g, defined(x, u, **how)), rtol=1e-9)


def test_what_stands_further_out_than_a_window_reaches() -> None:
    """Padding wider than the kernel makes an input's adjoint one of cut images."""
    x, w = numbers(2, 3, 4, 4), numbers(2, 3, 2, 2)
    for how in ({"padding": 3}, {"padding": 3, "stride": 2}):
        f = grad(lambda x, how=how: np.sum(np.sin(nn.conv2d(x, w, **how))))
        dx, v = f(x), numbers(2, 3, 4, 4)
        assert "convolution_of_small_images" in f.source
        g = np.cos(defined(x, w, **how))
        np.testing.assert_allclose(np.vdot(dx, v), np.vdot(g, defined(v, w, **how)), rtol=1e-9)


def test_a_length_that_is_not_known_chooses_nothing() -> None:
    """What a module is written for must not depend on the number that stands for a length."""
    found = [
        choose_for(lengths, channels=3, kernel=3)
        for lengths in ({"n": 2}, {"n": 90}, {"h": 5, "n": 2}, {"h": 50, "n": 90}, {"o": 2}, {"o": 90})
    ]
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert found[4] == found[5]


def choose_for(lengths: dict[str, int], channels: int, kernel: int) -> list[str]:
    """The functions of a convolution and its kernel's gradient, where these lengths are symbols."""
    n, h, o = (Dim(lengths[name], symbol(name, i)) if name in lengths else 8 for i, name in enumerate("nho"))
    x, w = ArrayType((n, channels, h, h), DTYPES["f64"]), ArrayType((o, channels, kernel, kernel), DTYPES["f64"])
    y = BY_NAME["convolution"].infer(x, w, padding=1)
    images, kernels = (t.with_shape((t.shape[1], t.shape[0], *t.shape[2:])) for t in (x, y))
    op = BY_NAME["convolution"]
    texts = [op.template([a, b], op.complete({"padding": 1})) for a, b in ((x, w), (images, kernels))]
    return [text.partition("(")[0] for text in texts]
