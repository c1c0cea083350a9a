"""Convolutions as products with columns of windows: the same results, in loops over images, in less memory."""

import math
import tracemalloc

import numpy as np
import pytest

import tapeless.ir.passes.blocks
import tapeless.ir.passes.image_columns
from tapeless import grad, jvp, nn, value_and_grad, vjp

RNG = np.random.default_rng(5)


@pytest.fixture
def large(monkeypatch):
    """Everything is large enough for columns, and for loops over a few images each."""
    monkeypatch.setattr(tapeless.ir.passes.image_columns, "SMALL", 0)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "LARGE", 64)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "COLUMNS", 1000)


def draw(*shape, dtype):
    x = RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


CONVOLUTIONS = {1: nn.conv1d, 2: nn.conv2d, 3: nn.conv3d}
GEOMETRIES = [
    ((5, 3, 8, 7), (4, 3, 3, 3), {"padding": 1}),  # by rows of the kernel
    ((5, 1, 8, 7), (9, 1, 3, 2), {}),  # all taps at once
    ((4, 3, 9, 8), (4, 3, 3, 3), {"stride": 2, "padding": 1}),
    ((4, 3, 9, 8), (4, 3, 3, 2), {"stride": (2, 3), "padding": (1, 0)}),
    ((4, 3, 10, 8), (4, 3, 3, 2), {"dilation": (2, 1), "padding": (2, 1)}),
    ((4, 3, 10, 9), (4, 3, 3, 2), {"dilation": 2, "stride": 2, "padding": "same"}),
    ((6, 3, 5, 6), (4, 3, 2, 4), {"padding": "same"}),
    ((6, 8, 5, 6), (4, 8, 1, 1), {}),
    ((7, 3, 19), (4, 3, 4), {"padding": 2}),
    ((7, 3, 19), (4, 3, 4), {"stride": 3}),
    ((3, 2, 5, 4, 6), (4, 2, 2, 3, 2), {"padding": 1}),
    ((4, 4, 6, 6), (4, 2, 3, 3), {"groups": 2, "padding": 1}),
    ((1, 3, 8, 7), (4, 3, 3, 3), {"padding": 1}),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128], ids=lambda d: np.dtype(d).name)
@pytest.mark.parametrize(("image", "kernel", "how"), GEOMETRIES, ids=str)
def test_columns_are_only_another_way(image, kernel, how, dtype, large):
    def loss(x, w, b):
        y = CONVOLUTIONS[len(image) - 2](x, w, b, **how)
        return np.sum(np.tanh(y * 0.2).real ** 2)

    args = draw(*image, dtype=dtype), draw(*kernel, dtype=dtype), draw(kernel[0], dtype=dtype)
    fast = value_and_grad(loss, argnums=(0, 1, 2))
    slow = value_and_grad(loss, argnums=(0, 1, 2), optimize="readable")
    (value, gradients), (same, expected) = fast(*args), slow(*args)
    by_columns = "groups" not in how and image[0] > 1
    assert ("convolve_columns" in fast.source) == by_columns, fast.source
    assert ("window_columns" in fast.source) == (by_columns and math.prod(kernel[2:]) > 1), fast.source
    assert "window_columns" not in slow.source
    tolerance = 1e-3 if dtype == np.float32 else 1e-11
    assert type(value) is type(same)
    np.testing.assert_allclose(value, same, rtol=tolerance)
    for a, b in zip(gradients, expected, strict=True):
        assert (a.dtype, a.shape, a.flags.c_contiguous) == (b.dtype, b.shape, True)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def network(x, w1, w2, w3):
    h = nn.max_pool2d(nn.relu(nn.conv2d(x, w1, padding=1)), 2)
    h = nn.avg_pool2d(nn.relu(nn.conv2d(h, w2)), 2)
    h = np.tanh(h.reshape(len(x), -1) @ w3)
    return np.sum((h - h.mean(axis=0)) ** 2)


@pytest.mark.parametrize("n", [1, 2, 12, 13, 17])
def test_networks_of_any_number_of_images(n, large):
    """The rows of a reshaped array are written out, so all blocks must be of one length."""
    args = [draw(*s, dtype=float) for s in ((n, 2, 14, 14), (3, 2, 3, 3), (4, 3, 4, 4), (16, 5))]
    fast, slow = (value_and_grad(network, argnums=(0, 1, 2, 3), optimize=o) for o in ("fast", "readable"))
    (value, gradients), (same, expected) = fast(*args), slow(*args)
    np.testing.assert_allclose(value, same, rtol=1e-11)
    for a, b in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_of_other_derivatives(large):
    args = [draw(*s, dtype=float) for s in ((4, 2, 14, 14), (3, 2, 3, 3), (4, 3, 4, 4), (16, 5))]
    d = [draw(*a.shape, dtype=float) for a in args]
    gradients = grad(network, argnums=(0, 1, 2, 3))(*args)
    slope = sum(np.vdot(a, b) for a, b in zip(gradients, d, strict=True))
    np.testing.assert_allclose(jvp(network, tuple(args), tuple(d))[1], slope, rtol=1e-9)
    y, pullback = vjp(lambda x, w: np.tanh(nn.conv2d(x, w, padding=1)), args[0], args[1])
    dx, dw = pullback(np.ones_like(y))
    dx_again, dw_again = pullback(np.ones_like(y))
    want = grad(lambda x, w: np.sum(np.tanh(nn.conv2d(x, w, padding=1))), argnums=(0, 1), optimize="readable")
    for found in ((dx, dw), (dx_again, dw_again)):
        for a, b in zip(found, want(args[0], args[1]), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    curved = grad(lambda w: np.sum(grad(lambda v: np.sum(np.tanh(nn.conv2d(args[0], v)) ** 2))(w) ** 2))
    plain = grad(
        lambda w: np.sum(grad(lambda v: np.sum(np.tanh(nn.conv2d(args[0], v)) ** 2), optimize="readable")(w) ** 2),
        optimize="readable",
    )
    np.testing.assert_allclose(curved(args[1]), plain(args[1]), rtol=1e-9)


def test_small_convolutions_keep_their_bits(monkeypatch):
    monkeypatch.setattr(tapeless.ir.passes.image_columns, "SMALL", 0)
    for image, kernel, how in [*GEOMETRIES, ((4, 4, 5, 5), (4, 4, 5, 5), {}), ((2, 3, 9, 9), (4, 3, 8, 8), {})]:
        x, w = draw(*image, dtype=float), draw(*kernel, dtype=float)
        convolve = CONVOLUTIONS[len(image) - 2]

        def product(x, w, convolve=convolve, how=how):
            return np.sum(convolve(x, w, **how))

        assert value_and_grad(product)(x, w)[0] == product(x, w)


def test_no_columns_of_all_images_are_kept():
    """Neither the columns, nor what is made of them but the gradients."""
    x, w = draw(32, 8, 32, 32, dtype=float), draw(16, 8, 3, 3, dtype=float)
    f = grad(lambda x, w: np.sum(np.maximum(nn.conv2d(x, w, padding=1), 0) ** 2), argnums=(0, 1))
    f(x, w)
    tracemalloc.start()
    f(x, w)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * x.nbytes + 4 * tapeless.ir.passes.blocks.COLUMNS
    assert peak < 3 * math.prod(x.shape) * 8  # the columns alone are as large
