"""The examples run, as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *options: str, folder: Path, columns: int = 120) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *options],
        cwd=folder,
        env={**os.environ, "COLUMNS": str(columns), "MPLCONFIGDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_read_the_backward_pass(tmp_path: Path) -> None:
    out = run("read_the_backward_pass.py", folder=tmp_path)
    rows = [line.split("   ") for line in out.splitlines()]
    beside = {row[0].strip(): row[-1].strip() for row in rows if len(row) > 1}
    assert beside["out = gamma * x_norm + beta"].startswith("dbeta = dout.sum(axis=0)")
    assert beside["x_norm = xc / std"] == "dxc = dx_norm / std"
    assert beside["std = np.sqrt(var + 1e-5)"] == "dvar = 0.5 * dstd / std"
    assert beside["mu = x.mean(axis=0)"].startswith("dx = ")
    assert max(map(len, out.splitlines())) <= 120
    narrow = run("read_the_backward_pass.py", folder=tmp_path, columns=50)
    assert "# x_norm = xc / std\n    dxc = dx_norm / std\n" in narrow


def test_newton(tmp_path: Path) -> None:
    out = run("newton.py", folder=tmp_path)
    steps = [line.split() for line in out.splitlines() if "products" in line]
    losses = [float(step[2]) for step in steps]
    assert losses == sorted(losses, reverse=True), "Newton's method went up"
    assert float(steps[-1][4]) < 1e-6, "the last step did not begin close to the minimum"
    assert "def loss_hvp(w, x, y, v):" in out
    pytest.importorskip("scipy", reason="nothing to compare with: SciPy is not installed")
    assert float(out.split("differ by at most ")[1].rstrip(".\n")) < 1e-8


def test_digits(tmp_path: Path) -> None:
    for name in ("sklearn", "matplotlib", "tqdm"):
        pytest.importorskip(name, reason=f"the extra `examples` is not installed: no {name}")
    out = run("digits.py", "--epochs", "6", "--limit", "700", "--out", "results", folder=tmp_path)
    accuracy = float(out.split("%")[0].split()[-1])
    assert accuracy > 90, out
    assert (tmp_path / "results" / "loss.png").stat().st_size > 10_000
    module = (tmp_path / "results" / "digits_gradient.py").read_text()
    assert "import tapeless" not in module
    assert sorted(p.name for p in (tmp_path / "results").iterdir()) == ["digits_gradient.py", "loss.png"]
    assert "differs by at most" in out


def test_digits_says_what_is_wrong_with_its_options(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "digits.py"), "--epochs", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--epochs must be at least 1" in done.stderr
