"""The benchmark runs, and its hand-written gradients agree with the compiled ones (it asserts that by itself)."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_table_has_a_line_for_each_workload() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "compare.py"), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2 + 5
