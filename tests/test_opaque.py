"""primitive: functions that nobody looks into, called by their names from the generated source."""

import importlib
import math
import pickle
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from tapeless import (
    TracingError,
    UnsupportedError,
    defjvp,
    defvjp,
    grad,
    jacobian,
    jvp,
    primitive,
    scan,
    value_and_grad,
    vjp,
    vmap,
)

X = np.array([-1.3, 0.4, 2.2])


@primitive
def sine(x, scale):
    """A loop over Python floats, which no stand-in survives."""
    return np.array([math.sin(v) for v in x]) * scale


defvjp(
    sine, lambda ans, x, scale: lambda g: g * scale * np.cos(x), lambda ans, x, scale: lambda g: np.sum(g * np.sin(x))
)
cumulated = primitive(lambda x: np.cumsum(x), like=lambda x: x)
defvjp(cumulated, lambda ans, x: lambda g: np.cumsum(g[::-1])[::-1])
exponential = primitive(lambda x: np.exp(x))
defvjp(exponential, lambda ans, x: lambda g: g * ans)
forward = primitive(lambda x: np.exp(x))
defjvp(forward, lambda g, ans, x: g * ans)


def plain_sine(x, scale):
    return np.sin(x) * scale


@pytest.mark.parametrize(
    ("f", "plain"),
    [
        (lambda x: sine(x, 3.0), lambda x: plain_sine(x, 3.0)),
        (lambda x: sine(x, np.sum(x)), lambda x: plain_sine(x, np.sum(x))),
        (cumulated, np.cumsum),
        (exponential, np.exp),
        (forward, np.exp),
    ],
    ids=["one", "two", "like", "by its result", "forward"],
)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_every_order(f, plain, order):
    def iterated(f):
        g = grad(lambda x: np.sum(np.cos(f(x))))
        for _ in range(order - 1):
            g = grad(lambda x, g=g: np.sum(g(x) ** 2))
        return g

    np.testing.assert_allclose(iterated(f)(X), iterated(plain)(X), rtol=1e-12)


def test_it_is_called_by_its_name_and_held_to_its_type():
    gradient = value_and_grad(lambda x: np.sum(sine(x * 2, 3) ** 2))
    gradient(X)
    assert "result = sine(x_times_2, 3)\n" in gradient.source or "sine(product, 3)\n" in gradient.source
    assert "if result.shape != (3,) or result.dtype != np.float64:\n" in gradient.source
    assert "math" not in gradient.source


def test_outside_of_a_trace_it_is_the_function():
    np.testing.assert_array_equal(sine(X, 2.0), plain_sine(X, 2.0))
    assert sine.__name__ == "sine"
    assert pickle.loads(pickle.dumps(sine)) is sine


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_dtypes_and_shapes(dtype, shape):
    squared = primitive(lambda x: x * x)
    defvjp(squared, lambda ans, x: lambda g: 2 * g * x)
    x = np.ones(shape, dtype)[()] * 3
    out, pull = vjp(squared, x)
    (dx,) = pull(out)
    assert (out.dtype, dx.dtype, dx.shape) == (np.dtype(dtype), np.dtype(dtype), shape)
    np.testing.assert_array_equal(dx, 2 * x**3)


def test_numbers_of_python():
    sin = primitive(math.sin)
    defvjp(sin, lambda ans, x: lambda g: g * np.cos(x))
    found = grad(lambda x: sin(x) * x)(0.3)
    assert type(found) is float
    assert found == pytest.approx(math.sin(0.3) + 0.3 * math.cos(0.3))


def test_another_shape_than_when_it_was_traced_is_an_error():
    positive = primitive(lambda x: x[x > 0])
    defvjp(positive, lambda ans, x: lambda g: np.where(x > 0, np.sum(g), 0))
    gradient = grad(lambda x: np.sum(positive(x)))
    np.testing.assert_array_equal(gradient(X), [0, 2, 2])
    with pytest.raises(TypeError, match=r"returned something else than f64\[2\]"):
        gradient(X + 5)


def test_another_dtype_than_declared_is_an_error():
    wrong = primitive(lambda x: x.astype(np.float32), like=lambda x: x)
    defvjp(wrong, lambda ans, x: lambda g: g)
    with pytest.raises(TypeError, match=r"returned something else than f64\[3\]"):
        grad(lambda x: np.sum(wrong(x) ** 2))(X)


def test_several_results_and_arguments_in_containers():
    both = primitive(lambda pair, options: (pair[0] * pair[1], float(np.sum(pair[0])) * options["n"]))
    defvjp(both, lambda ans, pair, options: lambda g: (g[0] * pair[1] + g[1] * options["n"], g[0] * pair[0]))

    def loss(f, x, y):
        product, total = f((x, y), {"n": 2})
        return np.sum(product**2) * total

    def plain(pair, options):
        return pair[0] * pair[1], np.sum(pair[0]) * options["n"]

    found, expected = (grad(lambda x, y: loss(f, x, y), argnums=(0, 1))(X, X + 1) for f in (both, plain))  # noqa: B023
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other)


def test_a_method():
    class Simulator:
        def __init__(self, k):
            self.k = k

        @primitive
        def run(self, x, n=1):
            return x * self.k * n

        defvjp(run, lambda ans, self, x, n=1: lambda g: g * self.k * n, argnums=(1,))

    one, other = Simulator(3.0), Simulator(5.0)
    gradient = grad(lambda x: np.sum(one.run(x, n=2) * other.run(x)))
    np.testing.assert_allclose(gradient(X), 2 * 30 * X)
    assert "run(x, n=2)" in gradient.source
    assert "run_2(x)" in gradient.source


def test_draws_and_clocks_are_its_own_business():
    noisy = primitive(lambda x: x + 0 * random.random() * time.time(), like=lambda x: x)
    calls = []
    counted = primitive(lambda x: calls.append(1) or x * len(calls), like=lambda x: x)
    defvjp(noisy, lambda ans, x: lambda g: g)
    defvjp(counted, lambda ans, x: lambda g: g)
    gradient = grad(lambda x: np.sum(noisy(x) ** 2))
    np.testing.assert_array_equal(gradient(X), 2 * X)
    again = grad(lambda x: np.sum(counted(x) ** 2))
    np.testing.assert_array_equal(again(X), 2 * X)
    np.testing.assert_array_equal(again(X), 4 * X)


def test_in_a_loop_its_result_is_declared():
    looped = grad(lambda x: np.sum(scan(lambda c, _: (cumulated(c) * c, None), x, length=2)[0]))

    def unrolled(x):
        for _ in range(2):
            x = np.cumsum(x) * x
        return np.sum(x)

    np.testing.assert_allclose(looped(X), grad(unrolled)(X))
    with pytest.raises(TracingError, match="its arguments have no values yet"):
        grad(lambda x: np.sum(scan(lambda c, _: (exponential(c), None), x, length=2)[0]))(X)


def test_an_opaque_rule_is_called_by_name_too():
    calls = []

    def maker(ans, x):
        def vjp(g):
            calls.append(type(g))
            return np.array([2 * math.fabs(a) * b for a, b in zip(g, x, strict=True)])

        return vjp

    square = primitive(lambda x: x * x)
    defvjp(square, maker)
    gradient = grad(lambda x: np.sum(square(x)))
    calls.clear()
    np.testing.assert_array_equal(gradient(X), 2 * X)
    assert calls[-1] is np.ndarray
    assert "lambda__vjp_0(" in gradient.source or "_vjp_0(result, x, " in gradient.source
    with pytest.raises(UnsupportedError, match="derivative of <lambda> is opaque itself"):
        grad(lambda x: np.sum(gradient(x)))(X)


def test_what_it_is_given_is_not_overwritten_and_what_it_gives_is_not_the_callers():
    kept = []
    keeping = primitive(lambda x: kept.append(x) or x, like=lambda x: x)
    defvjp(keeping, lambda ans, x: lambda g: g)

    def loss(x):
        y = x * 2
        z = keeping(y)
        y[0] = 7.0
        return np.sum(z[1:] * y[1:]), keeping(x)

    (value, out), dx = value_and_grad(loss, has_aux=True)(X)
    assert value == np.sum(4 * X[1:] ** 2)
    np.testing.assert_array_equal(kept[0], 2 * X)
    np.testing.assert_allclose(dx, [0, *8 * X[1:]])
    assert not np.shares_memory(out, X)


def test_an_argument_without_a_rule():
    half = primitive(lambda x, y: x * y)
    defvjp(half, lambda ans, x, y: lambda g: g * y)
    np.testing.assert_array_equal(grad(lambda x: np.sum(half(x, X)))(X), X)
    with pytest.raises(UnsupportedError, match=r"with respect to its argument y\n(.|\n)*Try: defvjp\(<lambda>, "):
        grad(lambda y: np.sum(half(X, y)))(X)
    with pytest.raises(UnsupportedError, match="no derivative with respect to its argument x"):
        grad(lambda x: np.sum(primitive(lambda x: x)(x)))(X)
    defvjp(half, None, argnums=(1,))
    np.testing.assert_array_equal(grad(lambda y: np.sum(half(X, y) + y))(X), [1, 1, 1])


def test_forward_mode_and_jacobians():
    np.testing.assert_allclose(jvp(cumulated, (X,), (X + 1,))[1], np.cumsum(X + 1))
    np.testing.assert_allclose(jacobian(cumulated)(X), np.tri(3))
    np.testing.assert_allclose(jvp(forward, (X,), (X + 1,))[1], np.exp(X) * (X + 1))


def test_a_batch_is_refused():
    with pytest.raises(UnsupportedError, match="takes one example at a time"):
        vmap(cumulated)(np.ones((2, 3)))


def test_what_is_refused():
    with pytest.raises(TracingError, match="returns a dict"):
        grad(lambda x: np.sum(primitive(lambda x: {"a": x})(x)["a"]))(X)
    with pytest.raises(TracingError, match="that the generated text cannot spell"):
        grad(lambda x: np.sum(primitive(lambda x, o: x)(x, object())))(X)
    with pytest.raises(TypeError, match="primitive takes a function"):
        primitive(3)
    with pytest.raises(TypeError, match="take a primitive, not <ufunc"):
        defvjp(np.sin, lambda ans, x: lambda g: g)
    linear = primitive(lambda x: np.cumsum(x))
    defjvp(linear, "same")
    with pytest.raises(TracingError, match="forward rule 'same' for x, which is opaque and has no transpose"):
        grad(lambda x: np.sum(linear(x)))(X)


MODULE = """\
import numpy as np

from tapeless import defvjp, primitive


def cumulate(x):
    return np.cumsum(x)


running = primitive(cumulate, like=lambda x: x)
defvjp(running, lambda ans, x: lambda g: np.cumsum(g[::-1])[::-1])


@primitive
def halved(x):
    return x / 2


defvjp(halved, lambda ans, x: lambda g: g / 2)


def loss(x):
    return np.sum(running(x) ** 2)


def both(x):
    return np.sum(running(x) * halved(x))
"""


def test_a_module_imports_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "opaque_model.py").write_text(MODULE)
    model = importlib.import_module("opaque_model")
    try:
        text = grad(model.both).module(X)
        assert "from opaque_model import cumulate\n" in text
        assert "from opaque_model import halved\n" in text
        assert "needs only numpy and opaque_model." in text
        space = {}
        exec(text, space)
        np.testing.assert_allclose(space["both_grad"](X), grad(model.both)(X))
        words = ["opaque_model:loss", "--args", "f64[3]", "-o", "made.py"]
        subprocess.run([sys.executable, "-m", "tapeless", "compile", *words], cwd=tmp_path, check=True)
        (tmp_path / "use.py").write_text("import made, numpy as np\nprint(made.loss_grad(np.ones(3)))\n")
        done = subprocess.run([sys.executable, "use.py"], cwd=tmp_path, check=True, capture_output=True, text=True)
        assert done.stdout.split() == ["[12.", "10.", "6.]"]
    finally:
        sys.modules.pop("opaque_model", None)
    with pytest.raises(ValueError, match="cannot be imported by it: define <lambda> at the top level"):
        grad(lambda x: np.sum(exponential(x))).module(X)
