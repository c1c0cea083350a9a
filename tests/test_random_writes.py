"""Random writes through random views: NumPy's values, NumPy's effects on the argument, derivatives by differences."""

import linecache

import numpy as np
import pytest
from random_writes import Writer

from tapeless import value_and_grad


def run(f, x, step=0.0):
    """What it returns, and the argument as it is left; a step keeps the layout."""
    changed = x.copy("K")
    changed += step
    with np.errstate(all="ignore"):
        return f(changed), changed


@pytest.mark.parametrize("block", range(6))
def test_random_writes(block):
    compared = 0
    for seed in range(25 * block, 25 * block + 25):
        writer = Writer(seed)
        text, file = writer.program(), f"<random writes {seed}>"
        linecache.cache[file] = (len(text), None, text.splitlines(True), file)
        scope = {"np": np}
        exec(compile(text, file, "exec"), scope)
        f, rng = scope["f"], np.random.default_rng(seed)
        x = np.asarray(rng.normal(size=writer.shape), order="F" if seed % 2 else "C")
        value, left = run(f, x)
        if not abs(value) < 1e6:
            continue
        (ours, d), left_by_ours = run(value_and_grad(f), x)
        np.testing.assert_allclose(ours, value, err_msg=text)
        np.testing.assert_allclose(left_by_ours, left, err_msg=text)
        u = rng.normal(size=x.shape)
        near = [(run(f, x, h * u)[0] - run(f, x, -h * u)[0]) / (2 * h) for h in (1e-6, 2e-6)]
        if abs(near[0] - near[1]) < 1e-5 * (1 + abs(near[0])):  # no jump in between
            np.testing.assert_allclose((d * u).sum(), near[0], rtol=1e-4, atol=1e-4 * (1 + abs(value)), err_msg=text)
            compared += 1
    assert compared > 15
