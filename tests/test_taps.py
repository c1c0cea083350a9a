"""Convolutions as loops over the taps of a kernel: the same results as the text says, by one convolution each."""

import numpy as np
import pytest

import tapeless.ir.passes.blocks
import tapeless.ir.passes.gathered_windows
import tapeless.ir.passes.image_columns
import tapeless.ir.passes.window_products
from tapeless import value_and_grad

RNG = np.random.default_rng(9)


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(tapeless.ir.passes.image_columns, "SMALL", 0)
    monkeypatch.setattr(tapeless.ir.passes.gathered_windows, "SMALL", 0)
    monkeypatch.setattr(tapeless.ir.passes.window_products, "SMALL", 0)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "LARGE", 64)
    monkeypatch.setattr(tapeless.ir.passes.blocks, "COLUMNS", 4000)


def sizes(x, w):
    return x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1


def by_einsum(x, w):
    h, m = sizes(x, w)
    y = np.zeros((len(x), len(w), h, m), x.dtype)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            y += np.einsum("nchw,oc->nohw", x[:, :, i : i + h, j : j + m], w[:, :, i, j])
    return y


def by_tensordot(x, w):
    h, m = sizes(x, w)
    y = 0
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            y = y + np.tensordot(w[:, :, i, j], x[:, :, i : i + h, j : j + m], axes=(1, 1))
    return y


def by_matrices(x, w):
    h, m = sizes(x, w)
    x, w = x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0)
    taps = [(i, j) for i in range(w.shape[0]) for j in range(w.shape[1])]
    return sum(x[:, i : i + h, j : j + m] @ w[i, j] for i, j in taps)


def with_strides(x, w):
    h, m = (x.shape[2] - w.shape[2]) // 2 + 1, (x.shape[3] - w.shape[3]) // 3 + 1
    y = 0
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            part = x[:, :, i : i + 2 * (h - 1) + 1 : 2, j : j + 3 * (m - 1) + 1 : 3]
            y += np.einsum("nchw,oc->nohw", part, w[:, :, i, j])
    return y


def with_dilation(x, w):
    h, m = x.shape[2] - 2 * (w.shape[2] - 1), x.shape[3] - 3 * (w.shape[3] - 1)
    y = 0
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            y += np.einsum("nchw,oc->nohw", x[:, :, 2 * i : 2 * i + h, 3 * j : 3 * j + m], w[:, :, i, j])
    return y


def of_a_part(x, w):
    y = 0
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            y += np.tensordot(x[:, :, 1 + i : 4 + i, 2 + j : 5 + j], w[:, :, i, j], axes=(1, 1))
    return y


def of_a_padded_image(x, w):
    return by_einsum(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 0))), w)


def of_one_image(x, w):
    h, m = sizes(x, w)
    x, y = np.tanh(x[0]), 0
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            y += np.tensordot(w[:, :, i, j], x[:, i : i + h, j : j + m], axes=1)
    return y


def of_signals(x, w):
    x, w = x[:, :, :, 1], w[:, :, :, 0]
    return sum(w[:, :, i] @ x[:, :, i : i + 6] for i in range(w.shape[2]))


def of_a_sequence(x, w):
    x, w = x[0, :, :, 1].T, w[:, :, :, 0]
    return sum(x[i : i + 6] @ w[:, :, i].T for i in range(w.shape[2]))


def by_windows_in_a_buffer(x, w):
    h, m = sizes(x, w)
    columns = np.empty((*x.shape[:2], *w.shape[2:], h, m), x.dtype)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            columns[:, :, i, j] = x[:, :, i : i + h, j : j + m]
    rows = columns.transpose(0, 4, 5, 1, 2, 3).reshape(len(x) * h * m, -1)
    return (rows @ w.reshape(len(w), -1).T).reshape(len(x), h, m, -1).transpose(0, 3, 1, 2)


def by_windows_in_a_buffer_with_strides(x, w):
    h, m = (x.shape[2] - w.shape[2]) // 2 + 1, (x.shape[3] - w.shape[3]) // 2 + 1
    columns = np.zeros((*x.shape[:2], *w.shape[2:], h, m), x.dtype)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            columns[:, :, i, j, :, :] = x[:, :, i : i + 2 * (h - 1) + 1 : 2, j : j + 2 * (m - 1) + 1 : 2]
    return np.einsum("ncijhw,ocij->nohw", columns, w)


def indices(c, kernel, result, stride=1):
    (k, m), (h, n) = kernel, result
    i = np.tile(np.repeat(np.arange(k), m), c).reshape(-1, 1) + stride * np.repeat(np.arange(h), n).reshape(1, -1)
    j = np.tile(np.arange(m), k * c).reshape(-1, 1) + stride * np.tile(np.arange(n), h).reshape(1, -1)
    return np.repeat(np.arange(c), k * m).reshape(-1, 1), i, j


def gathered(x, w):
    h, m = sizes(x, w)
    columns = x[(slice(None), *indices(x.shape[1], w.shape[2:], (h, m)))].transpose(1, 2, 0).reshape(w[0].size, -1)
    return (w.reshape(len(w), -1) @ columns).reshape(len(w), h, m, -1).transpose(3, 0, 1, 2)


def gathered_as_rows(x, w):
    h, m = sizes(x, w)
    columns = x[(slice(None), *indices(x.shape[1], w.shape[2:], (h, m)))]
    return np.einsum("nkp,ok->nop", columns, w.reshape(len(w), -1))


def gathered_with_strides(x, w):
    h, m = (x.shape[2] - w.shape[2]) // 2 + 1, (x.shape[3] - w.shape[3]) // 2 + 1
    k, i, j = indices(x.shape[1], w.shape[2:], (h, m), 2)
    columns = x[:, k, i, j].transpose(1, 2, 0).reshape(w[0].size, -1)
    return w.reshape(len(w), -1) @ columns


def gathered_from_one_channel(x, w):
    h, m = sizes(x, w)
    _, i, j = indices(1, w.shape[2:], (h, m))
    return w[:, 0].reshape(len(w), -1) @ x[:, 0][:, i, j].transpose(1, 2, 0).reshape(w[0, 0].size, -1)


CONVOLUTIONS = [
    by_einsum,
    by_tensordot,
    by_matrices,
    with_strides,
    with_dilation,
    of_a_part,
    of_a_padded_image,
    of_one_image,
    of_signals,
    of_a_sequence,
    by_windows_in_a_buffer,
    by_windows_in_a_buffer_with_strides,
    gathered,
    gathered_with_strides,
    gathered_from_one_channel,
]


def gathered_in_part(x, w):
    k, i, j = indices(x.shape[1], w.shape[2:], (4, 5))
    columns = x[:, k, i, j].transpose(1, 2, 0).reshape(w[0].size, -1)
    return w.reshape(len(w), -1) @ columns


def gathered_otherwise(x, w):
    k, i, j = indices(x.shape[1], w.shape[2:], sizes(x, w))
    columns = x[:, k, i % 5, j].transpose(1, 2, 0).reshape(w[0].size, -1)
    return w.reshape(len(w), -1) @ columns


def a_tap_left_out(x, w):
    h, m = sizes(x, w)
    taps = [(i, j) for i in range(w.shape[2]) for j in range(w.shape[3]) if (i, j) != (1, 0)]
    return sum(np.einsum("nchw,oc->nohw", x[:, :, i : i + h, j : j + m], w[:, :, i, j]) for i, j in taps)


def a_tap_used_twice(x, w):
    h, m = sizes(x, w)
    taps = [(min(i, 1), j) for i in range(w.shape[2]) for j in range(w.shape[3])]
    return sum(np.einsum("nchw,oc->nohw", x[:, :, i : i + h, j : j + m], w[:, :, i, j]) for i, j in taps)


def rotated(x, w):
    h, m = sizes(x, w)
    taps = [(i, j) for i in range(w.shape[2]) for j in range(w.shape[3])]
    return sum(np.einsum("nchw,oc->nohw", x[:, :, i : i + h, j : j + m], w[:, :, -1 - i, -1 - j]) for i, j in taps)


def a_sum_read_on_the_way(x, w):
    h, m = sizes(x, w)
    y = extra = 0
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            y = y + np.einsum("nchw,oc->nohw", x[:, :, i : i + h, j : j + m], w[:, :, i, j])
            extra = extra + np.tanh(y)
    return y + extra


def ranges_that_run_otherwise(x, w):
    h, m = sizes(x, w)
    taps = [(i, j) for i in range(w.shape[2]) for j in range(w.shape[3])]
    return sum(np.einsum("nchw,oc->nohw", x[:, :, i : i + h, i % 2 : i % 2 + m], w[:, :, i, j]) for i, j in taps)


def depthwise(x, w):
    h, m = sizes(x, w)
    taps = [(i, j) for i in range(w.shape[2]) for j in range(w.shape[3])]
    return sum(x[:, :, i : i + h, j : j + m] * w[0, :, i, j, None, None] for i, j in taps)


def a_buffer_with_a_hole(x, w):
    h, m = sizes(x, w)
    columns = np.zeros((*x.shape[:2], *w.shape[2:], h, m), x.dtype)
    for i in range(w.shape[2]):
        for j in range(1, w.shape[3]):
            columns[:, :, i, j] = x[:, :, i : i + h, j : j + m]
    return np.einsum("ncijhw,ocij->nohw", columns, w)


def a_buffer_written_twice(x, w):
    h, m = sizes(x, w)
    columns = np.zeros((*x.shape[:2], *w.shape[2:], h, m), x.dtype)
    for k in (0, 1):
        for i in range(w.shape[2]):
            for j in range(w.shape[3]):
                columns[:, :, i, j] += x[:, :, i : i + h, j : j + m] * (k + 1)
    return np.einsum("ncijhw,ocij->nohw", columns, w)


def added_to_zeros_of_more_digits(x, w):
    h, m = sizes(x, w)
    y = np.zeros((len(x), len(w), h, m), complex)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            y += np.einsum("nchw,oc->nohw", x[:, :, i : i + h, j : j + m], w[:, :, i, j])
    return y


def added_to_zeros_of_another_shape(x, w):
    h, m = sizes(x, w)
    y = np.zeros((2, len(x), len(w), h, m), x.dtype)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            y = y + np.einsum("nchw,oc->nohw", x[:, :, i : i + h, j : j + m], w[:, :, i, j])
    return y


OTHERS = [
    added_to_zeros_of_more_digits,
    added_to_zeros_of_another_shape,
    gathered_as_rows,
    gathered_in_part,
    gathered_otherwise,
    a_tap_left_out,
    a_tap_used_twice,
    rotated,
    a_sum_read_on_the_way,
    ranges_that_run_otherwise,
    depthwise,
    a_buffer_with_a_hole,
    a_buffer_written_twice,
]


def draw(*shape, dtype):
    x = RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128], ids=lambda d: np.dtype(d).name)
@pytest.mark.parametrize("convolution", CONVOLUTIONS + OTHERS, ids=lambda f: f.__name__)
def test_sums_over_taps(convolution, dtype, large):
    def loss(x, w):
        return np.sum(np.sin(convolution(x, w)).real ** 2)

    x, w = draw(4, 3, 8, 7, dtype=dtype), draw(5, 3, 3, 2, dtype=dtype)
    fast, slow = (value_and_grad(loss, argnums=(0, 1), optimize=o) for o in ("fast", "readable"))
    (value, gradients), (same, expected) = fast(x, w), slow(x, w)
    if convolution in CONVOLUTIONS:
        code = "\n".join(line.partition("#")[0] for line in fast.source.splitlines())
        assert not any(call in code for call in ("np.einsum", "np.tensordot", "overlap_add")), fast.source
    tolerance = 1e-3 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(value, same, rtol=tolerance)
    for a, b in zip(gradients, expected, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("convolution", CONVOLUTIONS, ids=lambda f: f.__name__)
def test_small_sums_keep_their_bits(convolution):
    def total(x, w):
        return np.sum(convolution(x, w))

    x, w = draw(4, 3, 8, 7, dtype=float), draw(5, 3, 3, 2, dtype=float)
    value, gradients = value_and_grad(total, argnums=(0, 1))(x, w)
    assert value == total(x, w)
    for a, b in zip(gradients, value_and_grad(total, argnums=(0, 1), optimize="readable")(x, w)[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
