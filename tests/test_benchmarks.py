"""The benchmark's workloads: every gradient, by hand or by a system, is the same; and the command writes its table."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from systems import CannotRun, calls  # noqa: E402
from workloads import WORKLOADS, Workload  # noqa: E402

PEERS = ("autograd", "jax", "torch")
TOLERANCE = {"float32": 1e-5, "float64": 1e-6}


def agree(found: Any, expected: Any) -> None:
    """Shapes, and values relative to the largest one."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    difference = np.abs(found.astype(float) - expected.astype(float)).max()
    assert difference <= TOLERANCE[expected.dtype.name] * np.abs(expected).max()


def result(system: str, work: Workload) -> tuple[Any, tuple[Any, ...]]:
    return calls(system, work, work.draw("small")).gradient()


@pytest.mark.parametrize("system", ["best", "naive", "bare", *PEERS])
@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.filterwarnings("ignore")  # of the peers
def test_gradients_agree(name: str, system: str) -> None:
    work = WORKLOADS[name]
    try:
        value, gradients = result(system, work)
    except CannotRun as reason:
        assert system in PEERS
        pytest.skip(str(reason))
    expected, slopes = result("tapeless", work)
    agree(value, expected)
    agree(work.function(*work.draw("small")), expected)
    assert len(gradients) == len(slopes) == work.count
    for one, other in zip(gradients, slopes, strict=True):
        agree(one, other)


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("system", ["best", "naive"])
def test_gradients_by_hand_keep_the_dtype_and_leave_the_arguments_alone(name: str, system: str) -> None:
    work = WORKLOADS[name]
    arguments, untouched = work.draw("small"), work.draw("small")
    _, gradients = calls(system, work, arguments).gradient()
    for argument, other in zip(arguments, untouched, strict=True):
        np.testing.assert_array_equal(argument, other)
    for one, argument in zip(gradients, arguments, strict=False):
        assert np.asarray(one).dtype == np.asarray(argument).dtype


def run(folder: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    table = folder / "results.md"
    command = [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "--output", str(table), *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_PYTHON_")}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300), table


def test_the_command_writes_tables_and_figures(tmp_path: Path) -> None:
    done, table = run(tmp_path, "--workloads", "rosenbrock,heat", "--systems", "best,naive,tapeless")
    assert done.returncode == 0, done.stderr
    figures = json.loads(table.with_suffix(".json").read_text())
    assert list(figures) == ["rosenbrock", "heat"]
    for row in figures.values():
        assert list(row) == ["best", "naive", "tapeless"]
        for one in row.values():
            assert all(one[kind] > 0 for kind in ("first", "steady", "forward", "memory", "lines"))
    text = table.read_text()
    assert "| Rosenbrock, 10 |" in text
    assert "geometric mean" in text
    assert "no measurements" in text


def test_a_system_that_fails_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    done, table = run(
        tmp_path, "--workloads", "rosenbrock", "--systems", "best,jax", "--python", f"jax={broken}", "--rounds", "1"
    )
    assert done.returncode == 1
    assert "JAX jit, all workloads: the process ended with 3" in table.read_text()
    assert json.loads(table.with_suffix(".json").read_text())["rosenbrock"]["best"]["steady"] > 0
