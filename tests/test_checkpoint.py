"""checkpoint: the values and gradients of the function itself, in less memory, as functions of the generated text."""

import inspect
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from checkpoint_programs import (
    PROGRAMS,
    B,
    W,
    X,
    around_infinite_slopes,
    around_scan,
    captured,
    decided,
    in_scan,
    nested,
    numbers_and_words,
    own_writes,
)

from tapeless import (
    TracingError,
    UnsupportedError,
    check_grads,
    checkpoint,
    grad,
    scan,
    value_and_grad,
    vjp,
)
from tapeless.ir.builder import Builder
from tapeless.ir.check import check
from tapeless.ir.forward import forward
from tapeless.ir.interp import evaluate
from tapeless.ir.ops.loops import inline
from tapeless.ir.passes import optimize
from tapeless.ir.text import parse_program

R = np.random.default_rng(5)


def itself(f):
    return f


def leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, list | tuple) else [value]


def assert_same(found, wanted):
    for a, b in zip(leaves(found), leaves(wanted), strict=True):
        assert (type(a), np.shape(a), np.result_type(a)) == (type(b), np.shape(b), np.result_type(b))
        rounding = np.finfo(np.result_type(b)).eps
        np.testing.assert_allclose(a, b, rtol=max(1e-12, 4 * rounding), atol=1e-13)


@pytest.mark.parametrize("program", PROGRAMS)
def test_value_and_gradient_are_those_of_the_function_itself(program):
    f, args = program(checkpoint)
    plain, _ = program(itself)
    argnums = tuple(range(len(args)))
    with np.errstate(all="ignore"):
        value, gradient = value_and_grad(f, argnums=argnums)(*args)
        expected, wanted = plain(*args), grad(plain, argnums=argnums)(*args)
        assert f(*args) == expected  # without a trace it is the function
    assert value == pytest.approx(expected, rel=1e-15)
    assert_same(gradient, wanted)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_gradient_of_a_gradient_is_that_of_the_function_itself(program):
    def second(mark):
        f, args = program(mark)
        direction = np.cos(np.arange(sum(map(np.size, leaves(args)))))

        def along(*args):
            found = leaves(list(grad(f, argnums=tuple(range(len(args))))(*args)))
            return np.sum(np.concatenate([np.ravel(g) for g in found]) * direction)

        with np.errstate(all="ignore"):
            return grad(along, argnums=tuple(range(len(args))))(*args)

    for a, b in zip(leaves(second(checkpoint)), leaves(second(itself)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p is not around_infinite_slopes])
def test_second_order(program):
    f, args = program(checkpoint)
    check_grads(f, args, order=2)


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_hold_together(program):
    f, args = program(checkpoint)
    compiled = value_and_grad(f)
    stages = compiled.lower(*args)
    for one in (stages.trace, stages.adjoint, stages.optimized):
        check(one)
        assert str(check(parse_program(str(one)))) == str(one)
    with np.errstate(all="ignore"):
        outputs = evaluate(stages.optimized, leaves(args), stages.captured)
        for found, expected in zip(leaves(compiled(*args)), outputs, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("program", [nested, in_scan, around_scan, own_writes, captured, numbers_and_words])
def test_forward_mode(program):
    f, args = program(checkpoint)
    trace = value_and_grad(f).lower(*args).trace
    rng = np.random.default_rng(0)
    tangents = [rng.normal(size=np.shape(x)) for x in args]
    builder = Builder()
    primals = [builder.input(v.type, v.name) for v in trace.inputs]
    captures = [builder.capture(v.type, v.name) for v in trace.captures]
    moving = [builder.input(v.type, f"{v.name}_dot") for v in trace.inputs]
    closed = replace(trace, inputs=(*trace.inputs, *trace.captures), captures=())
    whole = inline(builder, closed, [*primals, *captures])
    (found,) = forward(builder, whole, primals, moving)
    jvp = check(optimize(builder.program("jvp", [found])))
    arrays = value_and_grad(f).lower(*args).captured
    wanted = grad(lambda t: f(*(x + t * dx for x, dx in zip(args, tangents, strict=True))))(0.0)
    assert evaluate(jvp, [*args, *tangents], arrays)[0] == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize(
    "x",
    [
        R.normal(size=4).astype(np.float32),
        np.array([0.1, -0.2, 0.5], np.float16),
        R.normal(size=3) + 1j * R.normal(size=3),
        np.asfortranarray(R.normal(size=(3, 4))),
        np.zeros((0, 3)),
        np.array([0.3]),
        np.array(0.3),
        np.float64(0.3),
        0.3,
    ],
    ids=["f32", "f16", "complex", "fortran", "empty", "one", "cell", "scalar", "float"],
)
def test_dtypes_and_shapes(x):
    def results(mark):
        f = mark(lambda x: (x * np.exp(x), x))
        g = grad(lambda x: np.sum(np.abs(f(f(x)[0])[0] * f(x)[1]) ** 2))
        return g(x)

    assert_same(results(checkpoint), results(itself))


def test_pullback():
    f = checkpoint(lambda x, w: np.tanh(w @ x) * x)
    out, pullback = vjp(f, X, W)
    plain, expected = vjp(f.__wrapped__, X, W)
    np.testing.assert_array_equal(out, plain)
    for g in (B, X):
        assert_same(pullback(g), expected(g))


def test_name_docstring_and_signature_stay():
    @checkpoint
    def block(x, *, rate=2.0):
        """Says what it is."""
        return x * rate

    assert (block.__name__, block.__doc__, str(inspect.signature(block))) == (
        "block", "Says what it is.", "(x, *, rate=2.0)",
    )  # fmt: skip
    assert block(3.0) == 6.0


class Model:
    def __init__(self, rate):
        self.rate = rate

    @checkpoint
    def step(self, x):
        return np.sin(x * self.rate)


def test_methods_and_what_they_read():
    model = Model(2.0)
    slope = grad(lambda x: np.sum(model.step(model.step(x))))
    for rate in (2.0, 3.0):
        model.rate = rate
        inner = np.sin(X * rate)
        np.testing.assert_allclose(slope(X), rate**2 * np.cos(inner * rate) * np.cos(X * rate))


def test_a_branch_is_guarded_around_the_call():
    f, _ = decided(checkpoint)
    plain, _ = decided(itself)
    g, h = grad(f), grad(plain)
    for x in (X, -X, np.ones(5), -np.ones(5), X):
        assert_same(g(x), h(x))


# ------------------------------------------------------------------------------------------------------ the text


def chain(n):
    @checkpoint
    def layer(x, w):
        return np.tanh(x * w)

    @checkpoint
    def block(x):
        for i in range(n):
            x = layer(x, 0.1 * i)
        return x

    def f(x):
        layer_adjoint = x * 2  # a name that the text needs for something else
        for _ in range(n):
            x = block(x)
        return np.sum(x * layer_adjoint)

    return f


def test_equal_functions_are_written_once():
    text = grad(chain(30)).lower(X).source
    assert [line for line in text.splitlines() if line.startswith("def ")] == [
        "def layer(x, w):",
        "def layer_adjoint(x, w, dy):",
        "def block(x):",
        "def block_adjoint(x, dx):",
        "def f_grad(x):",
    ]
    assert text == grad(chain(30)).lower(X).source
    assert_same(grad(chain(3))(X), grad(lambda x: chain(3)(x) * 1.0)(X))


def test_functions_that_differ_have_names_that_differ():
    def scaled(k):
        @checkpoint
        def layer(x):
            return np.sin(x) * x if k else np.cos(x)

        return layer

    def f(x, layer):
        return np.sum(scaled(True)(scaled(False)(x))) * layer

    g = grad(f)
    np.testing.assert_allclose(g(X, 2.0), grad(lambda x, k: np.sum(np.sin(np.cos(x)) * np.cos(x)) * k)(X, 2.0))
    names = [line.split("(")[0] for line in g.source.splitlines() if line.startswith("def ")]
    assert len(names) == len(set(names)) == 4
    assert "def layer" not in names  # the parameter would hide it


def test_module_stands_alone():
    f, args = around_scan(checkpoint)
    g = grad(f)
    namespace = {}
    exec(g.module(*args), namespace)
    np.testing.assert_array_equal(namespace["f_grad"](*args), g(*args))


def test_arguments_are_not_written():
    f, args = nested(checkpoint)
    x = args[0].copy()
    x.flags.writeable = False
    _, pullback = vjp(lambda x: f(x) * x, x)
    cotangent = np.ones(5)
    cotangent.flags.writeable = False
    assert_same(pullback(cotangent), pullback(cotangent))


# ------------------------------------------------------------------------------------------------------ memory


def peak(f, *args):
    """The most memory that a call holds, in arrays of the first argument's size."""
    f(*args)
    tracemalloc.start()
    try:
        f(*args)
        return tracemalloc.get_traced_memory()[1] / args[0].nbytes
    finally:
        tracemalloc.stop()


def test_a_chain_keeps_the_square_root_of_its_steps():
    def steps(x):
        for _ in range(8):
            x = np.sin(x) * 1.01
        return x

    def loss(block):
        def f(x):
            for _ in range(8):
                x = block(x)
            return np.sum(x**2)

        return grad(f)

    x = np.linspace(0, 1, 100_000)
    stored, recomputed = peak(loss(steps), x), peak(loss(checkpoint(steps)), x)
    assert stored > 60
    assert recomputed < 8 + 8 + 6  # the inputs of 8 blocks, the 8 steps of one, and a few on the way
    np.testing.assert_allclose(loss(steps)(x), loss(checkpoint(steps))(x))


def test_a_loop_in_segments_keeps_the_square_root_of_its_rounds():
    def loss(every):
        return grad(lambda x, xs: np.sum(scan(lambda c, a: (np.sin(c) * a, None), x, xs, checkpoint=every)[0]))

    x, xs = np.linspace(0, 1, 100_000), np.linspace(0.9, 1, 64)
    assert peak(loss(False), x, xs) > 64
    assert peak(loss(True), x, xs) < 8 + 8 + 8
    assert_same(loss(True)(x, xs), loss(False)(x, xs))


@pytest.mark.parametrize("every", [True, 1, 3, 4, np.int64(5), 20])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 16])
def test_segments_of_a_loop(n, reverse, every):
    def body(carry, x):
        c = np.tanh(carry["c"]) * x["a"] + carry["d"] * 0.1
        return {"c": c, "d": np.sin(carry["c"])}, (np.sum(c), None)

    def loss(every):
        def f(x, xs):
            carry, (y, _) = scan(body, {"c": x, "d": x * 2}, {"a": xs}, reverse=reverse, checkpoint=every)
            return np.sum(carry["c"] * carry["d"]) + np.sum(y * np.arange(n))

        return f

    xs = np.linspace(0.5, 1, n)
    value, gradient = value_and_grad(loss(every), argnums=(0, 1))(X, xs)
    if n:
        assert value == pytest.approx(loss(every)(X, xs), rel=1e-14)
    assert_same(gradient, grad(loss(False), argnums=(0, 1))(X, xs))


def test_segments_by_length():
    def f(x, every):
        return np.sum(scan(lambda c, _: (np.sin(c), c), x, length=5, checkpoint=every)[1])

    assert_same(grad(f)(X, 2), grad(f)(X, 0))


# ------------------------------------------------------------------------------------------------------ refusals


def writes_into_argument(x):
    x[0] = 2.0
    return x * x


def changes_a_container(p):
    p["y"] = p["x"] * 2
    return p["x"]


def writes_outside(x):
    out = x * 0

    @checkpoint
    def f(x):
        out[0] = x[1]
        return x

    return np.sum(f(x)) + np.sum(out)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: np.sum(checkpoint(writes_into_argument)(x * 1)), "writes into its argument x"),
        (lambda x: np.sum(checkpoint(changes_a_container)({"x": x})), "writes into its argument p"),
        (writes_outside, "a checkpointed function writes into an array from outside of it"),
        (lambda x: np.sum(checkpoint(lambda x: x * np.random.rand(5))(x)), "drew random numbers"),
        (
            lambda x: np.sum(scan(lambda c, _: (checkpoint(lambda c: c if c[0] > 0 else -c)(c), None), x, length=2)[0]),
            "recorded once for all rounds",
        ),
    ],
    ids=["argument", "container", "outside", "draw", "branch in a loop"],
)
def test_refused(f, message):
    with pytest.raises((TracingError, UnsupportedError), match=message):
        grad(f)(X)


def test_a_leaked_value_is_noticed():
    kept = []

    @checkpoint
    def f(x):
        kept.append(np.sin(x))
        return x * 2

    with pytest.raises(TracingError, match="after the call that it belongs to has ended"):
        grad(lambda x: np.sum(f(x) * kept[0]))(X)


def test_only_functions_are_checkpointed():
    with pytest.raises(TypeError, match="checkpoint takes a function"):
        checkpoint(3)
    with pytest.raises(ValueError, match="a number of rounds"):
        scan(lambda c, x: (c, None), 1.0, X, checkpoint=-1)
