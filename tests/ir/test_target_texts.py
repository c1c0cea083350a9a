"""Every operation that a target lists, on every sample: its text runs there, with the values of the interpreter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gradcheck import evaluate
from samples import Sample, samples_of

from tapeless.codegen.module import Signature, generate
from tapeless.codegen.target import OutsideTarget, Target
from tapeless.ir.builder import Builder
from tapeless.ir.op import BY_NAME
from tapeless.ir.program import Program
from tapeless.ir.types import type_of
from tapeless.runtime.interop import target_named

NUMBA, NAMESPACE = target_named("numba"), target_named("namespace")
NO_NUMBA = "numba is large, and late for new Pythons: the extra `numba` installs it"
Runner = Callable[[Callable[..., Any], tuple[Any, ...]], Any]


def listed(target: Target) -> list[str]:
    names = (set(target.spellings) | set(target.updates) | set(target.rules)) - {"guard"}
    return sorted(name for name in names if name in BY_NAME and samples_of(BY_NAME[name]))


def program_of(name: str, sample: Sample) -> Program:
    builder = Builder()
    values = [builder.input(type_of(x), f"v{i}") for i, x in enumerate(sample.operands)]
    result = builder.emit(BY_NAME[name], *values, **sample.params)
    return builder.program("f", result if isinstance(result, tuple) else (result,))


def written(target: Target, name: str, sample: Sample) -> Callable[..., Any] | None:
    """The function whose text the target gets; None if it is refused, with a reason."""
    program = program_of(name, sample)
    try:
        prepared = target.prepare(program)
    except OutsideTarget:
        return None
    names = [f"v{i}" for i in range(len(sample.operands))]
    parameters = ", ".join([*names, *(["*", f"{target.parameter}=np"] if target.parameter else [])])
    result = "(" + "".join(f"{{{i}}}, " for i in range(len(program.outputs))) + ")"
    text = generate(prepared, Signature("f", parameters, names, (), result, "d", "t"), "", target=target).text
    namespace: dict[str, Any] = {"np": np}
    exec(text, namespace)
    function: Callable[..., Any] = namespace["f"]
    return function


def compare(target: Target, name: str, run: Runner, count: int | None = None) -> None:
    ran = 0
    for sample in samples_of(BY_NAME[name])[:count]:
        function = written(target, name, sample)
        if function is None:
            continue
        ran += 1
        with np.errstate(all="ignore"):
            wanted = evaluate(program_of(name, sample), sample.operands)
            found = run(function, sample.operands)
        for mine, theirs in zip(wanted, found, strict=True):
            assert np.shape(mine) == tuple(np.shape(theirs)), sample
            if np.ndim(mine):
                assert str(mine.dtype) == str(theirs.dtype).rpartition(".")[2], sample
            theirs = np.asarray(theirs)
            np.testing.assert_allclose(theirs, np.asarray(mine), rtol=1e-10, atol=1e-13, err_msg=str(sample))
    assert ran or count, f"{target.name} lists {name} and refuses all of its samples"


@pytest.mark.parametrize("name", listed(NUMBA))
def test_for_numba_as_numpy_runs_it(name: str) -> None:
    compare(NUMBA, name, lambda function, operands: function(*operands))


@pytest.mark.parametrize("name", listed(NUMBA))
def test_for_numba_compiled(name: str) -> None:
    numba = pytest.importorskip("numba", reason=NO_NUMBA)

    def run(function: Callable[..., Any], operands: tuple[Any, ...]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", numba.NumbaPerformanceWarning)
            return numba.njit(function, error_model="numpy")(*operands)

    compare(NUMBA, name, run, 2)


@pytest.mark.parametrize("name", listed(NAMESPACE))
def test_for_a_namespace(name: str) -> None:
    xp = pytest.importorskip("array_api_strict", reason="the extra `test` installs array-api-strict")

    def run(function: Callable[..., Any], operands: tuple[Any, ...]) -> Any:
        return function(*(xp.asarray(x) if isinstance(x, np.ndarray | np.generic) else x for x in operands), xp=xp)

    compare(NAMESPACE, name, run)


def single(x: Any) -> Any:
    return np.float32(x) if isinstance(x, float) else x.astype(np.float32)


@pytest.mark.parametrize("name", ["add", "multiply", "power", "divide", "maximum", "where", "sqrt", "mean", "max"])
@pytest.mark.parametrize("weak", [False, True])
def test_single_precision_stays_single_for_numba(name: str, weak: bool) -> None:
    """For numba a Python number is a float64 and decides: the text gives it the dtype that it has for NumPy."""
    numba = pytest.importorskip("numba", reason=NO_NUMBA)
    first = samples_of(BY_NAME[name])[0]
    operands = tuple(x if np.asarray(x).dtype.kind == "b" else single(x) for x in first.operands)
    operands = (*operands[:-1], 0.5) if weak and len(operands) > 1 else operands
    sample = Sample(operands, first.params)
    function = written(NUMBA, name, sample)
    (wanted,) = evaluate(program_of(name, sample), operands)
    (found,) = numba.njit(function, error_model="numpy")(*operands)
    assert np.ndim(wanted) == 0 or found.dtype == np.float32 == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
