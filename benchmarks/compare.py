"""tapeless beside hand-written gradients and, where it is installed, autograd: ratios measured side by side.

python benchmarks/compare.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from workloads import Workload, workloads

from tapeless import value_and_grad

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")


def seconds(call: Callable[[], Any], budget: float = 0.02) -> float:
    """The time of one call, from as many as fill the budget."""
    count, start = 0, time.perf_counter()
    while True:
        call()
        count += 1
        spent = time.perf_counter() - start
        if spent > budget:
            return spent / count


def with_autograd(work: Workload) -> Callable[[], Any] | None:
    """The same function under autograd's own NumPy, or None without autograd."""
    try:
        import autograd
        import autograd.numpy
    except ImportError:
        return None
    names = dict(work.function.__globals__, np=autograd.numpy)
    function = type(work.function)(work.function.__code__, names)
    gradient = autograd.value_and_grad(function, argnum=tuple(range(work.count)))
    return lambda: gradient(*work.arguments)


def measure(work: Workload, rounds: int) -> None:
    """One line of the table."""
    start = time.perf_counter()
    gradient = value_and_grad(work.function, argnums=tuple(range(work.count)))
    value, found = gradient(*work.arguments)
    first = time.perf_counter() - start
    expected, by_hand = work.by_hand(*work.arguments)
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    for one, other in zip(found, by_hand, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-12)
    bare = gradient.compile(*work.arguments)
    calls: dict[str, Callable[[], Any] | None] = {
        "hand": lambda: work.by_hand(*work.arguments),
        "tapeless": lambda: gradient(*work.arguments),
        "bare": lambda: bare(*work.arguments),
        "autograd": with_autograd(work),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):  # in turn, so that a change of the machine's speed meets everyone
        for name, call in calls.items():
            if call is not None:
                times[name].append(seconds(call))
    median = {name: statistics.median(t) for name, t in times.items() if t}
    ratio = {name: f"{t / median['hand']:8.2f}" for name, t in median.items()}
    print(
        f"{work.name:34} {first * 1e3:9.1f} {median['hand'] * 1e6:11.1f} {ratio['tapeless']} {ratio['bare']} "
        f"{ratio.get('autograd', '       -')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    if any(name not in os.environ for name in ONE_THREAD):  # BLAS reads them when it is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], ONE_THREAD | os.environ)
    print(f"{'':34} {'first':>9} {'by hand':>11} {'tapeless':>8} {'bare':>8} {'autograd':>8}")
    print(f"{'value and gradient':34} {'call, ms':>9} {'us':>11} {'times the time by hand':>26}")
    for work in workloads():
        measure(work, rounds)


if __name__ == "__main__":
    main()
