"""The first call of a gradient: its work grows with the number of operations, and no faster."""

import cProfile
import gc
import importlib.util
import itertools
import pstats

import numpy as np
import pytest

from tapeless import grad

SECOND = ["", "def f(x):", "    scale = 3.0", "    turned = np.cos(scale * x)", "    return turned / x"]
STEPS = ("np.sin({0})", "{0} * 0.5", "{0} + x", "{0} - 0.1", "np.tanh({0})", "{0} / 3")


def straight(count):
    """A long text, of which each line is another one."""
    steps = itertools.cycle(STEPS)
    lines = [f"    y{k + 1} = {next(steps).format(f'y{k}')}" for k in range(count)]
    return ["def f(x):", "    y0 = x", *lines, f"    return np.sum(y{count})"]


def written(count):
    """Writes into parts, none of which is like another."""
    lines = [f"    y[{k}] = np.sin(y[{k + 1}]) * {k + 2}" for k in range(count // 3)]
    return ["def f(x):", f"    y = np.zeros({count})", "    y[:] = x[0]", *lines, "    return np.sum(y * y)"]


def scalars(count):
    """Numbers, with a coefficient that differs from step to step."""
    lines = [f"    a = a * {1 + k / 1000!r} - np.sin(a) / {k + 3}" for k in range(count // 4)]
    return ["def f(x):", "    a = x[0] * x[1]", *lines, "    return a"]


def calls_of_first_call(lines, file):
    """How many functions the first call calls: unlike its time, the same on every machine."""
    file.write_text("\n".join(["import numpy as np", *lines, ""]))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    profile = cProfile.Profile()
    profile.runcall(grad(module.f), np.array([0.5, 0.25, 0.125]))
    return pstats.Stats(profile).total_calls


@pytest.mark.parametrize("program", [straight, written, scalars])
def test_the_work_is_linear_in_the_number_of_operations(program, tmp_path):
    calls_of_first_call(program(20), tmp_path / "warm.py")  # what only a first gradient loads
    few, many = (calls_of_first_call(program(n), tmp_path / f"program_{n}.py") for n in (200, 800))
    assert many < 5 * few


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled):
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        grad(lambda x: np.sum(x * x))(np.ones(3))
        with pytest.raises(ZeroDivisionError):
            grad(lambda x: np.sum(x) * (1 / 0))(np.ones(3))
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_a_module_that_is_edited_and_loaded_again(tmp_path):
    """Names and lines are those of the file as it is now."""
    file = tmp_path / "edited.py"
    for lines in (["def f(x):", "    y = np.sin(x)", "    return y * y"], SECOND):
        file.write_text("\n".join(["import numpy as np", *lines, ""]))
        spec = importlib.util.spec_from_file_location("edited", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        gradient = grad(module.f)
        gradient(np.float64(0.5))
        assert f"{lines[-2].strip()}\n" in gradient.source
