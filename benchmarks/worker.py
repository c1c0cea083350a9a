"""One system on one workload, in a process of its own: answers one command (a line of JSON) after the other.

python benchmarks/worker.py SYSTEM WORKLOAD full|small
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from systems import NUMPY_SYSTEMS, Calls, CannotRun, calls, versions
from workloads import WORKLOADS

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def seconds(call: Callable[[], Any], budget: float) -> tuple[float, float]:
    """The time of one call, from as many as fill the budget, and how many cores were busy meanwhile."""
    count, start, busy = 0, time.perf_counter(), time.process_time()
    while True:
        call()
        count += 1
        spent = time.perf_counter() - start
        if spent > budget:
            return spent / count, (time.process_time() - busy) / spent


def traced_peak(call: Callable[[], Any]) -> int:
    """The most bytes that one call held at a time, of those that Python and NumPy took while it ran."""
    gc.collect()
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def resident_peak(call: Callable[[], Any]) -> int | None:
    """How far the resident memory of the process rose above its level before one call; None where Linux is not."""
    try:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        CLEAR.write_text("5")  # the high-water mark starts anew
        before = _status("VmRSS")
        call()
        return max(_status("VmHWM") - before, 0)
    except (OSError, AttributeError):
        return None


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    return int(found.group(1)) * 1024 if found else 0


def answer(command: dict[str, Any], system: str, made: Calls) -> dict[str, Any]:
    """What `command["do"]` asks for."""
    match command["do"]:
        case "first":
            start = time.perf_counter()
            made.gradient()
            return {"seconds": time.perf_counter() - start}
        case "time":
            spent, cores = seconds(made.gradient, command["budget"])
            return {"seconds": spent, "cores": cores}
        case "forward":
            return {"seconds": seconds(made.forward, command["budget"])[0]}
        case "memory":
            if made.memory is not None:
                return {"bytes": made.memory()}
            return {"bytes": (traced_peak if system in NUMPY_SYSTEMS else resident_peak)(made.gradient)}
        case "lines":
            return {"lines": made.lines(), "versions": versions(system)}
        case "result":
            value, gradients = made.gradient()
            np.savez(command["path"], value, *gradients)
            return {}
    raise ValueError(command["do"])


def main() -> None:
    system, name, size = sys.argv[1:]
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is not an answer
    warnings.simplefilter("ignore")

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        made = calls(system, WORKLOADS[name], WORKLOADS[name].draw(size))
    except CannotRun as reason:
        reply({"absent": str(reason)})
        return
    except Exception as error:
        reply({"error": f"{type(error).__name__}: {error}"})
        return
    reply({"ready": True})
    for line in sys.stdin:
        try:
            reply(answer(json.loads(line), system, made))
        except Exception as error:
            reply({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
