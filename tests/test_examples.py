"""The examples run, as a user runs them."""

from __future__ import annotations

import os
import shutil
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


# ----------------------------------------------------------------------------------------------- ship_a_gradient

WITHOUT_TAPELESS = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tapeless", "astor"):
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Refusing())
sys.path.insert(0, sys.argv[1])
import numpy as np
import halflife
times = np.linspace(0.0, 8.0, 40)
amounts, rates, _ = halflife.fit(times, 3 * np.exp(-0.4 * times) + 1.5 * np.exp(-2 * times), [0.3, 3.0])
assert not any(name.partition(".")[0] == "tapeless" for name in sys.modules)
print(*np.round([*amounts, *rates], 6))
"""


def check(folder: Path, command: str = "check") -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tapeless", command]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def shipped(tmp_path: Path, update_goldens: bool) -> Path:
    """A copy of the package, whose gradient --update-goldens makes anew."""
    if update_goldens:
        assert check(EXAMPLES / "ship_a_gradient", "compile").returncode == 0
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
    return Path(shutil.copytree(EXAMPLES / "ship_a_gradient", tmp_path / "halflife", ignore=ignored))


def test_the_shipped_gradient_is_current_and_a_changed_model_is_noticed(shipped: Path) -> None:
    done = check(shipped)
    assert done.returncode == 0, done.stdout + done.stderr
    model = shipped / "src" / "halflife" / "model.py"
    model.write_text(model.read_text().replace("0.5 * np.mean", "2.0 * np.mean"))
    done = check(shipped)
    assert done.returncode == 1
    assert "+    value = 2.0 * np.mean" in done.stdout
    assert check(shipped, "compile").returncode == check(shipped).returncode == 0


def test_the_first_gradient_of_a_package_that_imports_it(shipped: Path) -> None:
    gradients = shipped / "src" / "halflife" / "_gradients.py"
    before = gradients.read_text()
    gradients.unlink()
    done = check(shipped, "compile")
    assert done.returncode == 0, done.stderr
    assert gradients.read_text() == before


def test_the_shipped_gradient_needs_no_tapeless(shipped: Path) -> None:
    words = [sys.executable, "-I", "-W", "error", "-c", WITHOUT_TAPELESS, str(shipped / "src")]
    done = subprocess.run(words, cwd=shipped, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["3.0", "1.5", "0.4", "2.0"]


def test_the_package_passes_its_own_tests(shipped: Path) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    path = {**os.environ, "PYTHONPATH": str(shipped / "src")}
    done = subprocess.run(words, cwd=shipped, env=path, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout
