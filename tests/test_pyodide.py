"""Generated modules in Pyodide, the Python of browsers, run by Node from the npm package `pyodide`.

The npm package is found as Node finds one: from here, or through NODE_PATH. It does not hold NumPy, which Pyodide
fetches by itself where it may.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapeless import compile_module, value_and_grad

SCRIPT = """
const { loadPyodide } = require("pyodide");
(async () => {
  const python = await loadPyodide();
  python.FS.writeFile("loss_grad.py", require("fs").readFileSync("loss_grad.py"));
  const run = (code) => python.runPythonAsync(code);
  const found = { imports: JSON.parse(await run(`
import ast, json
tree = ast.parse(open("loss_grad.py").read())
compile(tree, "loss_grad.py", "exec")
names = {a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names}
json.dumps(sorted(names | {n.module for n in tree.body if isinstance(n, ast.ImportFrom)}))`)) };
  try {
    await python.loadPackage("numpy", { messageCallback: () => {}, errorCallback: () => {} });
    await run("import numpy");
  } catch { console.log(JSON.stringify(found)); return; }
  Object.assign(found, JSON.parse(await run(`
import json, sys
import numpy as np
sys.path.insert(0, ".")
from loss_grad import loss_value_and_grad
value, dw = loss_value_and_grad(np.linspace(-1, 1, 3), np.arange(12.0).reshape(4, 3) / 12)
json.dumps({"value": float(value), "dw": dw.tolist()})`)));
  console.log(JSON.stringify(found));
})();
"""


def loss(w, x):
    return np.sum(np.log1p(np.exp(-(x @ w)))) + 0.1 * np.sum(w**2)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script says of the module."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    folder: Path = tmp_path_factory.mktemp("pyodide")
    compile_module(loss, "f64[d], f64[n, d]", path=folder / "loss_grad.py")
    (folder / "run.cjs").write_text(SCRIPT)
    words = [node, "run.cjs"]
    done = subprocess.run(words, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=300, check=False)
    if "Cannot find module 'pyodide'" in done.stderr:
        pytest.skip("the npm package pyodide is not installed, or NODE_PATH does not name its folder")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_module_is_compiled_and_imports_numpy_alone(found: dict[str, Any]) -> None:
    assert found["imports"] == ["numpy", "numpy.typing"]


def test_a_module_runs(found: dict[str, Any]) -> None:
    if "value" not in found:
        pytest.skip("Pyodide could not fetch its build of NumPy")
    value, dw = value_and_grad(loss)(np.linspace(-1, 1, 3), np.arange(12.0).reshape(4, 3) / 12)
    assert found["value"] == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(found["dw"], dw, rtol=1e-14)
