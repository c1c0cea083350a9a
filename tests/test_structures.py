"""Arguments of every shape, dtype and structure: the gradient has the argument's, and memory of its own."""

import warnings
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import pytest

from tapeless import GradientError, TapelessError, TracingError, check_grads, grad, value_and_grad, vjp

X = np.array([0.5, -1.2, 2.0])


def square(x):
    return (x * x).sum()


def matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.matrix([[1.0, 2.0]])


# ------------------------------------------------------------------------------------------------------- structures


Point = namedtuple("Point", "x y")


@dataclass
class Params:
    w: np.ndarray
    b: float
    name: str = "p"
    inner: list = field(default_factory=list)


@dataclass(frozen=True)
class Frozen:
    w: np.ndarray
    n: int = 2

    def __post_init__(self):
        if isinstance(self.w, list):
            raise TypeError("w must be an array")


def test_dict_list_and_tuple():
    def f(p):
        return (p["w"] * p["l"][0]).sum() + p["l"][1][0] ** 2 * p["t"][0][0]

    p = {"w": X, "l": [X, (2.0,)], "t": ((3.0, 4.0),)}
    g = grad(f)(p)
    assert list(g) == ["w", "l", "t"]
    assert type(g["l"]) is list
    assert type(g["l"][1]) is tuple
    np.testing.assert_allclose(g["w"], X)
    assert g["l"][1] == (12.0,)
    assert g["t"] == ((4.0, 0.0),)
    check_grads(f, (p,))


def test_named_tuple():
    g = grad(lambda p: (p.x**2 * p.y).sum())(Point(X, 2.0))
    assert type(g) is Point
    np.testing.assert_allclose(g.x, 4 * X)
    assert type(g.y) is float


def test_dataclasses():
    def f(p):
        return (p.w * p.b).sum() + p.inner[0] ** 2 + len(p.name)

    g = grad(f)(Params(X, 2.0, "abc", [3.0]))
    assert type(g) is Params
    np.testing.assert_allclose(g.w, [2, 2, 2])
    assert g.inner == [6.0]
    g = grad(lambda p: (p.w**p.n).sum())(Frozen(X, 3))
    assert type(g) is Frozen
    np.testing.assert_allclose(g.w, 3 * X**2)


def test_static_members_are_part_of_the_key():
    g = grad(lambda p: (p["w"] ** p["n"]).sum() * (2 if p["flag"] else 1))
    for n, flag in ((2, False), (3, False), (2, True), (2, False)):
        found = g({"w": X, "n": n, "flag": flag})
        np.testing.assert_allclose(found["w"], n * X ** (n - 1) * (2 if flag else 1))
        assert found["n"] is None
        assert found["flag"] is None


def test_one_and_true_are_different_static_values():
    g = grad(lambda x, s: (x * (5 if s is True else 1)).sum())
    np.testing.assert_allclose(g(X, 1), [1, 1, 1])
    np.testing.assert_allclose(g(X, True), [5, 5, 5])


def test_a_structure_without_arrays():
    with pytest.raises(GradientError, match=r"(?s)Try: "):
        grad(lambda n: 1.0 * n)(3)
    assert grad(lambda p: 1.0)({}) == {}
    assert grad(lambda p, x: x.sum())((), X) == ()


def test_the_order_of_keys_does_not_mix_up_values():
    g = grad(lambda p: (p["a"] * 2 + p["b"] * 3).sum())
    for p in ({"a": X, "b": X}, {"b": X, "a": X}):
        found = g(p)
        assert list(found) == list(p)
        np.testing.assert_allclose(found["a"], [2, 2, 2])
        np.testing.assert_allclose(found["b"], [3, 3, 3])


def test_keywords_in_any_order():
    g = grad(lambda a, b, c: (a * b**2 * c**3).sum(), "b")
    for call in (lambda: g(a=X, b=X, c=X), lambda: g(c=X, b=X, a=X), lambda: g(X, c=X, b=X), lambda: g(X, X, X)):
        np.testing.assert_allclose(call(), 2 * X**5)


KEYS = ["{0}", "a'b", 'a"b', "a || b", "class", "1", "", "ü", "{", "a\\x", 3, -1, (1, "a"), None, 2.5, True]


@pytest.mark.parametrize("key", KEYS)
def test_strange_keys(key):
    g = grad(lambda p: (p[key] ** 2).sum() + (p["x"] * 3).sum())
    found = g({key: X, "x": X})
    np.testing.assert_allclose(found[key], 2 * X)
    np.testing.assert_allclose(found["x"], [3, 3, 3])
    _, aux = grad(lambda x: (x.sum(), {key: x * 2, "text": str(key)}), has_aux=True)(X)
    np.testing.assert_allclose(aux[key], 2 * X)
    assert aux["text"] == str(key)


class Color(Enum):
    RED = 1


def test_keys_that_cannot_be_spelled():
    with pytest.raises(GradientError, match=r"(?s)Color.*Try: use strings"):
        grad(lambda p: p[Color.RED].sum())({Color.RED: X})


def test_a_subclass_of_dict():
    g = grad(lambda p: p["a"].sum() * 2)(OrderedDict(a=X))
    np.testing.assert_allclose(g["a"], [2, 2, 2])


def test_results_that_cannot_be_built():
    for f in (lambda x: (x.sum(), Point(x, x)), lambda x: (x.sum(), object()), lambda x: (x.sum(), np.sum)):
        with pytest.raises(GradientError, match=r"(?s)generated text cannot build.*Try: return"):
            grad(f, has_aux=True)(X)


def test_names_that_the_generated_text_uses_itself():
    def f(np, GuardMiss, dx, x, pullback=2.0):
        return (np * GuardMiss * dx * x).sum() * pullback

    try:
        found = grad(f, "x")(X, X, X, X)
    except TapelessError as error:
        assert "Try:" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(found, 2 * X**3)


def test_local_names_like_those_of_the_generated_text():
    def f(x):
        dx = x * 2
        ddx = dx * x
        np_1 = ddx.sum()
        value = np_1 * dx.sum()
        return value

    check_grads(f, (X,), order=2)


# ------------------------------------------------------------------------------------------------- dtypes and shapes


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16"])
def test_the_gradient_has_the_argument_s_dtype(dtype):
    x = X.astype(dtype)
    value, g = value_and_grad(lambda x: (np.abs(x) ** 2).sum() * 0.5)(x)
    assert g.dtype == x.dtype
    assert value.dtype == (np.abs(x) ** 2).sum().dtype
    np.testing.assert_allclose(g, x, rtol=1e-2 if dtype == "f2" else 1e-6)


@pytest.mark.parametrize(
    ("a", "b"), [("f4", "f8"), ("f8", "f4"), ("f2", "f4"), ("f4", "c8"), ("f8", "i8"), ("f4", "i4")]
)
def test_mixed_dtypes_promote_as_numpy_does(a, b):
    def f(x, y):
        return np.abs((x * y + 1).sum())

    x, y = X.astype(a), (X * 2).astype(b)
    value, g = value_and_grad(f)(x, y)
    assert g.dtype == x.dtype
    assert value.dtype == f(x, y).dtype
    np.testing.assert_allclose(value, f(x, y), rtol=1e-3)


def test_float32_stays_float32_with_python_and_weak_scalars():
    def f(x, k):
        return ((x * 2.5 + k) ** 2 * np.pi / 3 + x.item(0) * x + x.tolist()[1] * x).sum() * x.mean().item()

    x = X.astype("f4")
    value, g = value_and_grad(f, (0, 1))(x, 1.5)
    assert value.dtype == f(x, 1.5).dtype == np.float32
    assert g[0].dtype == np.float32
    assert type(g[1]) is float


def test_strong_scalars_decide():
    def f(x, k):
        return (x * k).sum()

    assert value_and_grad(f)(X.astype("f4"), np.float64(2))[0].dtype == np.float64
    assert value_and_grad(f)(X.astype("f4"), np.float32(2))[0].dtype == np.float32
    assert value_and_grad(f)(X.astype("f4"), np.array(2.0))[0].dtype == f(X.astype("f4"), np.array(2.0)).dtype


@pytest.mark.parametrize("x", [2.0, np.float32(2), np.float64(2), np.float16(2), np.complex64(2), 2 + 0j])
def test_scalars_keep_their_type(x):
    g = grad(lambda x: abs(x * x * x))(x)
    assert type(g) is type(x)
    assert g == pytest.approx(12)


def test_a_0d_array_gives_a_0d_array():
    g = grad(lambda x: x * x)
    found = g(np.array(3.0))
    assert type(found) is np.ndarray
    assert found.shape == ()
    assert found == 6.0
    found[...] = 0
    assert g(np.array(3.0)) == 6.0
    unused = grad(lambda x, y: y * 1.0)(np.array(3.0), 2.0)
    assert type(unused) is np.ndarray


@pytest.mark.parametrize("shape", [(0,), (0, 3), (1,), (1, 1), (2, 1, 3), (2, 0, 1)])
def test_shapes(shape):
    x = np.random.default_rng(0).normal(size=shape)
    _value, g = value_and_grad(lambda x: (x**2).sum() + x.sum())(x)
    assert g.shape == shape
    np.testing.assert_allclose(g, 2 * x + 1)
    assert grad(lambda x: 3.0)(x).shape == shape


def layouts():
    base = np.arange(24.0).reshape(4, 6) / 7
    frozen = base.copy()
    frozen.flags.writeable = False
    yield "fortran", np.asfortranarray(base)
    yield "transposed", base.T
    yield "negative", base[::-1, ::-2]
    yield "strided", base[::2, 1::3]
    yield "broadcast", np.broadcast_to(base[0], (5, 6))
    yield "one number", np.broadcast_to(2.0, (2, 3))
    yield "read-only", frozen
    yield "swapped", base.astype(">f8")
    yield "swapped f4", base.astype(">f4")
    yield "unaligned", np.frombuffer(b"\0" + base.tobytes(), dtype="u1")[1:].view("f8").reshape(4, 6)
    yield "record", np.zeros(3, [("a", "i1"), ("b", "f8")])["b"]


@pytest.mark.parametrize(("name", "x"), list(layouts()), ids=lambda v: v if isinstance(v, str) else "")
def test_layouts(name, x):
    def f(x):
        y = x.T.reshape(-1)
        return (y**3).sum() + (x[0] * x[-1]).sum()

    for _ in range(2):
        value, g = value_and_grad(f)(x)
        np.testing.assert_allclose(value, f(x))
        assert g.shape == x.shape
        assert g.dtype == x.dtype.newbyteorder("=")
        assert g.flags.writeable
        assert g.flags.owndata
        expected = 3 * x**2
        expected[0] += x[-1]
        expected[-1] += x[0]
        np.testing.assert_allclose(g, expected, rtol=1e-5)


def test_two_layouts_of_one_shape_share_a_path():
    g = grad(lambda x: (x.T.reshape(-1) * np.arange(6)).sum())
    c = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(g(c), g(np.asfortranarray(c)))


@pytest.mark.parametrize("x", [np.arange(3), np.array([True, False]), 3, True, np.int32(3), np.array([1], "u1")])
def test_integers_are_refused_with_the_fix(x):
    with pytest.raises(TypeError, match=r"(?s)gradient with respect to x does not exist.*Try: pass "):
        grad(lambda x: 1.0 * np.sum(x))(x)


def test_integers_beside_are_fine():
    g = grad(lambda x, n, i, mask: (x[i] ** n)[mask].sum())
    found = g(X, 3, np.array([0, 0, 2]), np.array([True, True, False]))
    np.testing.assert_allclose(found, [6 * 0.25, 0, 0])


@pytest.mark.parametrize(
    ("x", "name"),
    [
        (matrix(), "matrix"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "MaskedArray"),
        (np.array([1.0, None]), "object"),
        (np.array(["a"]), "<U1|str"),
        (np.array(["2020-01-01"], "M8[D]"), "datetime64"),
        (np.zeros(2, [("a", "f8")]), "void|a"),
        (np.rec.array([(1.0,)], dtype=[("a", "f8")]), "recarray"),
        (np.longdouble(1), "longdouble|float128"),
        ("text", "str"),
        (object(), "object"),
        (None, "None"),
    ],
)
def test_other_arrays_are_refused_by_name(x, name):
    with pytest.raises(TypeError, match=rf"(?s)({name}).*Try: "):
        grad(lambda x: 1.0 if x is None or isinstance(x, str) or type(x) is object else 1.0 * np.sum(x))(x)


@pytest.mark.parametrize("x", [matrix(), np.ma.masked_array([1.0, 2.0]), np.array([1.0, None])])
def test_other_arrays_around_the_function_are_refused_too(x):
    with pytest.raises(TapelessError, match=r"(?s)Try: "):
        grad(lambda t: (t * x).sum())(np.array([1.0, 2.0]))


# ---------------------------------------------------------------------------------------------------- memory of its own

C = np.array([1.0, 2.0, 3.0])
W = np.arange(6.0).reshape(2, 3)

ALIASING = {
    "identity": (lambda x, y: x.sum(), 0),
    "product": (lambda x, y: (x * y).sum(), (0, 1)),
    "captured": (lambda x, y: (x * C).sum() + (y * C).sum(), (0, 1)),
    "both the same": (lambda x, y: ((x + y) ** 2).sum(), (0, 1)),
    "difference": (lambda x, y: ((x - y) ** 2).sum(), (0, 1)),
    "unused": (lambda x, y: 0.0, (0, 1)),
    "one used": (lambda x, y: (x[::-1] * y).sum(), 0),
    "view": (lambda x, y: (x.reshape(3, 1) * y[:, None]).sum(), (0, 1)),
    "matmul": (lambda x, y: x @ y, (0, 1)),
    "with captured": (lambda x, y: (W @ x).sum() + (W.T[:, 0] @ y), (0, 1)),
    "constant": (lambda x, y: x.sum() * 2 + y.mean(), (0, 1)),
    "stop": (lambda x, y: (x.copy() * C).sum(), 0),
}


@pytest.mark.parametrize("case", ALIASING)
def test_gradients_own_their_memory(case):
    f, argnums = ALIASING[case]
    x, y = X.copy(), X[::-1].copy()
    before = [a.copy() for a in (x, y, C, W)]
    g = grad(f, argnums)
    first = g(x, y)
    kept = [a.copy() for a in (first if isinstance(first, tuple) else (first,))]
    for _ in range(2):
        found = g(x, y)
        arrays = list(found) if isinstance(found, tuple) else [found]
        for i, a in enumerate(arrays):
            np.testing.assert_array_equal(a, kept[i])
            assert a.flags.writeable
            for other in (x, y, C, W, *arrays[:i]):
                assert not np.shares_memory(a, other)
        for a in arrays:
            a[...] = np.nan
        for a, b in zip((x, y, C, W), before, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", ALIASING)
def test_pullbacks_hand_out_memory_of_their_own(case):
    f, _ = ALIASING[case]
    x, y, v = X.copy(), X[::-1].copy(), X * 3

    def whole(x, y):
        return x * 1.0, f(x, y)

    _, pull = vjp(whole, x, y)
    kept = [a.copy() for a in pull((v, 1.0))]
    for a in pull((v, 1.0)):
        a[...] = np.nan
    for a, b in zip(pull((v, 1.0)), kept, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.shares_memory(a, v)


def test_aux_and_value_do_not_share_with_gradients():
    (_value, aux), g = value_and_grad(lambda x: ((x * C).sum(), (x * C, C)), has_aux=True)(X)
    kept = g.copy()
    aux[0][...] = 0
    np.testing.assert_array_equal(g, kept)
    assert not np.shares_memory(g, C)


def test_a_leaked_stand_in_as_an_argument():
    kept = []

    def leak(x):
        kept.append(x)
        return x.sum()

    grad(leak)(X)
    with pytest.raises(TracingError, match="after the call that it belongs to has ended"):
        grad(square)(kept[0])
