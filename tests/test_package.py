"""What is shipped: the wheel's files, its metadata, and that it works with nothing but numpy and astor beside it."""

import email.parser
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOT_MODULES = {"__init__.py", "__main__.py"}
ROOMS = ("ir", "tracer", "codegen", "runtime", "nn", "implicit", "testing")


def execute(*words, **options):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def source_files():
    """The files of the source tree, as git sees them, or all that are there where there is no git."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        listed = execute(git, "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
        return [name for name in listed if name and (ROOT / name).is_file()]
    hidden = re.compile(r"(^|/)(\.|__pycache__|build/|dist/|[^/]*\.egg-info)")
    names = [p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*") if p.is_file()]
    return [name for name in names if not hidden.search(name)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the tree."""
    copy = tmp_path_factory.mktemp("tree")
    for name in source_files():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    out = tmp_path_factory.mktemp("wheel")
    execute(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, copy)
    (made,) = out.iterdir()
    return made


def test_the_wheel_holds_exactly_the_package(wheel):
    assert re.fullmatch(r"tapeless-[\d.]+-py3-none-any\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    sources = {
        name for name in source_files() if name.endswith(".py") and name.startswith(tuple(f"{r}/" for r in ROOMS))
    }
    expected = {f"tapeless/{name}" for name in sources | ROOT_MODULES | {"py.typed"}}
    metadata = {name for name in names if ".dist-info/" in name}
    assert names - metadata == expected
    assert {name.partition(".dist-info/")[2] for name in metadata} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
        "top_level.txt",
    }


def test_no_other_module_stands_at_the_root():
    assert {name for name in source_files() if "/" not in name and name.endswith(".py")} == ROOT_MODULES


def test_the_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("/METADATA")]
        metadata = email.parser.Parser().parsestr(archive.read(name).decode())
        entry = archive.read(name.replace("METADATA", "entry_points.txt")).decode()
        top = archive.read(name.replace("METADATA", "top_level.txt")).decode()
    assert metadata["Requires-Python"] == ">=3.11"
    needed = [r for r in metadata.get_all("Requires-Dist") if "extra ==" not in r]
    assert needed == ["numpy>=2.0", "astor>=0.8.1"]
    assert set(metadata.get_all("Provides-Extra")) == {"test", "scipy", "numba", "examples", "bench", "dev"}
    assert "tapeless = tapeless.runtime.commands:main" in entry
    assert top.split() == ["tapeless"]


def test_the_version_is_said_once(wheel):
    import tapeless

    assert wheel.name.split("-")[1] == tapeless.__version__


SESSION = """
import importlib.metadata, sys
import numpy as np
from tapeless import grad

def loss(w, x):
    return np.sum(np.tanh(x @ w) ** 2)

g = grad(loss)
w, x = np.linspace(-1, 1, 3), np.ones((2, 3))
dw = g(w, x)
step = 1e-6 * np.array([1.0, 2.0, -1.0])
numeric = (loss(w + step, x) - loss(w - step, x)) / 2
assert abs(dw @ step - numeric) < 1e-12, (dw @ step, numeric)
assert ").dot(x)" in g.source, g.source
installed = {d.metadata["Name"].lower() for d in importlib.metadata.distributions()}
assert installed - {"pip", "setuptools"} == {"numpy", "astor", "tapeless"}, installed
import tapeless
assert "site-packages" in tapeless.__file__, tapeless.__file__
"""


def test_it_works_with_nothing_but_numpy_and_astor(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    execute(scripts / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    (tmp_path / "session.py").write_text(SESSION)
    execute(scripts / "python", "-I", "session.py", cwd=tmp_path)
    (tmp_path / "model.py").write_text("def total(x):\n    return (x * x).sum()\n")
    execute(scripts / "tapeless", "compile", "model:total", "--args", "f64[3]", "-o", "made.py", cwd=tmp_path)
    execute(scripts / "python", "-m", "tapeless", "check", "made.py", cwd=tmp_path)


BLOCKED = """
import sys

class OnlyNumpy:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("numpy", "made"):
            raise ImportError(f"{name} is not numpy")

sys.meta_path.insert(0, OnlyNumpy())
sys.path.insert(0, ".")
try:
    import tapeless
except ImportError:
    pass
else:
    raise AssertionError("the blocker does not block")
import numpy as np
import made
x, y = np.array([[0.7, -1.0], [2.0, 0.1]]), np.array([1.0, 2.0])
value, (dx, dy) = made.mixed_value_and_grad(x, y)
for i in range(4):
    step = np.zeros(4)
    step[i] = 1e-6
    up, _ = made.mixed_value_and_grad(x + step.reshape(2, 2), y)
    down, _ = made.mixed_value_and_grad(x - step.reshape(2, 2), y)
    assert abs((up - down) / 2e-6 - dx.ravel()[i]) < 1e-6
assert not [m for m in sys.modules if m.startswith(("tapeless", "astor"))]
"""

MIXED = """\
import numpy as np

KERNEL = np.array([[1.0, 2.0], [0.5, -1.0]])


def mixed(x, y, power=2):
    h = np.maximum(x @ KERNEL, 0) + y
    h[0] *= 2
    return np.linalg.norm(h**power) + np.prod(x + 3) * y.max()
"""


def test_a_compiled_module_needs_only_numpy(tmp_path):
    (tmp_path / "model.py").write_text(MIXED)
    words = ["model:mixed", "--args", "f64[2, 2], f64[2]", "--argnums", "x,y", "--value", "-o", "made.py"]
    execute(sys.executable, "-m", "tapeless", "compile", *words, cwd=tmp_path)
    (tmp_path / "session.py").write_text(BLOCKED)
    execute(sys.executable, "-I", "session.py", cwd=tmp_path)
