"""What a function reads from around it: a change between calls is seen."""

from collections import namedtuple
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import tapeless
from tapeless import grad

X = np.array([0.5, -1.2, 2.0])

SCALE = 2.0
TABLE = np.array([1.0, 2.0, 3.0])
WEIGHTS = [1.0, 2.0, 3.0]
NESTED = {"a": [1.0, [2.0]], "b": {"c": 3.0}}
POWER = 2


class Config:
    factor = 2.0


def helper(x):
    return x * SCALE


def same_name():
    """A function of another module with a global of the same name and value."""
    space = {"np": np, "SCALE": 2.0}
    exec("def other(x):\n    return x * SCALE", space)
    return space


def test_a_global_number_is_seen(monkeypatch):
    g = grad(lambda x: (x**2).sum() * SCALE)
    np.testing.assert_allclose(g(X), 4 * X)
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    np.testing.assert_allclose(g(X), 10 * X)


def test_a_global_read_by_a_helper_is_seen(monkeypatch):
    g = grad(lambda x: helper(x).sum())
    np.testing.assert_allclose(g(X), [2, 2, 2])
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    np.testing.assert_allclose(g(X), [3, 3, 3])


def test_two_modules_may_have_a_global_of_the_same_name_and_value(monkeypatch):
    space = same_name()
    other = space["other"]

    def f(x):
        return (helper(x) + other(x)).sum()

    g = grad(f)
    np.testing.assert_allclose(g(X), [4, 4, 4])
    monkeypatch.setitem(globals(), "SCALE", 10.0)
    np.testing.assert_allclose(g(X), [12, 12, 12])
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    space["SCALE"] = 7.0
    np.testing.assert_allclose(g(X), [9, 9, 9])


def test_a_global_array_changed_in_place_or_rebound(monkeypatch):
    g = grad(lambda x: (x * TABLE).sum())
    monkeypatch.setitem(globals(), "TABLE", np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(g(X), [1, 2, 3])
    TABLE[0] = 9.0
    np.testing.assert_allclose(g(X), [9, 2, 3])
    monkeypatch.setitem(globals(), "TABLE", np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(g(X), [0, 0, 1])


def test_an_element_of_a_global_array_is_not_frozen(monkeypatch):
    monkeypatch.setitem(globals(), "TABLE", np.array([1.0, 2.0, 3.0]))
    g = grad(lambda x: x.sum() * TABLE[0])
    np.testing.assert_allclose(g(X), [1, 1, 1])
    TABLE[0] = 4.0
    np.testing.assert_allclose(g(X), [4, 4, 4])


def test_a_list_that_grows(monkeypatch):
    monkeypatch.setitem(globals(), "WEIGHTS", [1.0, 2.0])

    def f(x):
        return sum(w * x[0] for w in WEIGHTS)

    g = grad(f)
    np.testing.assert_allclose(g(X), [3, 0, 0])
    WEIGHTS.append(4.0)
    np.testing.assert_allclose(g(X), [7, 0, 0])
    WEIGHTS[0] = 0.0
    np.testing.assert_allclose(g(X), [6, 0, 0])
    WEIGHTS.clear()
    with pytest.raises(tapeless.GradientError):  # sum() of nothing is the int 0
        g(X)


def test_a_long_list():
    many = [1.0] * 5000

    def f(x):
        return x.sum() * np.array(many).sum()

    g = grad(f)
    np.testing.assert_allclose(g(X), [5000] * 3)
    many[4321] = 2.0
    np.testing.assert_allclose(g(X), [5001] * 3)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda: NESTED["a"][1].__setitem__(0, 5.0), 9.0),
        (lambda: NESTED["b"].__setitem__("c", 5.0), 8.0),
        (lambda: NESTED["a"].append([0.0]), 6.0),
    ],
)
def test_deep_containers(monkeypatch, change, expected):
    monkeypatch.setitem(globals(), "NESTED", {"a": [1.0, [2.0]], "b": {"c": 3.0}})
    g = grad(lambda x: x[0] * (NESTED["a"][0] + NESTED["a"][1][0] + NESTED["b"]["c"]))
    np.testing.assert_allclose(g(X), [6, 0, 0])
    change()
    np.testing.assert_allclose(g(X), [expected, 0, 0])


def test_a_dict_gets_a_key():
    options = {"a": 1.0}
    g = grad(lambda x: x.sum() * sum(options.values()))
    np.testing.assert_allclose(g(X), [1, 1, 1])
    options["b"] = 2.0
    np.testing.assert_allclose(g(X), [3, 3, 3])


def test_a_set():
    chosen = {0}
    g = grad(lambda x: sum(x[i] for i in chosen))
    np.testing.assert_allclose(g(X), [1, 0, 0])
    chosen.add(2)
    np.testing.assert_allclose(g(X), [1, 0, 1])


def test_a_class_attribute(monkeypatch):
    g = grad(lambda x: x.sum() * Config.factor)
    np.testing.assert_allclose(g(X), [2, 2, 2])
    monkeypatch.setattr(Config, "factor", 3.0)
    np.testing.assert_allclose(g(X), [3, 3, 3])


def test_a_namespace():
    config = SimpleNamespace(inner=SimpleNamespace(k=2.0))
    g = grad(lambda x: x.sum() * config.inner.k)
    np.testing.assert_allclose(g(X), [2, 2, 2])
    config.inner.k = 3.0
    np.testing.assert_allclose(g(X), [3, 3, 3])
    config.inner = SimpleNamespace(k=4.0)
    np.testing.assert_allclose(g(X), [4, 4, 4])


class Layer:
    __slots__ = ("scale", "w")

    def __init__(self, w, scale=1.0):
        self.w = w
        self.scale = scale

    def __call__(self, x):
        return x * self.w * self.scale


class Model:
    bias = 0.0

    def __init__(self, *layers):
        self.layers = list(layers)
        self.steps = 0

    @property
    def gain(self):
        return self._gain if hasattr(self, "_gain") else 1.0

    def value(self, x):
        for layer in self.layers:
            x = layer(x)
        return (x * self.gain).sum() + self.bias * x[0]


def test_attributes_of_objects_in_a_list():
    model = Model(Layer(np.array([1.0, 2.0, 3.0])), Layer(2.0))
    g = grad(model.value)
    np.testing.assert_allclose(g(X), [2, 4, 6])
    model.layers[1].scale = 3.0
    np.testing.assert_allclose(g(X), [6, 12, 18])
    model.layers[0].w = np.array([1.0, 1.0, 1.0])
    np.testing.assert_allclose(g(X), [6, 6, 6])
    model.layers[0].w[0] = 2.0
    np.testing.assert_allclose(g(X), [12, 6, 6])
    model.layers.append(Layer(0.5))
    np.testing.assert_allclose(g(X), [6, 3, 3])


def test_attributes_behind_a_property_and_on_the_class():
    model = Model(Layer(1.0))
    g = grad(model.value)
    np.testing.assert_allclose(g(X), [1, 1, 1])
    model._gain = 5.0
    np.testing.assert_allclose(g(X), [5, 5, 5])
    Model.bias = 1.0
    try:
        np.testing.assert_allclose(g(X), [6, 5, 5])
        model.bias = 2.0  # hides the attribute of the class
        np.testing.assert_allclose(g(X), [7, 5, 5])
    finally:
        Model.bias = 0.0


def test_an_attribute_that_the_code_does_not_name_costs_no_trace():
    model = Model(Layer(1.0))
    g = grad(model.value)
    g(X)
    model.steps += 1
    model.history = [1.0]
    g(X)
    assert g.cache_info().misses == 1


def test_records_that_are_only_written_cost_no_trace():
    log, counts, last, total = [], {"n": 0}, {}, 0
    model = SimpleNamespace(calls=0, history=[], k=2.0)

    def f(x):
        nonlocal total
        total += 1
        log.append(1)
        counts["n"] += 1
        last["k"] = 3.0
        model.calls += 1
        model.history.append(1)
        return x.sum() * model.k

    g = grad(f)
    for k in range(3):
        last["k"] = float(k)
        np.testing.assert_allclose(g(X), [2, 2, 2])
    assert (g.cache_info().misses, len(log), counts["n"], total, model.calls) == (1, 1, 1, 1, 1)
    model.k = 3.0
    np.testing.assert_allclose(g(X), [3, 3, 3])


def test_records_that_are_read_count():
    log, counts, total = [], {"n": 0}, 0

    def f(x):
        nonlocal total
        total += 1
        log.append(1)
        counts["n"] += 1
        return x.sum() * (total + 10 * len(log) + 100 * counts["n"])

    g = grad(f)
    assert [g(X)[0] for _ in range(3)] == [111, 222, 333]


def test_an_append_of_the_user_s_own():
    class Chain:
        k = 1.0

        def append(self, x):
            return x * self.k

    chain = Chain()
    g = grad(lambda x: chain.append(x).sum())
    np.testing.assert_allclose(g(X), [1, 1, 1])
    chain.k = 2.0
    np.testing.assert_allclose(g(X), [2, 2, 2])


def test_an_attribute_read_by_getattr():
    config = SimpleNamespace(k=2.0)
    g = grad(lambda x, name="k": x.sum() * getattr(config, name))
    np.testing.assert_allclose(g(X), [2, 2, 2])
    config.k = 3.0
    np.testing.assert_allclose(g(X), [3, 3, 3])


def test_an_object_that_is_an_argument():
    def f(x, layer):
        return layer(x).sum()

    g = grad(f)
    layer = Layer(2.0)
    np.testing.assert_allclose(g(X, layer), [2, 2, 2])
    layer.scale = 4.0
    np.testing.assert_allclose(g(X, layer), [8, 8, 8])
    np.testing.assert_allclose(g(X, Layer(1.0)), [1, 1, 1])


def test_a_function_that_is_an_argument():
    k = 2.0

    def act(t):
        return t * k

    g = grad(lambda x, a: a(x).sum())
    np.testing.assert_allclose(g(X, act), [2, 2, 2])
    k = 3.0
    np.testing.assert_allclose(g(X, act), [3, 3, 3])
    np.testing.assert_allclose(g(X, np.negative), [-1, -1, -1])


def test_a_closure_cell_is_rebound():
    k = 2.0

    def f(x):
        return x.sum() * k

    g = grad(f)
    np.testing.assert_allclose(g(X), [2, 2, 2])
    k = -1.0
    np.testing.assert_allclose(g(X), [-1, -1, -1])
    k = TABLE[1] * 0 + 8
    np.testing.assert_allclose(g(X), [8, 8, 8])


def test_a_nonlocal_counter_counts_as_in_plain_calls():
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return x.sum() * calls

    g = grad(f)
    assert [g(X)[0] for _ in range(3)] == [1, 2, 3]


def test_a_global_array_as_a_counter():
    count = np.zeros(1)

    def f(x):
        count[0] += 1
        return x.sum() * count[0]

    g = grad(f)
    assert [g(X)[0] for _ in range(3)] == [1, 2, 3]


def test_mutable_defaults():
    def f(x, options={"k": 2.0}, *, names=["a"]):  # noqa: B006
        return x.sum() * options["k"] * len(names)

    g = grad(f)
    np.testing.assert_allclose(g(X), [2, 2, 2])
    f.__defaults__[0]["k"] = 3.0
    np.testing.assert_allclose(g(X), [3, 3, 3])
    f.__kwdefaults__["names"].append("b")
    np.testing.assert_allclose(g(X), [6, 6, 6])


def test_replaced_defaults():
    def f(x, k=2.0):
        return x.sum() * k

    g = grad(f)
    np.testing.assert_allclose(g(X), [2, 2, 2])
    f.__defaults__ = (5.0,)
    np.testing.assert_allclose(g(X), [5, 5, 5])


def test_what_a_partial_holds():
    options = {"k": 2.0}

    def f(options, x):
        return x.sum() * options["k"]

    g = grad(partial(f, options))
    np.testing.assert_allclose(g(X), [2, 2, 2])
    options["k"] = 3.0
    np.testing.assert_allclose(g(X), [3, 3, 3])


def test_a_rebound_helper(monkeypatch):
    g = grad(lambda x: helper(x).sum())
    np.testing.assert_allclose(g(X), [2, 2, 2])
    monkeypatch.setitem(globals(), "helper", lambda x: x * 7)
    np.testing.assert_allclose(g(X), [7, 7, 7])


def test_a_module_that_is_imported_inside(tmp_path, monkeypatch):
    (tmp_path / "settings_of_a_test.py").write_text("K = 2.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import settings_of_a_test

    def f(x):
        from settings_of_a_test import K

        return x.sum() * K

    def h(x):
        return x.sum() * settings_of_a_test.K

    inside, outside = grad(f), grad(h)
    np.testing.assert_allclose([inside(X), outside(X)], 2.0)
    settings_of_a_test.K = 3.0
    np.testing.assert_allclose([inside(X), outside(X)], 3.0)


class Equal:
    """All instances are equal: a cache keyed on equality would mix them up."""

    def __init__(self, k):
        self.k = k

    def __eq__(self, other):
        return isinstance(other, Equal)

    def __hash__(self):
        return 1

    def value(self, x):
        return x.sum() * self.k

    gradient = grad(value)


def test_methods_of_equal_instances():
    a, b = Equal(2.0), Equal(3.0)
    np.testing.assert_allclose(a.gradient(X), [2, 2, 2])
    np.testing.assert_allclose(b.gradient(X), [3, 3, 3])
    a.k = 5.0
    np.testing.assert_allclose(a.gradient(X), [5, 5, 5])


def test_equal_objects_as_arguments():
    g = grad(lambda x, o: x.sum() * o.k)
    np.testing.assert_allclose(g(X, Equal(2.0)), [2, 2, 2])
    np.testing.assert_allclose(g(X, Equal(3.0)), [3, 3, 3])


Pair = namedtuple("Pair", "k n")


def test_a_named_tuple_around_the_function():
    pair = Pair(2.0, 1)
    g = grad(lambda x: x.sum() * pair.k)
    np.testing.assert_allclose(g(X), [2, 2, 2])
    pair = Pair(3.0, 1)
    np.testing.assert_allclose(g(X), [3, 3, 3])


def test_explain_names_what_changed():
    k = 2.0
    g = grad(lambda x: x.sum() * k)
    g(X)
    k = 3.0
    g(X)
    assert "k has changed" in g.explain()


@pytest.mark.parametrize("called", [False, True])
def test_a_gradient_of_a_method_around_the_function(called):
    class Model:
        k = 2.0

        def loss(self, x):
            return (x**3).sum() * self.k

        __call__ = loss

    model = Model()
    inner = grad(model if called else model.loss)
    g = grad(lambda x: inner(x).sum())
    np.testing.assert_allclose(g(X), 12 * X)
    model.k = 3.0
    np.testing.assert_allclose(g(X), 18 * X)
