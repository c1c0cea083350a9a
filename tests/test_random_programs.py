"""Random NumPy functions: what is compiled computes what NumPy computes, and its gradient is the slope.

`python tests/test_random_programs.py --minutes 10` draws new programs for that long and prints each failure with the
fewest lines that still fail; `--seed` starts elsewhere.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from program_oracle import Program, Skipped, check_program
from random_programs import Author, Rejected, arguments_of, load


@st.composite
def programs(draw: Any) -> str:
    try:
        return Author(lambda n: draw(st.integers(0, n - 1))).write()
    except Rejected:
        assume(False)
        raise


@settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs(text: str) -> None:
    try:
        check_program(text)
    except Skipped:
        return


def test_the_same_bytes_under_another_hash_seed() -> None:
    assert other_sources(0, 25) == sources(0, 25)


def sources(first: int, count: int) -> list[str]:
    """The gradient source of some programs; '' for those without one."""
    found = []
    for seed in range(first, first + count):
        try:
            text = Author(random.Random(seed).randrange).write()
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                program = Program(text)
                program.compiled(*program.arguments())
                found.append(program.compiled.source)
        except Exception:  # check_program says whether it may fail
            found.append("")
    return found


def other_sources(first: int, count: int) -> list[str]:
    """`sources` of a process with another hash seed."""
    command = [sys.executable, __file__, "--sources", str(first), str(count)]
    environment = {**os.environ, "PYTHONHASHSEED": "4242"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


# ------------------------------------------------------------------------------------------------- for a long time


def shrunk(text: str, failure: str) -> str:
    """Lines left out, as long as it fails in the same way."""
    lines = text.splitlines()
    changed = True
    while changed:
        changed = False
        for width in (4, 2, 1):
            number = 1
            while number < len(lines):
                fewer = lines[:number] + lines[number + width :]
                if outcome("\n".join(fewer) + "\n")[0] == failure:
                    lines, changed = fewer, True
                else:
                    number += 1
    return "\n".join(lines) + "\n"


def outcome(text: str) -> tuple[str, str]:
    """(kind, details): '' for a program that is right, 'skipped ...', or a word for the failure."""
    try:
        with np.errstate(all="raise", under="ignore"), warnings.catch_warnings(action="error"):
            float(load(text)(*arguments_of(text)))
    except Exception as error:
        return f"invalid {type(error).__name__}", ""
    try:
        check_program(text)
    except Skipped as reason:
        return f"skipped {reason}", ""
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else ""
        words = first.split(" gives ")[0].split(":")[0][:40]
        kind = words if isinstance(error, AssertionError) else type(error).__name__
        return f"FAILED {kind}", traceback.format_exc()
    return "", ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sources", type=int, nargs=2, help="print the sources of so many programs from a seed on")
    options = parser.parse_args()
    if options.sources:
        print(json.dumps(sources(*options.sources)))
        return
    end, seed, counts = time.time() + 60 * options.minutes, options.seed, Counter[str]()
    while time.time() < end:
        try:
            text = Author(random.Random(seed).randrange).write()
        except Rejected:
            continue
        finally:
            seed += 1
        kind, _ = outcome(text)
        counts[kind[:90]] += 1
        if kind.startswith("FAILED") and counts[kind[:90]] <= 3:
            text = shrunk(text, kind)
            print(f"==== {kind}, seed {seed - 1}\n{text}\n{outcome(text)[1]}", flush=True)
    some = min(seed - options.seed, 200)
    if other_sources(options.seed, some) != sources(options.seed, some):
        counts["FAILED under another hash seed"] += 1
    print(f"seeds {options.seed} to {seed}")
    for kind, count in counts.most_common():
        print(f"{count:7d}  {kind or 'right'}")


if __name__ == "__main__":
    main()
