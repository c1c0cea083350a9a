"""The public functions as they are called: decorators, argnums, has_aux, vjp, check_grads, stop_gradient, stages."""

import copy
import pickle
import subprocess
import sys
import traceback
from functools import partial

import numpy as np
import pytest

import tapeless
from tapeless import GradientError, TracingError, check_grads, grad, stop_gradient, value_and_grad, vjp

X = np.array([0.5, -1.2, 2.0])
Y = np.array([1.0, 2.0, 3.0])


def product(x, y):
    return (x * y**2).sum()


@grad
def decorated(x):
    return (x**3).sum()


undecorated = grad(product)


# ------------------------------------------------------------------------------------------------------ decorators


def test_three_ways_to_write_it():
    @grad
    def one(x):
        return (x**2).sum()

    @grad(argnums=1)
    def two(x, y):
        return (x * y**2).sum()

    np.testing.assert_allclose(one(X), 2 * X)
    np.testing.assert_allclose(two(X, Y), 2 * X * Y)
    np.testing.assert_allclose(grad(product)(X, Y), Y**2)
    np.testing.assert_allclose(value_and_grad()(product)(X, Y)[1], Y**2)


def test_the_decorated_function_keeps_its_name_and_docstring():
    @grad
    def f(x):
        """What it does."""
        return x.sum()

    assert (f.__name__, f.__doc__, f.__wrapped__(X)) == ("f", "What it does.", X.sum())


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, Y**2),
        (1, 2 * X * Y),
        (-1, 2 * X * Y),
        (-2, Y**2),
        ("x", Y**2),
        ("y", 2 * X * Y),
        ((0,), (Y**2,)),
        ((1, 0), (2 * X * Y, Y**2)),
        ([0, 1], (Y**2, 2 * X * Y)),
        (("y", 0), (2 * X * Y, Y**2)),
        ((0, 0), (Y**2, Y**2)),
    ],
)
def test_argnums(argnums, expected):
    for found in (grad(product, argnums)(X, Y), grad(product, argnum=argnums)(X, Y), grad(product, argnums)(y=Y, x=X)):
        assert type(found) is type(expected)
        np.testing.assert_allclose(found, expected)


def test_the_same_argument_twice_gives_two_arrays():
    a, b = grad(product, (0, 0))(X, Y)
    assert not np.shares_memory(a, b)


@pytest.mark.parametrize("argnums", [2, -3, "z", (0, 5)])
def test_argnums_that_do_not_exist(argnums):
    with pytest.raises(GradientError, match=r"(?s)Try: argnums="):
        grad(product, argnums)(X, Y)


@pytest.mark.parametrize("argnums", [1.0, None, True, (0, None)])
def test_argnums_of_a_wrong_kind(argnums):
    with pytest.raises(TypeError, match="argnums"):
        grad(product, argnums)


def test_keyword_only_and_collected_arguments():
    def f(x, *rest, scale, **named):
        return (x * scale).sum() + sum((r**2).sum() for r in rest) + (named["b"] ** 3).sum()

    np.testing.assert_allclose(grad(f, "scale")(X, X, scale=Y, b=Y), X)
    np.testing.assert_allclose(grad(f, 2)(X, X, Y, scale=Y, b=Y), 2 * Y)
    np.testing.assert_allclose(grad(f, -1)(X, X, Y, b=Y, scale=Y), 2 * Y)
    np.testing.assert_allclose(grad(f, "b")(X, X, scale=Y, b=Y), 3 * Y**2)
    found = grad(f, "rest")(X, X, Y, scale=Y, b=Y)
    assert isinstance(found, tuple)
    np.testing.assert_allclose(found, (2 * X, 2 * Y))
    np.testing.assert_allclose(grad(f, "named")(X, scale=Y, b=Y)["b"], 3 * Y**2)


def test_positional_only_and_defaults():
    def f(x, /, y=2.0, *, z=3.0):
        return (x * y).sum() * z

    np.testing.assert_allclose(grad(f)(X), 6 * np.ones(3))
    np.testing.assert_allclose(grad(f)(X, z=1.0), 2 * np.ones(3))
    assert grad(f, "z")(X) == pytest.approx(2 * X.sum())
    assert type(grad(f, "y")(X)) is float


def test_wrong_calls_are_pythons_own_errors():
    for call in (lambda: undecorated(X), lambda: undecorated(X, Y, Y), lambda: undecorated(X, Y, z=1)):
        with pytest.raises(TypeError, match="argument"):
            call()
    with pytest.raises(TypeError, match="grad takes a function"):
        grad(3)


# ------------------------------------------------------------------------------------------------ kinds of callables


class Model:
    def __init__(self, k):
        self.k = k

    @grad
    def slope(self, x):
        return (self.k * x**2).sum()

    @value_and_grad(argnums=1)
    def second(self, x, y):
        return (self.k * x * y).sum()

    @staticmethod
    @grad
    def static(x):
        return (x**2).sum()

    def __call__(self, x):
        return (self.k * x).sum()


def test_methods():
    a, b = Model(2.0), Model(3.0)
    np.testing.assert_allclose(a.slope(X), 4 * X)
    np.testing.assert_allclose(b.slope(X), 6 * X)
    a.k = 10.0
    np.testing.assert_allclose(a.slope(X), 20 * X)
    np.testing.assert_allclose(b.second(X, Y)[1], 3 * X)
    np.testing.assert_allclose(Model.static(X), 2 * X)
    np.testing.assert_allclose(a.static(X), 2 * X)
    a.slope(X)
    assert a.slope.cache_info().misses == 2
    assert "def slope_grad" in a.slope.source


def test_callables_that_are_no_functions():
    model = Model(2.0)
    np.testing.assert_allclose(grad(model)(X), [2, 2, 2])
    model.k = 3.0
    np.testing.assert_allclose(grad(model)(X), [3, 3, 3])
    np.testing.assert_allclose(grad(partial(product, y=Y))(X), Y**2)
    np.testing.assert_allclose(grad(partial(product, X))(Y), 2 * X * Y)
    np.testing.assert_allclose(grad(lambda x: x @ x)(X), 2 * X)
    np.testing.assert_allclose(grad(np.sum)(X), np.ones(3))


def test_recursion_generators_and_inner_functions():
    def power(x, n):
        return x if n == 0 else power(x * x + x, n - 1)

    def f(x):
        def parts():
            for t in x:
                yield power(t, 2)

        return sum(parts())

    check_grads(f, (X,))


# ---------------------------------------------------------------------------------------------------------- has_aux


def test_has_aux():
    def f(x, y):
        out = x * y
        return out.sum(), {"out": out, "n": 3, "name": "a", "parts": [x, (y,)]}

    g, aux = grad(f, has_aux=True)(X, Y)
    np.testing.assert_allclose(g, Y)
    np.testing.assert_allclose(aux["out"], X * Y)
    np.testing.assert_allclose(aux["parts"][1][0], Y)
    assert (aux["n"], aux["name"], list(aux)) == (3, "a", ["out", "n", "name", "parts"])
    (value, aux), g = value_and_grad(f, has_aux=True)(X, Y)
    assert value == (X * Y).sum()
    np.testing.assert_allclose(aux["out"], X * Y)


def test_aux_that_changes_between_calls():
    def f(x):
        return x.sum(), x[0] > 0

    g = grad(f, has_aux=True)
    assert bool(g(X)[1]) is True
    assert bool(g(-X)[1]) is False


def test_a_pair_is_needed_for_has_aux():
    with pytest.raises(GradientError, match=r"pair \(value, aux\)"):
        grad(lambda x: x.sum(), has_aux=True)(X)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x, r"shape \(3,\)(?s:.*)Try: return out.sum\(\)"),
        (lambda x: (x.sum(), x), r"tuple(?s:.*)Try: has_aux=True"),
        (lambda x: [x.sum()], "list"),
        (lambda x: None, "None|nothing"),
        (lambda x: x.sum() * 1j, "complex"),
        (lambda x: "a", "one number"),
    ],
)
def test_outputs_that_have_no_gradient(f, message):
    with pytest.raises(GradientError, match=message):
        grad(f)(X)


def test_an_output_of_size_one_is_fine():
    for f in (lambda x: x.sum(keepdims=True), lambda x: (x @ x).reshape(1, 1), lambda x: x[:1] * 2):
        value, g = value_and_grad(f)(X)
        assert np.shape(value) == ()
        assert g.shape == (3,)


# ------------------------------------------------------------------------------------------------------- vjp & checks


def test_vjp_of_an_array():
    out, pull = vjp(lambda x, y: x * y**2, X, Y)
    np.testing.assert_allclose(out, X * Y**2)
    for v in (np.ones(3), X):
        dx, dy = pull(v)
        np.testing.assert_allclose(dx, v * Y**2)
        np.testing.assert_allclose(dy, v * 2 * X * Y)


def test_a_pullback_keeps_what_it_needs():
    x, y = X.copy(), Y.copy()
    out, pull = vjp(lambda x, y: x * y, x, y)
    x[:], y[:] = 0, 0
    out[:] = 0
    first = pull(np.ones(3))
    np.testing.assert_allclose(first, (Y, X))
    first[0][:] = 99
    np.testing.assert_allclose(pull(np.ones(3)), (Y, X))


def test_pullbacks_of_one_function_are_independent():
    def f(x):
        return x**2

    pulls = [vjp(f, X * k)[1] for k in (1, 2, 3)]
    for k, pull in zip((1, 2, 3), pulls, strict=True):
        np.testing.assert_allclose(pull(np.ones(3))[0], 2 * k * X)


def test_vjp_with_structures():
    def f(p, n):
        return {"a": p["w"] * n, "b": [p["w"].sum(), p["b"]]}

    out, pull = vjp(f, {"w": X, "b": 2.0}, Y)
    assert list(out) == ["a", "b"]
    dp, dn = pull({"a": np.ones(3), "b": [1.0, 5.0]})
    np.testing.assert_allclose(dp["w"], Y + 1)
    assert dp["b"] == 5.0
    np.testing.assert_allclose(dn, X)


@pytest.mark.parametrize("cotangent", [np.ones(4), np.ones((3, 1)), 1.0, [np.ones(3), np.ones(3)]])
def test_cotangents_that_do_not_fit(cotangent):
    _, pull = vjp(lambda x: x * 2, X)
    with pytest.raises(GradientError, match=r"(?s)cotangent.*Try: "):
        pull(cotangent)


def test_cotangents_are_matched_by_key():
    def f(x):
        return {"a": x, "b": x * 2, "n": 3}

    _, pull = vjp(f, X)
    np.testing.assert_allclose(pull({"b": X, "a": X * 10, "n": None})[0], 12 * X)
    for wrong in ({"a": X, "b": X}, {"a": X, "c": X, "n": 3}, [X, X, 3], X):
        with pytest.raises(GradientError, match=r"(?s)cotangent.*Try: "):
            pull(wrong)

    def g(x):
        return (vjp(f, x)[1]({"b": x, "a": x * 10, "n": 3})[0] ** 2).sum()

    np.testing.assert_allclose(grad(g)(X), 288 * X)


def test_cotangents_inside_are_not_broadcast():
    with pytest.raises(GradientError, match=r"(?s)cotangent has shape.*Try: "):
        grad(lambda x: vjp(lambda y: y * 2, x)[1](1.0)[0].sum())(X)


def test_check_grads_passes_and_fails_with_a_report():
    check_grads(product, (X, Y), order=2)
    with pytest.raises(AssertionError) as caught:
        check_grads(lambda x: (x * stop_gradient(x)).sum(), (X,))
    report = str(caught.value)
    for part in ("worst element: args[0][", "analytic: ", "numeric:  ", "relative error: 0.5", "dx = "):
        assert part in report


def test_check_grads_catches_an_error_of_a_thousandth():
    with pytest.raises(AssertionError):
        check_grads(lambda x: (x**2).sum() * 0.999 + 0.001 * (stop_gradient(x) ** 2).sum(), (X,))


def test_check_grads_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="mode"):
        check_grads(product, (X, Y), modes=["sideways"])
    with pytest.raises(ValueError, match="order"):
        check_grads(product, (X, Y), order=0)


def test_stop_gradient():
    np.testing.assert_allclose(grad(lambda x: (stop_gradient(x) * x).sum())(X), X)
    np.testing.assert_allclose(grad(lambda x: stop_gradient(x).sum())(X), np.zeros(3))
    assert stop_gradient(3.0) == 3.0
    np.testing.assert_allclose(grad(lambda p: stop_gradient(p)[0] * p[1])((2.0, 3.0)), (0.0, 2.0))


# ------------------------------------------------------------------------------------------------------------ stages


def test_source_is_what_ran():
    g = grad(product)
    with pytest.raises(TracingError, match=r"(?s)no source yet.*Try: call it once"):
        g.source  # noqa: B018
    found = g(X, Y)
    text = g.source
    space = {"np": np}
    exec(text, space)
    np.testing.assert_array_equal(space["product_grad"](X, Y), found)
    g(X.astype(np.float32), Y)
    assert "float32" in g.source
    g(X, Y)
    assert g.source == text


def test_stages_as_text():
    g = grad(product)
    assert "f64[3]" in g.trace(X, Y)
    stages = g.lower(X, Y)
    assert stages.source == g.lower(X, Y).as_text("source")
    assert all(f"---- {name}" in stages.as_text() for name in ("trace", "adjoint", "optimized", "source"))
    with pytest.raises(ValueError, match="the stages are"):
        stages.as_text("nothing")
    np.testing.assert_allclose(g.compile(X, Y)(X, Y), Y**2)
    assert "misses=1" in str(g.cache_info())


def test_a_traceback_shows_the_generated_line():
    f = grad(lambda x: np.log(x).sum())
    f(X * X)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError) as caught:
        f(np.zeros(3))
    lines = [frame.line for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert any(line in f.source for line in lines[-1:])
    assert lines[-1].startswith("dx = ")


def test_pickle_and_deepcopy():
    for g, expected in ((undecorated, Y**2), (decorated, None)):
        for again in (pickle.loads(pickle.dumps(g)), copy.deepcopy(g), copy.copy(g)):
            args = (X, Y) if expected is not None else (X,)
            np.testing.assert_allclose(again(*args), g(*args))


def test_the_text_does_not_depend_on_the_hash_seed():
    program = (
        "import numpy as np, tapeless\n"
        "def f(p, s={'a', 'b'}):\n"
        "    return sum((p[k] ** 2 * p['w']).sum() for k in ('u', 'v', 'w')) + len(s)\n"
        "g = tapeless.grad(f)\n"
        "g({k: np.ones(3) for k in 'uvw'})\n"
        "print(g.source)\n"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(texts) == 1


# ------------------------------------------------------------------------------------------------------------ nesting


def test_third_order():
    def f(x):
        return x**4 + np.sin(x)

    third = grad(grad(grad(f)))
    for x in (0.3, -1.2):
        assert third(x) == pytest.approx(24 * x - np.cos(x))
        assert type(third(x)) is float


def test_perturbations_are_not_confused():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(3.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(1.0))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(3.0) == pytest.approx(12.0)


def test_gradients_of_closures_over_outer_values():
    def f(x):
        inner = grad(lambda y: (y**2 * x).sum())
        return (inner(x) ** 2).sum()

    check_grads(f, (X,))


def test_a_branch_on_an_inner_gradient():
    g = grad(lambda x: x * x if grad(lambda y: y**2)(x) > 0 else x * 5)
    assert [g(2.0), g(-1.0), g(3.0)] == [4.0, 5.0, 6.0]


def test_what_stands_beside_an_inner_gradient():
    def f(x):
        d = grad(lambda y: (y**3).sum())(x)
        return x.sum() * 2, d * x

    found, aux = grad(f, has_aux=True)(X)
    np.testing.assert_allclose(found, [2, 2, 2])
    np.testing.assert_allclose(aux, 3 * X**3)


def test_vjp_and_value_and_grad_within():
    def f(x):
        value, g = value_and_grad(lambda y: (y**3).sum())(x)
        out, pull = vjp(lambda y: y * x, x)
        return value + (g * pull(out)[0]).sum()

    check_grads(f, (X,), order=2)


def test_a_pullback_from_outside_within():
    _, pull = vjp(lambda y: y**2, Y)
    try:
        found = grad(lambda x: (pull(x)[0] ** 2).sum())(X)
    except tapeless.TapelessError as error:
        assert "Try:" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(found, 8 * Y**2 * X)


def test_a_gradient_descends_inside():
    step = grad(lambda w, a: ((w - a) ** 2).sum())

    def after_three(a):
        w = np.zeros(3)
        for _ in range(3):
            w = w - 0.1 * step(w, a)
        return (w**2).sum()

    check_grads(after_three, (X,))
