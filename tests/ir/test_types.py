"""The type rule of every operation says what NumPy answers, for every dtype and for Python's own numbers."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from gradcheck import build_of_literals, evaluate
from samples import PLAIN, TABLE, Sample, is_ufunc

from tapeless.ir.builder import Builder
from tapeless.ir.op import BY_NAME, Op
from tapeless.ir.types import DTYPES, ArrayType, broadcast_shapes, parse_type, type_of

NAMES = ("bool", "i8", "u8", "i64", "f16", "f32", "f64", "c64", "c128")
PYTHON: tuple[Any, ...] = (True, 2, 0.75, 1.5 - 0.5j)
UFUNCS = sorted(name for name, op in BY_NAME.items() if is_ufunc(op))
BY_VALUE = {"eig", "eigvals", "lstsq", "steps"}  # values decide what is complex, or how many results there are
# Late passes write these, for floats alone:
OF_FLOATS = {"chosen", "diagonal_add", "inverse_of_symmetric", "or_one", "solve_lower", "solve_upper"}
OTHERS = sorted(
    name
    for name in (TABLE | PLAIN).keys() & BY_NAME.keys()  # some are not in every NumPy
    if BY_NAME[name].operand_names and not BY_NAME[name].effect and name not in BY_VALUE
    if not BY_NAME[name].imports  # SciPy's own dtypes, by version: its families are tested with what it supports
)


def array(name: str, *shape: int, start: int = 1) -> Any:
    """Small positive numbers, which every operation takes in every dtype."""
    values = (start + np.arange(int(np.prod(shape)))) % 4 + 1
    return values.reshape(shape).astype(DTYPES[name])[()]


def operands_for_all_types(*shapes: tuple[int, ...]) -> list[list[Any]]:
    """For each shape one operand of every dtype, and Python's numbers."""
    return [[*(array(n, *s, start=i) for n in NAMES), *PYTHON] for i, s in enumerate(shapes)]


def told(op: Op, operands: tuple[Any, ...], params: dict[str, Any]) -> ArrayType | None:
    """The type that the rule gives; None where it refuses."""
    try:
        found: ArrayType = op.infer(*map(type_of, operands), **op.complete(params))
    except TypeError:
        return None
    return found


def answered(op: Op, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """What the text of the operation gives, or NumPy's function; None where NumPy refuses the types."""
    params = op.complete(params)
    scope: dict[str, Any] = {"np": np, **{h.__name__: h for h in op.helpers}}
    scope |= {module.partition(".")[0]: __import__(module) for module in op.imports}
    scope |= {f"v{i}": x for i, x in enumerate(operands)}
    try:
        if op.update is not None or "." in str(op.python)[:3]:
            return op.fun(*operands, **params)
        text = op.template([type_of(x) for x in operands], params).split(" || ")[-1]
        return eval(text.format(*(f"v{i}" for i in range(len(operands)))), scope)
    except (TypeError, AttributeError):
        return None


def compare(op: Op, operands: tuple[Any, ...], params: dict[str, Any]) -> None:
    described = f"{op.name}({', '.join(str(type_of(x)) for x in operands)}, {params})"
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            actual = answered(op, operands, params)
        except np.linalg.LinAlgError:
            return  # these numbers make a singular matrix
        rule = told(op, operands, params)
        if op.several and actual is not None:
            found = evaluate(build_of_literals(op, operands, params), operands)
            assert rule == tuple(map(type_of, actual)) == tuple(map(type_of, found)), f"{described}: {rule}"
            return
        if actual is None:
            assert rule is None, f"{described}: NumPy refuses it, the rule says {rule}"
            return
        assert rule == type_of(actual), f"{described}: NumPy gives {type_of(actual)}, the rule says {rule}"
        (found,) = evaluate(build_of_literals(op, operands, params), operands)
        assert type_of(found) == rule, f"{described}: the interpreter gives {type_of(found)}"
        np.testing.assert_allclose(
            found, actual, rtol=1e-14 if rule is not None and rule.weak else 0, err_msg=described
        )


@pytest.mark.parametrize("name", UFUNCS)
@pytest.mark.parametrize("shapes", [((2, 3), (3,)), ((), ()), ((), (2,)), ((0, 1), (1, 2))])
def test_ufunc(name: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    op = BY_NAME[name]
    for operands in itertools.product(*operands_for_all_types(*shapes[: op.fun.nin])):
        types = [type_of(x) for x in operands]
        if {str(t) for t in types} == {"complex", "f64"}:
            continue  # complex.__add__ takes a np.float64 for a float: weak or strong depends on what holds the number
        if name == "power" and types[0] == ArrayType(shapes[0], DTYPES["bool"]) and types[1].weak:
            continue  # ndarray.__pow__ squares in another dtype than np.power, for booleans alone
        compare(op, operands, {})


def cast(x: Any, name: str) -> Any:
    """The operand in another dtype; indices and masks stay what they are."""
    if type_of(x).weak or not type_of(x).inexact:
        return x
    return array(name, *np.shape(x))


@pytest.mark.parametrize("name", OTHERS)
def test_every_dtype(name: str) -> None:
    op = BY_NAME[name]
    for sample in TABLE.get(name) or PLAIN[name]:
        for dtype in NAMES:
            if name in OF_FLOATS and (DTYPES[dtype].kind != "f" or (dtype == "f16" and name.startswith("solve"))):
                continue  # LAPACK has no half precision
            operands = tuple(cast(x, dtype) for x in sample.operands)
            if name == "index_add" and not np.can_cast(np.asarray(operands[1]).dtype, np.asarray(operands[0]).dtype):
                continue
            compare(op, operands, sample.params)


SEVERAL = (
    *("matmul", "outer", "tensordot", "einsum", "convolve", "correlate", "concatenate", "stack", "where"),
    "convolution",
)


@pytest.mark.parametrize("name", SEVERAL)
def test_mixed_dtypes(name: str) -> None:
    op = BY_NAME[name]
    for sample in TABLE[name][:4]:
        for row in itertools.product(NAMES, repeat=min(len(sample.operands), 3)):
            compare(op, tuple(cast(x, n) for x, n in zip(sample.operands, (*row, "f32"))), sample.params)


@pytest.mark.parametrize("name", ["stack", "where", "outer", "einsum", "full", "sum", "max", "cumsum", "broadcast_to"])
def test_python_numbers_among_the_operands(name: str) -> None:
    op = BY_NAME[name]
    params: dict[str, dict[str, Any]] = {
        "einsum": {"subscripts": ",->"},
        "full": {"shape": (2,)},
        "broadcast_to": {"shape": (2,)},
    }
    count = {"stack": 2, "where": 3, "outer": 2, "einsum": 2}.get(name, 1)
    for row in itertools.product([*PYTHON, *(array(n) for n in NAMES)], repeat=count):
        compare(op, row, params.get(name, {}))


REFUSED: list[tuple[str, Sample]] = [
    ("matmul", Sample((np.ones((2, 3)), np.ones((2, 3))))),
    ("matmul", Sample((np.ones(3), np.float64(2.0)))),
    ("add", Sample((np.ones((2, 3)), np.ones(2)))),
    ("reshape", Sample((np.ones(6),), {"shape": (4,)})),
    ("transpose", Sample((np.ones((2, 3)),), {"axes": (0, 0)})),
    ("broadcast_to", Sample((np.ones((2, 3)),), {"shape": (3,)})),
    ("squeeze", Sample((np.ones((2, 1)),), {"axis": (0,)})),
    ("squeeze", Sample((np.ones((2, 1)),), {"axis": (-1,)})),
    ("expand_dims", Sample((np.ones(2),), {"axis": (-1,)})),
    ("flip", Sample((np.ones(2),), {"axis": (-1,)})),
    ("repeat", Sample((np.ones(2),), {"repeats": 2, "axis": -1})),
    ("repeat", Sample((np.ones(2),), {"repeats": (1, 2, 3), "axis": 0})),
    ("concatenate", Sample((np.ones((2, 3)), np.ones((2, 4))), {"axis": 0})),
    ("concatenate", Sample((np.float64(1.0), np.float64(1.0)), {"axis": 0})),
    ("stack", Sample((np.ones(2), np.ones(3)), {"axis": 0})),
    ("pad", Sample((np.float64(1.0),), {"pad_width": ()})),
    ("sum", Sample((np.ones(2),), {"axis": 1})),
    ("sum", Sample((np.ones((2, 2)),), {"axis": (0, 0)})),
    ("max", Sample((np.ones((2, 0)),), {"axis": 1})),
    ("cumsum", Sample((np.ones(2),), {"axis": 1})),
    ("convolve", Sample((np.ones((2, 2)), np.ones(2)))),
    ("convolve", Sample((np.ones(0), np.ones(2)))),
    ("convolve", Sample((np.ones(2), np.ones(2)), {"mode": "some"})),
    ("convolution", Sample((np.ones((1, 2, 4, 4)), np.ones((1, 3, 2, 2))))),
    ("convolution", Sample((np.ones((1, 2, 4, 4)), np.ones((1, 2, 5, 2))))),
    ("sliding_window_view", Sample((np.ones(3),), {"window_shape": (4,), "axis": (0,)})),
    ("tensordot", Sample((np.ones((2, 3)), np.ones((2, 3))), {"axes": ((1,), (0,))})),
    ("tensordot", Sample((np.ones((2, 3)), np.ones((2, 3))), {"axes": ((-1,), (-1,))})),
    ("einsum", Sample((np.ones((2, 3)),), {"subscripts": "ijk->i"})),
    ("einsum", Sample((np.ones((2, 3)),), {"subscripts": "ii->i"})),
    ("einsum", Sample((np.ones((1, 3)),), {"subscripts": "ii->i"})),
    ("einsum", Sample((np.ones((2, 3)),), {"subscripts": "ij->ii"})),
    ("einsum", Sample((np.ones((2, 3)),), {"subscripts": "ij->k"})),
    ("einsum", Sample((np.ones((2, 3)), np.ones(2)), {"subscripts": "ij,j->i"})),
    ("getitem", Sample((np.ones(3),), {"index": (3,)})),
    ("getitem", Sample((np.ones(3),), {"index": (0, 0)})),
    ("getitem", Sample((np.ones(2), np.array([True, False])), {"index": TABLE["getitem"][-1].params["index"]})),
    ("set_item", Sample((np.ones((2, 3)), np.ones(2)), {"index": (0,)})),
    ("index_add", Sample((np.ones(3), np.ones((1, 3))), {"index": ()})),
    ("index_add", Sample((np.ones(3), 1j * np.ones(3)), {"index": ()})),
    ("python_number", Sample((np.ones(1),))),
]


@pytest.mark.parametrize(("name", "sample"), [pytest.param(n, s, id=f"{n}-{i}") for i, (n, s) in enumerate(REFUSED)])
def test_refused(name: str, sample: Sample) -> None:
    builder = Builder()
    values = [builder.input(type_of(x), "x") for x in sample.operands]
    with pytest.raises((TypeError, ValueError, IndexError)):
        BY_NAME[name](*values, **sample.params)


def test_an_unknown_keyword_is_refused_by_name() -> None:
    builder = Builder()
    x = builder.input(ArrayType((2,), DTYPES["f64"]), "x")
    with pytest.raises(TypeError, match="sum has no keyword 'dtype'; it takes axis, keepdims"):
        BY_NAME["sum"](x, dtype=DTYPES["f32"])
    with pytest.raises(TypeError, match="needs the keyword 'shape'"):
        BY_NAME["reshape"](x)


@pytest.mark.parametrize(
    "text", ["f64[2, 3]", "f64", "bool", "bool[()]", "bool[0]", "c64[1]", "int", "float", "complex", "u16[4]"]
)
def test_types_round_trip(text: str) -> None:
    assert str(parse_type(text)) == text


@pytest.mark.parametrize("text", ["f63", "float[2]", "f64[n]", "f64[2", "", "string"])
def test_what_is_not_a_type(text: str) -> None:
    with pytest.raises(ValueError, match=r"'.*"):
        parse_type(text)


@pytest.mark.parametrize("value", ["a", None, [1.0], np.array(["a"]), np.array([None]), np.datetime64("2020")])
def test_what_has_no_type(value: Any) -> None:
    with pytest.raises(TypeError):
        type_of(value)


def test_broadcasting_is_numpys() -> None:
    shapes: list[tuple[int, ...]] = [(), (1,), (3,), (2, 3), (2, 1), (0,), (1, 0), (4, 1, 1), (0, 1)]
    for row in itertools.product(shapes, repeat=3):
        try:
            expected: tuple[int, ...] | None = np.broadcast_shapes(*row)
        except ValueError:
            expected = None
        try:
            found: tuple[int, ...] | None = broadcast_shapes(*row)
        except ValueError:
            found = None
        assert found == expected, row
