"""tapeless beside gradients written by hand and beside its peers: a table and a plot.

python benchmarks/run.py --output benchmarks/results.md
python benchmarks/run.py [--workloads chain,heat] [--systems best,tapeless] [--threads 1|all] [--quick]

Each system runs in a process of its own; the rounds go through the systems in turn, so that a change of the machine's
speed meets all of them. `best` is the fastest gradient that we could write by hand with NumPy, `naive` a plain one. A
peer that is not installed is reported as absent; `--python jax=/path/to/python` gives one an interpreter of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import report
from systems import SYSTEMS
from workloads import WORKLOADS

HERE = Path(__file__).parent
ONE_THREAD = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "NPROC": "1",  # the size of XLA's pool of threads
}
ALL_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}  # a system that waits for its turn must not spin
PATIENCE = 20.0  # seconds for the rounds of one slow system; it takes part in fewer


class Process:
    """A worker: one system on one workload. `problem` says why there is none, `fault` whether that is a failure."""

    def __init__(self, python: str, system: str, workload: str, size: str, options: argparse.Namespace) -> None:
        self.system, self.problem, self.fault, self.spent = system, "", False, 0.0
        self.limit: float = options.limit
        settings = ONE_THREAD if options.threads == "1" else ALL_THREADS
        command = [python, str(HERE / "worker.py"), system, workload, size]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | settings
        )
        self._read()

    def ask(self, do: str, **options: Any) -> dict[str, Any]:
        """The answer; an empty one from a worker that has a problem."""
        if self.problem:
            return {}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **options}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        alarm = threading.Timer(self.limit, self.process.kill)
        alarm.start()
        line = self.process.stdout.readline()
        late = not alarm.is_alive()
        alarm.cancel()
        if line:
            answer = json.loads(line)
        else:
            status = self.process.wait()
            answer = {"error": f"no answer in {self.limit:g} s" if late else f"the process ended with {status}"}
        self.fault = self.fault or "error" in answer
        self.problem = answer.get("absent") or answer.get("error") or self.problem
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def disagreement(path: Path, bar: Path) -> str:
    """How a result differs from the one that the others are held against, or nothing."""
    with np.load(path) as found, np.load(bar) as expected:
        for name in expected.files:
            one, other = found[name], expected[name]
            tolerance = 1e-4 if other.dtype == np.float32 else 1e-6
            if one.shape != other.shape or not np.allclose(one, other, tolerance, tolerance * np.abs(other).max()):
                return f"wrong result: {name}"
    return ""


def measure(name: str, options: argparse.Namespace, pythons: dict[str, str]) -> dict[str, dict[str, Any]]:
    """For each system what was found: seconds of the calls, bytes, lines; or its problem."""
    size, rounds, budget = ("small", 2, 0.001) if options.quick else ("full", options.rounds, options.budget)
    workers = [Process(pythons[system], system, name, size, options) for system in options.systems]
    found: dict[str, dict[str, Any]] = {worker.system: {} for worker in workers}
    try:
        for worker in workers:
            found[worker.system]["first"] = worker.ask("first").get("seconds")
        with tempfile.TemporaryDirectory() as folder:
            bar = Path(folder, f"{options.systems[0]}.npz")
            for worker in workers:
                path = Path(folder, f"{worker.system}.npz")
                worker.ask("result", path=str(path))
                if path.exists() and bar.exists() and not worker.problem:
                    worker.problem = disagreement(path, bar)
                    worker.fault = worker.fault or bool(worker.problem)
        for worker in workers:
            found[worker.system]["memory"] = worker.ask("memory").get("bytes")
            found[worker.system] |= worker.ask("lines")
        times: dict[tuple[str, str], list[float]] = {}
        cores: dict[str, list[float]] = {}
        for turn in range(rounds):
            order = workers if turn % 2 == 0 else workers[::-1]
            for do in ("time", "forward"):
                for worker in order:
                    if worker.problem or (worker.spent > PATIENCE and turn > 2):
                        continue
                    if options.threads == "all":
                        time.sleep(0.05)  # the last system's idle threads still spin
                    answer = worker.ask(do, budget=budget)
                    if "seconds" in answer:
                        times.setdefault((worker.system, do), []).append(answer["seconds"])
                        worker.spent += max(answer["seconds"], budget)
                    if "cores" in answer:
                        cores.setdefault(worker.system, []).append(answer["cores"])
        for (system, do), seconds in times.items():
            found[system]["steady" if do == "time" else do] = statistics.median(seconds)
        for system, busy in cores.items():
            found[system]["cores"] = statistics.median(busy)
    finally:
        for worker in workers:
            worker.close()
            if worker.problem:
                found[worker.system] = {"problem": worker.problem, "fault": worker.fault}
    return found


def options_of(arguments: list[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    """The options, and the interpreter of each system."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="names, with commas between")
    parser.add_argument(
        "--systems", default=",".join(SYSTEMS), help="the first one is the bar for the results; `bare` is one more"
    )
    parser.add_argument("--threads", choices=("1", "all"), default="1")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--budget", type=float, default=0.05, help="seconds of each system's turn in a round")
    parser.add_argument("--limit", type=float, default=180.0, help="seconds after which a system is given up")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument("--python", action="append", default=[], metavar="SYSTEM=PATH", help="or BENCH_PYTHON_SYSTEM")
    parser.add_argument("--output", type=Path, help="the table; a plot (.svg) and figures (.json) beside it")
    options = parser.parse_args(arguments)
    options.workloads, options.systems = options.workloads.split(","), options.systems.split(",")
    for name in options.workloads:
        if name not in WORKLOADS:
            parser.error(f"no workload {name!r}; there are {', '.join(WORKLOADS)}")
    for system in options.systems:
        if system not in (*SYSTEMS, "bare"):
            parser.error(f"no system {system!r}; there are {', '.join((*SYSTEMS, 'bare'))}")
    pythons = {s: os.environ.get(f"BENCH_PYTHON_{s.upper()}", sys.executable) for s in options.systems}
    pythons |= dict(one.split("=", 1) for one in options.python)
    return options, pythons


def main(arguments: list[str]) -> int:
    """Writes the table and the plot, or prints the table without --output; 1 if a system failed."""
    options, pythons = options_of(arguments)
    results = {}
    for name in options.workloads:
        results[name] = measure(name, options, pythons)
        print(report.progress(name, results[name]), file=sys.stderr, flush=True)
    text = report.markdown(results, options.systems, options.threads, options.quick)
    if options.output is None:
        print(text)
    else:
        options.output.write_text(text)
        options.output.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        report.plot(results, options.systems, options.output.with_suffix(".svg"))
    return int(any(one.get("fault") for row in results.values() for one in row.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
