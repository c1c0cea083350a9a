"""Stages and whole modules as checked-in texts, each of them executed and gradient-checked too.

`pytest tests/test_goldens.py --update-goldens` writes the texts anew; read the difference before it is committed.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from goldens_programs import CASES, Case, texts

from tapeless import vjp
from tapeless.ir.check import check
from tapeless.ir.interp import evaluate
from tapeless.ir.text import parse_program, print_program
from tapeless.tracer.structure import flatten, unflatten

GOLDENS = Path(__file__).parent / "goldens"
STEP = 1e-4
TOLERANCE = {4: 5e-3, 8: 1e-7}  # by the size of the coarsest dtype, relative to the slope (at least 1)
MODULES = [name for name, case in CASES.items() if case.module]


def copied(value: Any) -> Any:
    leaves, structure = flatten(value)
    return unflatten(structure, iter([np.array(x) if isinstance(x, np.ndarray) else x for x in leaves]))


def compare(file: str, text: str, update: bool) -> None:
    path = GOLDENS / file
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"{path} is missing; --update-goldens writes it"
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; --update-goldens accepts the new text"


@pytest.mark.parametrize("name", CASES)
def test_stages(name: str, update_goldens: bool) -> None:
    compare(f"{name}.txt", CASES[name].text(), update_goldens)


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str, update_goldens: bool) -> None:
    compare(f"{name}_grad.py", CASES[name].module_text(), update_goldens)


def test_no_golden_is_left_over() -> None:
    assert {p.name for p in GOLDENS.iterdir() if p.is_file()} == set(texts())


def test_no_machine_shows() -> None:
    root = str(Path(__file__).parent.parent)
    marks = {root, str(Path.home()), tempfile.gettempdir(), sys.prefix, socket.gethostname()}
    for path in GOLDENS.iterdir():
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        assert not [mark for mark in marks if len(mark) > 3 and mark in text], path


@pytest.mark.parametrize("seed", ["1", "4242"])
def test_the_same_bytes_under_another_hash_seed(seed: str) -> None:
    script = str(Path(__file__).parent / "goldens_programs.py")
    result = subprocess.run(
        [sys.executable, script], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
    )
    for file, text in json.loads(result.stdout).items():
        assert text == (GOLDENS / file).read_text(encoding="utf-8"), file


# --------------------------------------------------------------------------------------------------- what they compute


def slope(case: Case, cotangents: list[Any], directions: list[Any]) -> float:
    """Of the pairing of the results with the cotangents along a direction of all inexact leaves, by differences."""

    def at(step: float) -> float:
        leaves, structure = flatten(copied(case.arguments))
        moved = [_moved(x, step * d) for x, d in zip(leaves, directions, strict=True)]
        results, _ = flatten(case.function(*unflatten(structure, iter(moved))))
        return float(sum(np.sum(np.asarray(c) * np.asarray(r)).real for c, r in zip(cotangents, results, strict=True)))

    return (8 * (at(STEP) - at(-STEP)) - (at(2 * STEP) - at(-2 * STEP))) / (12 * STEP)


def _moved(x: Any, by: Any) -> Any:
    if np.asarray(x).dtype.kind not in "fc":
        return x
    array = np.asarray(x) + by
    return type(x)(array) if isinstance(x, float | complex) else array[()]


def directions_of(case: Case, rng: np.random.Generator) -> list[Any]:
    """Random ones for the leaves of the wanted arguments, 0 for all others. In double precision, whatever they are."""
    wanted = case.argnums if isinstance(case.argnums, tuple) else (case.argnums,)
    if case.kind == "vjp":
        wanted = tuple(range(len(case.arguments)))
    found: list[Any] = []
    for number, argument in enumerate(case.arguments):
        for leaf in flatten(argument)[0]:
            inexact = np.asarray(leaf).dtype.kind in "fc"
            drawn = rng.normal(size=np.shape(leaf))
            if np.asarray(leaf).dtype.kind == "c":
                drawn = drawn + 1j * rng.normal(size=np.shape(leaf))
            found.append(drawn if inexact and number in wanted else np.zeros(np.shape(leaf), int))
    return found


def check_gradient(case: Case, cotangents: list[Any], gradients: list[Any]) -> None:
    """The gradients of the wanted leaves, in order, beside differences."""
    rng = np.random.default_rng(3)
    leaves = flatten(case.arguments)[0]
    exact = Case(case.function, _doubled(case.arguments), case.argnums, case.kind, case.module)
    size = min(np.asarray(x).real.dtype.itemsize for x in leaves if np.asarray(x).dtype.kind in "fc")
    for _ in range(3):
        directions = directions_of(case, rng)
        used = [d for d in directions if np.asarray(d).dtype.kind != "i"]
        analytic = float(sum(np.sum(np.asarray(g) * d).real for g, d in zip(gradients, used, strict=True)))
        numeric = slope(exact, cotangents, directions)
        assert abs(analytic - numeric) <= TOLERANCE[size] * max(1, abs(numeric)), (analytic, numeric)


def _doubled(value: Any) -> Any:
    leaves, structure = flatten(copied(value))
    wide = [np.asarray(x, float)[()] if np.asarray(x).dtype == np.float32 else x for x in leaves]
    return unflatten(structure, iter(wide))


@pytest.mark.parametrize("name", CASES)
def test_they_compute_the_gradient(name: str) -> None:
    case = CASES[name]
    expected = case.function(*copied(case.arguments))
    if case.kind == "vjp":
        results, pullback = vjp(case.function, *case.arguments)
        leaves, structure = flatten(results)
        rng = np.random.default_rng(4)
        cotangents = [rng.normal(size=np.shape(x)) for x in leaves]
        gradient = pullback(unflatten(structure, iter(cotangents)))
    else:
        cotangents = [1.0]
        results = case.compiled()(*copied(case.arguments))
        results, gradient = (expected, results) if case.kind == "grad" else results
    for a, b in zip(flatten(results)[0], flatten(expected)[0], strict=True):
        np.testing.assert_array_equal(a, b)
    check_gradient(case, cotangents, flatten(gradient)[0])


@pytest.mark.parametrize("name", CASES)
def test_the_stages_agree(name: str) -> None:
    """Interpreter and source give the same, and each program is the same after a round trip through its text."""
    case = CASES[name]
    stages = case.stages()
    for program in (stages.trace, stages.adjoint, stages.optimized):
        check(program)
        read = check(parse_program(print_program(program)))
        assert print_program(read) == print_program(program)
        assert [e.op for e in read.equations] == [e.op for e in program.equations]
    if case.kind == "vjp":
        return
    expected = flatten(stages.function(*copied(case.arguments)))[0]
    for program in (stages.adjoint, stages.optimized):
        leaves = flatten(copied(case.arguments))[0]
        for a, b in zip(evaluate(program, leaves, stages.captured), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6 if np.asarray(a).dtype == np.float32 else 1e-12, atol=1e-12)


BLOCKED = """
import importlib.util, pickle, sys
import numpy

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] != "numpy":
            raise ImportError(f"{name} was imported; only numpy is there")

sys.meta_path.insert(0, Blocked())
file, name, data = sys.argv[1:]
spec = importlib.util.spec_from_file_location("golden", file)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with open(data, "rb") as source:
    arguments = pickle.load(source)
with open(data, "wb") as target:
    pickle.dump(getattr(module, name)(*arguments), target)
assert not {"tapeless", "astor", "scipy"} & set(sys.modules)
"""


@pytest.mark.parametrize("name", MODULES)
def test_modules_need_only_numpy(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    data = tmp_path / "arguments.pickle"
    data.write_bytes(pickle.dumps(copied(case.arguments)))
    function = f"{name}_{case.kind}"
    file = str(GOLDENS / f"{name}_grad.py")
    command = [sys.executable, "-I", "-W", "error", "-c", BLOCKED, file, function, str(data)]
    subprocess.run(command, check=True, cwd=tmp_path)
    results = pickle.loads(data.read_bytes())
    if case.kind == "value_and_grad":
        value, results = results
        assert value == case.function(*copied(case.arguments))
    check_gradient(case, [1.0], flatten(results)[0])
