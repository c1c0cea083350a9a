"""Products of windows that a user takes himself: the same results as the text says, by convolutions."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tapeless.ir.passes.blocks
import tapeless.ir.passes.image_columns
import tapeless.ir.passes.scipy_convolutions
import tapeless.ir.passes.window_products
from tapeless import grad, value_and_grad

RNG = np.random.default_rng(8)


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(tapeless.ir.passes.image_columns, "SMALL", 0)
    monkeypatch.setattr(tapeless.ir.passes.window_products, "SMALL", 0)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "LARGE", 64)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "COLUMNS", 4000)


def by_einsum(x, w):
    return np.einsum("nchwij,ocij->nohw", sliding_window_view(x, (3, 2), axis=(2, 3)), w)


def by_einsum_of_turned_kernel(x, w):
    windows = sliding_window_view(x, (3, 2), axis=(2, 3))
    return np.einsum("ijco,bcyxij->byxo", w.transpose(2, 3, 1, 0), windows, optimize=True)


def by_tensordot(x, w):
    return np.tensordot(sliding_window_view(x, (3, 2), axis=(2, 3)), w, axes=([1, 4, 5], [1, 2, 3]))


def by_tensordot_of_the_kernel_first(x, w):
    return np.tensordot(w, sliding_window_view(x, (3, 2), axis=(2, 3)), axes=([2, 1, 3], [4, 1, 5]))


def by_matrices(x, w):
    windows = sliding_window_view(x, (3, 2), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5)
    rows = windows.reshape(-1, w[0].size)
    return (rows @ w.reshape(len(w), -1).T).reshape(*windows.shape[:3], -1)


def by_columns(x, w):
    windows = sliding_window_view(x, (3, 2), axis=(2, 3)).transpose(1, 4, 5, 0, 2, 3)
    return w.reshape(len(w), -1) @ windows.reshape(w[0].size, -1)


def with_strides(x, w):
    windows = sliding_window_view(x, (3, 2), axis=(2, 3))[:, :, ::2, ::3]
    return np.einsum("nchwij,ocij->nohw", windows, w)


def channels_last(x, w):
    windows = sliding_window_view(x.transpose(0, 2, 3, 1), (3, 2), axis=(1, 2))
    return np.tensordot(windows, w, axes=([3, 4, 5], [1, 2, 3]))


def of_a_padded_image(x, w):
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 0)))
    return np.einsum("nchwij,ocij->nohw", sliding_window_view(padded, (3, 2), axis=(2, 3)), w)


def of_one_image(x, w):
    return np.einsum("chwij,ocij->ohw", sliding_window_view(x[0], (3, 2), axis=(1, 2)), w)


def of_one_channel(x, w):
    return np.einsum("nhwij,oij->nohw", sliding_window_view(x[:, 0], (3, 2), axis=(1, 2)), w[:, 0])


def of_rows(x, w):
    return np.einsum("nclk,ock->nol", sliding_window_view(x[:, :, 0], 2, axis=2), w[:, :, 1])


def of_squares(x, w):
    windows = sliding_window_view(x, (3, 3), axis=(2, 3))
    return np.tensordot(windows, w[..., [0, 1, 1]], axes=([1, 4, 5], [1, 2, 3]))


CONVOLUTIONS = [
    by_einsum,
    by_einsum_of_turned_kernel,
    by_tensordot,
    by_tensordot_of_the_kernel_first,
    by_matrices,
    by_columns,
    with_strides,
    channels_last,
    of_a_padded_image,
    of_one_image,
    of_one_channel,
    of_rows,
    of_squares,
]


def depthwise(x, w):
    return np.einsum("nchwij,cij->nchw", sliding_window_view(x, (3, 2), axis=(2, 3)), w[0])


def along_one_axis_twice(x, w):
    windows = sliding_window_view(x[:, :, :, 0], (2, 2), axis=(2, 2))
    return np.einsum("nclij,ocij->nol", windows, w[:, :, :2])


def one_kernel_for_all(x, w):
    return np.einsum("nchwij,ij->nchw", sliding_window_view(x, (3, 2), axis=(2, 3)), w[0, 0])


def reversed_places(x, w):
    windows = sliding_window_view(x, (3, 2), axis=(2, 3))[:, :, ::-1]
    return np.einsum("nchwij,ocij->nohw", windows, w)


def a_part_of_the_places(x, w):
    windows = sliding_window_view(x, (3, 2), axis=(2, 3))[:, :, 1:4]
    return np.einsum("nchwij,ocij->nohw", windows, w)


OTHERS = [depthwise, along_one_axis_twice, one_kernel_for_all, reversed_places, a_part_of_the_places]


def draw(*shape, dtype):
    x = RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128], ids=lambda d: np.dtype(d).name)
@pytest.mark.parametrize("product", CONVOLUTIONS + OTHERS, ids=lambda f: f.__name__)
def test_products_of_windows(product, dtype, large):
    def loss(x, w):
        return np.sum(np.sin(product(x, w)).real ** 2)

    x, w = draw(4, 3, 8, 7, dtype=dtype), draw(5, 3, 3, 2, dtype=dtype)
    fast, slow = (value_and_grad(loss, argnums=(0, 1), optimize=o) for o in ("fast", "readable"))
    (value, gradients), (same, expected) = fast(x, w), slow(x, w)
    if product in CONVOLUTIONS:
        code = "\n".join(line for line in fast.source.splitlines() if "# line" not in line)
        assert "overlap_add" not in code
        assert "sliding_window_view" not in code
    tolerance = 1e-3 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(value, same, rtol=tolerance)
    for a, b in zip(gradients, expected, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_small_values_keep_their_bits():
    """Below the size of what is worth a loop, the number is the one that NumPy's own call gives."""
    x, w = draw(2, 3, 30, 30, dtype=float), draw(5, 3, 3, 2, dtype=float)

    def loss(x, w):
        return np.sum(by_einsum(x, w))

    f = value_and_grad(loss, argnums=(0, 1))
    value, (dx, dw) = f(x, w)
    assert value == loss(x, w)
    assert "np.einsum" in f.source
    want = grad(loss, argnums=(0, 1), optimize="readable")(x, w)
    np.testing.assert_allclose(dx, want[0], rtol=1e-11)
    np.testing.assert_allclose(dw, want[1], rtol=1e-11)


def test_what_a_condition_looks_at_is_computed_as_it_is_written(large):
    x, w = draw(4, 3, 8, 7, dtype=float), draw(5, 3, 3, 2, dtype=float)
    level = np.sum(by_tensordot(x, w))

    def loss(x, w):
        y = by_tensordot(x, w)
        return np.sum(y**2) if np.sum(y) == level else np.sum(y)

    value, _ = value_and_grad(loss)(x, w)
    np.testing.assert_allclose(value, np.sum(by_tensordot(x, w) ** 2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda d: np.dtype(d).name)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    "size", [((9, 8), (3, 5)), ((9, 8), (2, 4)), ((3, 5), (9, 8)), ((9, 5), (3, 8)), ((9, 8), (9, 8))]
)
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d", "convolve", "correlate", "fftconvolve"])
def test_convolutions_of_scipy(name, size, mode, dtype, large, monkeypatch):
    signal = pytest.importorskip("scipy.signal")
    monkeypatch.setattr(tapeless.ir.passes.scipy_convolutions, "SMALL", 0)
    function = getattr(signal, name)
    if mode == "valid" and size == ((9, 5), (3, 8)):
        return  # neither contains the other
    x, w = (draw(*shape, dtype=dtype) for shape in size)

    def loss(x, w):
        return np.sum(np.sin(function(x, w, mode=mode)) ** 2)

    fast, slow = (value_and_grad(loss, argnums=(0, 1), optimize=o) for o in ("fast", "readable"))
    (value, gradients), (same, expected) = fast(x, w), slow(x, w)
    if size == ((9, 8), (3, 5)) and name != "fftconvolve":
        assert "scipy.signal" not in "\n".join(line.partition("#")[0] for line in fast.source.splitlines())
    tolerance = 1e-3 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(value, same, rtol=tolerance)
    for a, b in zip(gradients, expected, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
