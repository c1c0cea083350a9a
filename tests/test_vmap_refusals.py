"""What vmap refuses: what differs between examples where Python needs one number, and values that leave an example."""

import numpy as np
import pytest

from tapeless import TracingError, UnsupportedError, grad, vmap
from tapeless.ir.ops.decompositions import ALWAYS_COMPLEX

X, V = np.random.default_rng(0).normal(size=(4, 3)), np.array([0.3, -1.0, 2.0])


def kept_outside(xs):
    kept = []
    vmap(lambda x: kept.append(x * 2) or x)(xs)
    return kept[0].sum()


def written_outside(xs):
    total = np.zeros(3)

    def one(x):
        total[0] += x[0]
        return total * 1

    return vmap(one)(xs).sum()


def caught_outside(xs):
    kept = []
    vmap(lambda x: kept.append(x * 2) or x)(xs)
    try:
        return kept[0].sum()
    except TypeError:
        return xs.sum()


def write_argument(xs):
    def one(x):
        x[0] = 5
        return x

    return vmap(one)(xs).sum()


@pytest.mark.parametrize("f", [kept_outside, written_outside, caught_outside, write_argument])
def test_one_example_does_not_reach_others(f):
    with pytest.raises(TracingError, match="vmap") as caught:
        grad(f)(X)
    assert "test_vmap_refusals.py:" in str(caught.value)


NEEDED = {
    "if": (lambda x: x if x[0] > 0 else -x, "np.where"),
    "int": (lambda x: x * int(x[0]), "in_axes"),
    "mask": (lambda x: x[x > 0], "np.where"),
    "unique": (np.unique, "differs from example to example"),
    "nonzero": (lambda x: np.nonzero(x)[0], "np.where"),
    "bincount": (lambda x: np.bincount(x.astype(int) ** 2), "minlength"),
    "reshape": (lambda x: x.reshape(x[0].astype(int), -1), "in_axes"),
    "bins": (lambda x: np.histogram(x, bins="auto")[0], "edges"),
}
if not ALWAYS_COMPLEX:  # then the values decide the dtype
    NEEDED["eigvals"] = (lambda x: np.linalg.eigvals(np.outer(x, x)), "complex")


@pytest.mark.parametrize("name", NEEDED)
def test_what_python_needs_differs(name):
    f, words = NEEDED[name]
    with pytest.raises(TracingError, match="differs from example to example") as caught:
        vmap(f)(X)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("in_axes", "out_axes", "args", "words"),
    [
        (0, 0, (X, V), r"4 \(args\[0\]\) and 3"),
        (None, 0, (X, V), "none"),
        ((0,), 0, (X, V), "does not fit"),
        ((0, 0, 0), 0, (X, V), "does not fit"),
        (1.5, 0, (X, V), "does not fit"),
        (({"a": 0}, None), 0, (X, V), "does not fit"),
        (2, 0, (X, V), "axis 2"),
        (0, 0, (X, 2.0), "axis 0 of an argument with 0 axes"),
        ((0, None), 2, (X, V), "out_axes=2"),
        ((0, None), None, (X, V), "out_axes=None"),
        ((0, None), (0, 0), (X, V), "out_axes"),
    ],
)
def test_axes_that_do_not_fit(in_axes, out_axes, args, words):
    with pytest.raises(ValueError, match=words):
        vmap(lambda x, v: x * v, in_axes, out_axes)(*args)


def test_an_error_of_the_function_keeps_its_type():
    with pytest.raises(ZeroDivisionError):
        vmap(lambda x: x * (1 / 0))(X)
    with pytest.raises(ValueError, match="matmul") as caught:
        vmap(lambda x: x @ np.ones(4))(X)
    assert "test_vmap_refusals.py:" in caught.value.__notes__[0]


def test_what_has_no_rule_says_so():
    with pytest.raises(UnsupportedError, match="cannot be done for a batch"):
        vmap(lambda x: np.histogram(x, bins=5)[0])(X)
