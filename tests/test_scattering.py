"""Many rows added at repeated places of a table: np.add.at's additions, in its order."""

import numpy as np
import pytest
from slopes import check, draw

from tapeless import grad, value_and_grad
from tapeless.ir.kernels import add_pairs, add_rows, at_numbers

SHAPES = [
    ((50, 32), (400,)),
    ((50, 3), (2000,)),
    ((40, 7), (300,)),
    ((40, 6), (30, 9)),
    ((300,), (40, 50)),
    ((20, 4, 5), (30, 20)),
    ((1, 200), (90,)),
    ((3000, 40), (3000,)),
]


@pytest.mark.parametrize(("shape", "places"), SHAPES)
@pytest.mark.parametrize("dtype", "efdFDil")
@pytest.mark.parametrize("kind", ["int64", "int32", "int8", "uint8"])
def test_rows_have_the_bits_of_add_at(shape, places, dtype, kind):
    random = np.random.default_rng(3)
    lowest = 0 if kind[0] == "u" else -min(shape[0], 128)
    index = random.integers(lowest, min(shape[0], 128), places).astype(kind)
    x, rows = ((random.normal(size=s) * 5).astype(dtype) for s in (shape, places + shape[1:]))
    expected = x.copy()
    np.add.at(expected, index, rows)
    for into, places_, added in (
        (x.copy(), index, rows),
        (np.asfortranarray(x), index, rows),
        (x.copy(), index, np.asfortranarray(rows)),
        (x.copy(), np.asfortranarray(index), rows),
    ):
        add_rows(into, places_, added)
        assert into.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_pairs_have_the_bits_of_add_at(dtype):
    random = np.random.default_rng(6)
    x, places = (random.normal(size=(7, 4)) * 5).astype(dtype), np.arange(14).reshape(7, 2)
    for shape in ((40,), (5, 8), (0,)):
        index = random.integers(-7, 7, shape)
        rows = (random.normal(size=(*shape, 4)) * 5).astype(dtype)
        expected = x.copy()
        np.add.at(expected, index, rows)
        for into, added in ((x.copy(), rows), (np.asfortranarray(x), rows), (x.copy(), np.asfortranarray(rows))):
            add_pairs(into, index, added, places)
            assert into.tobytes() == expected.tobytes()
    with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 7"):
        add_pairs(x, np.array([0, 7]), rows[:2].reshape(0, 4), places)


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "int64"])
@pytest.mark.parametrize("lowest", [0, -6])
def test_numbers_have_the_bits_of_add_at(dtype, lowest):
    random = np.random.default_rng(4)
    x = (random.normal(size=(6, 7, 8)) * 9).astype(dtype)
    first, second, third = (random.integers(lowest, 6, 50) for _ in range(3))
    for index in (
        (first, second, third),
        (first[:, None], second, third.astype("int8")),
        np.index_exp[:, first],
        np.index_exp[first, 1:3, second],
        (first[:0], second[:0], third[:0]),
    ):
        for values in ((random.normal(size=x[index].shape) * 9).astype(dtype), np.array(3, dtype)):
            expected = x.copy()
            np.add.at(expected, index, values)
            for into in (x.copy(), np.asfortranarray(x)):
                at_numbers(np.add, into, index, values)
                assert into.tobytes() == expected.tobytes()
    with pytest.raises(IndexError):
        at_numbers(np.add, x, (first + 6, second, third), values)


@pytest.mark.parametrize("width", [3, 30])
@pytest.mark.parametrize("place", [7, -8])
def test_a_place_outside_raises_what_add_at_raises(width, place):
    index = np.zeros(2000, int)
    index[5] = place
    messages = []
    for f in (np.add.at, add_rows):
        with pytest.raises(IndexError) as caught:
            f(np.zeros((7, width)), index, np.ones((2000, width)))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_table_added_to_itself():
    index = np.random.default_rng(0).integers(0, 3000, 3000)

    def f(x):
        y = x * 2
        np.add.at(y, index, y)
        return np.sum(y**2)

    x = draw(3000, 40)
    g = value_and_grad(f)
    assert g(x)[0] == f(x)
    assert "add_rows(" in g.source


def test_the_gradient_of_a_gather_adds_many_rows():
    index = np.random.default_rng(0).integers(-40, 40, 500)
    weights = draw(500, 10)
    g = grad(lambda x: np.sum(x[index] * weights))
    expected = np.zeros((40, 10))
    np.add.at(expected, index, weights)
    np.testing.assert_array_equal(g(draw(40, 10)), expected)
    assert "add_rows(dx, index, weights)" in g.source
    few = grad(lambda x: np.sum(x[index[:5]] * weights[:5]))
    few(draw(40, 10))
    assert "np.add.at(dx" in few.source


def test_many_rows_in_every_order_of_derivatives():
    index = np.random.default_rng(0).integers(0, 3, 500)
    weights = draw(500, 9)
    check(lambda x: np.sin(x[index] * weights).sum(axis=0), draw(3, 9))

    def sums(x):
        y = np.zeros((3, 9))
        np.add.at(y, index, weights * x)
        return y

    check(sums, draw(9))


CHOSEN = np.arange(6) % 2 == 0


@pytest.mark.parametrize(
    "write",
    [
        lambda y, w: np.add.at(y, CHOSEN, w[:3]),
        lambda y, w: np.add.at(y, CHOSEN, w[0]),
        lambda y, w: np.add.at(y, CHOSEN, 1.5),
        lambda y, w: np.subtract.at(y, w > 0, w[w > 0]),
        lambda y, w: np.add.at(y, (slice(None), w[0] > 0), w[:, w[0] > 0]),
        lambda y, w: np.add.at(y, (CHOSEN, slice(1, 3)), w[:3, 1:3]),
        lambda y, w: np.add.at(y, (CHOSEN, [1, 2, 2]), w[:3, 0]),
        lambda y, w: y.__setitem__((CHOSEN, [1, 2, 2]), w[:3, 0] * y[CHOSEN, [0, 0, 1]]),
        lambda y, w: y.__setitem__((CHOSEN, [1]), w[:3, 0]),
    ],
)
def test_masks_among_the_places(write):
    def written(x, w):
        y = np.sin(x)
        write(y, w)
        return y * y

    check(written, draw(6, 4), draw(6, 4, seed=2))
