"""tapeless.nn on plain arrays and on its limits; what its gradients are stands in test_course.py."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import tapeless
import tapeless.nn
from tapeless import grad, nn, value_and_grad

RNG = np.random.default_rng(3)
IMAGES, KERNELS = RNG.normal(size=(2, 4, 6, 7)), RNG.normal(size=(6, 4, 3, 3))


def test_the_module_is_public_and_every_function_is_documented() -> None:
    assert tapeless.nn is nn
    for name in nn.__all__:
        function = getattr(nn, name)
        assert function.__doc__, name
        assert all(p.annotation is not p.empty for p in inspect.signature(function).parameters.values()), name


def test_plain_arrays_give_plain_arrays() -> None:
    pools = nn.max_pool2d(IMAGES, 2), nn.avg_pool2d(IMAGES, (3, 2))
    for result in (nn.conv2d(IMAGES, KERNELS), nn.relu(IMAGES), *pools):
        assert type(result) is np.ndarray


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtypes_are_kept(dtype: Any) -> None:
    x, w = IMAGES.astype(dtype), KERNELS.astype(dtype)
    assert nn.conv2d(x, w, padding=1, stride=2).dtype == dtype
    assert nn.avg_pool2d(x, 2).dtype == dtype
    if dtype is not np.complex128:
        assert nn.max_pool2d(x, 3, stride=2, padding=1).dtype == dtype
        assert nn.softmax(x).dtype == nn.sigmoid(x).dtype == nn.log_softmax(x).dtype == dtype
        assert grad(lambda x: np.sum(nn.max_pool2d(nn.conv2d(x, w), 2)))(x).dtype == dtype


def test_one_by_one_and_whole_image_kernels() -> None:
    w = KERNELS[:, :, :1, :1]
    np.testing.assert_allclose(nn.conv2d(IMAGES, w), np.einsum("nchw,oc->nohw", IMAGES, w[:, :, 0, 0]))
    w = RNG.normal(size=(3, 4, 6, 7))
    np.testing.assert_allclose(nn.conv2d(IMAGES, w)[:, :, 0, 0], np.tensordot(IMAGES, w, axes=((1, 2, 3), (1, 2, 3))))


def test_groups_are_convolutions_side_by_side() -> None:
    w = KERNELS[:, :2]
    halves = [nn.conv2d(IMAGES[:, 2 * i : 2 * i + 2], w[3 * i : 3 * i + 3]) for i in range(2)]
    np.testing.assert_allclose(nn.conv2d(IMAGES, w, groups=2), np.concatenate(halves, axis=1))
    depthwise = RNG.normal(size=(4, 1, 3, 3))
    for c in range(4):
        want = nn.conv2d(IMAGES[:, c : c + 1], depthwise[c : c + 1])
        np.testing.assert_allclose(nn.conv2d(IMAGES, depthwise, groups=4)[:, c : c + 1], want)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_same_padding(stride: int, kernel: int) -> None:
    w = RNG.normal(size=(1, 4, kernel, kernel))
    assert nn.conv2d(IMAGES, w, stride=stride, padding="same").shape == (2, 1, -(-6 // stride), -(-7 // stride))
    assert nn.conv2d(IMAGES, w, padding="valid").shape == (2, 1, 7 - kernel, 8 - kernel)


def test_an_empty_batch_goes_through() -> None:
    assert nn.conv2d(IMAGES[:0], KERNELS).shape == (0, 6, 4, 5)
    dx, dw = grad(lambda x, w: np.sum(nn.conv2d(x, w)), argnums=(0, 1))(IMAGES[:0], KERNELS)
    assert dx.shape == (0, 4, 6, 7)
    assert not dw.any()


MISTAKES = [
    (ValueError, "not shapes", lambda: nn.conv2d(IMAGES[0], KERNELS)),
    (ValueError, "channels", lambda: nn.conv2d(IMAGES, KERNELS[:, :3])),
    (ValueError, "group", lambda: nn.conv2d(IMAGES, KERNELS, groups=3)),
    (ValueError, "groups must be", lambda: nn.conv2d(IMAGES, KERNELS, groups=0)),
    (ValueError, "larger", lambda: nn.conv2d(IMAGES[:, :, :2], KERNELS)),
    (ValueError, "stride must be at least 1", lambda: nn.conv2d(IMAGES, KERNELS, stride=0)),
    (TypeError, "integer", lambda: nn.conv2d(IMAGES, KERNELS, stride=1.5)),  # type: ignore[arg-type]
    (ValueError, "pair", lambda: nn.conv2d(IMAGES, KERNELS, dilation=(1, 2, 3))),  # type: ignore[arg-type]
    (ValueError, "'same'", lambda: nn.conv2d(IMAGES, KERNELS, padding="full")),
    (ValueError, "padding must be at least 0", lambda: nn.conv2d(IMAGES, KERNELS, padding=-1)),
    (ValueError, "larger", lambda: nn.max_pool2d(IMAGES, 8)),
    (ValueError, "half", lambda: nn.avg_pool2d(IMAGES, 2, padding=2)),
    (ValueError, r"x\[n, c, h, w\]", lambda: nn.max_pool2d(IMAGES[0, 0], 2)),
    (ValueError, "cross_entropy takes", lambda: nn.cross_entropy(np.ones((3, 4)), np.ones(4))),
]


@pytest.mark.parametrize(("error", "message", "call"), MISTAKES, ids=[m for _, m, _ in MISTAKES])
def test_mistakes_are_named(error: Any, message: str, call: Any) -> None:
    with pytest.raises(error, match=message):
        call()


def test_mistakes_in_a_traced_function_name_the_line() -> None:
    def f(x: Any) -> Any:
        return np.sum(nn.conv2d(x, KERNELS[:, :3]))

    with pytest.raises(ValueError, match="channels") as info:
        grad(f)(IMAGES)
    assert any("test_nn.py" in note for note in info.value.__notes__)


def test_softmax_far_out() -> None:
    x = np.array([[1000.0, 0.0, -1000.0], [1e308, 1e308, -1e308]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # -1e308 - 1e308 is -inf, as it should be here
        np.testing.assert_allclose(nn.softmax(x), [[1, 0, 0], [0.5, 0.5, 0]])
    np.testing.assert_allclose(nn.log_softmax(x[:1]), [[0, -1000, -2000]])
    np.testing.assert_allclose(nn.sigmoid(np.array([-1e4, 0.0, 1e4])), [0, 0.5, 1])


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_softmax_along_any_axis(axis: int) -> None:
    x, g = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 3, 4))
    y = nn.softmax(x, axis)
    np.testing.assert_allclose(y.sum(axis=axis), 1)
    np.testing.assert_allclose(np.exp(nn.log_softmax(x, axis)), y)
    want = y * (g - np.sum(g * y, axis=axis, keepdims=True))
    np.testing.assert_allclose(grad(lambda x: np.sum(g * nn.softmax(x, axis)))(x), want)
    want = g - y * g.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(grad(lambda x: np.sum(g * nn.log_softmax(x, axis)))(x), want)


def test_the_source_speaks_of_the_users_line_and_names() -> None:
    def f(x: Any, w: Any, labels: Any) -> Any:
        hidden = nn.relu(nn.conv2d(x, w, stride=2))
        pooled = nn.max_pool2d(hidden, 2)
        scores = pooled.reshape(len(x), -1)
        return nn.cross_entropy(scores, labels)

    g = value_and_grad(f, argnums=(0, 1))
    g(RNG.normal(size=(2, 4, 9, 9)), KERNELS, np.array([1, 0]))
    assert "# nn.py" not in g.source
    assert "hidden = np.maximum(" in g.source
    assert "pooled = windows.max(axis=(3, 5))" in g.source
    assert "pooled = nn.max_pool2d(hidden, 2)\n" in g.source  # the comment above its backward block
    assert "convolution(x, w, stride=2)" in g.source


@pytest.mark.parametrize("pool", [nn.max_pool2d, nn.avg_pool2d])
def test_second_derivatives(pool: Any) -> None:
    x, w, v = RNG.normal(size=(1, 2, 5, 5)), RNG.normal(size=(2, 2, 2, 2)), RNG.normal(size=(1, 2, 5, 5))

    def f(x: Any) -> Any:
        return np.sum(np.tanh(pool(nn.conv2d(x, w), 2)) ** 2)

    first = grad(f)
    hessian_times_v = grad(lambda x: np.sum(first(x) * v))(x)
    want = (first(x + 1e-6 * v) - first(x - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(hessian_times_v, want, rtol=1e-6, atol=1e-8)
