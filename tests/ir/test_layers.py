"""Imports run one way, one module talks to astor, and no file grows past 500 lines."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = {
    "ir": {"ir"},
    "tracer": {"tracer", "ir"},
    "codegen": {"codegen", "ir"},
    "runtime": {"runtime", "tracer", "codegen", "ir"},
    "nn": {"nn", "tracer", "ir"},
    "implicit": {"implicit", "runtime", "tracer"},
    "testing": {"testing", "runtime"},
}
OTHERS = {"tests", "docs", "examples", "benchmarks"}
HIDDEN = {".git", "build", "dist", "goldens", "__pycache__", ".hypothesis", ".venv", "venv"}
FILES = sorted(p for p in ROOT.rglob("*.py") if not HIDDEN & set(p.relative_to(ROOT).parts))
SOURCES = [p for p in FILES if p.relative_to(ROOT).parts[0] not in OTHERS]
FACADE = ROOT / "__init__.py"


def imports(path: Path) -> set[tuple[str, ...]]:
    """All modules that a file imports, anywhere in it; ours as paths from the root, starting with 'tapeless'."""
    package = path.relative_to(ROOT).parts[:-1]
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found.update(tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = tuple((node.module or "").split(".")) if node.module else ()
            if node.level:
                assert node.level - 1 <= len(package), f"{path} imports from above the root"
                module = ("tapeless", *package[: len(package) - node.level + 1], *module)
            found.update((*module, alias.name) for alias in node.names)
    return found


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_imports_run_one_way(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    ours = {module[1] for module in imports(path) if module[0] == "tapeless" and len(module) > 1}
    if len(parts) == 1:
        return  # the façade may import everything
    assert parts[0] in LAYERS, f"{named(path)}: {parts[0]} is not a layer of the house"
    beyond = (ours & {*LAYERS, "__main__"}) - LAYERS[parts[0]]
    assert not beyond, f"{named(path)} imports {', '.join(sorted(beyond))}"
    assert ours - {"__version__"} <= LAYERS[parts[0]], f"{named(path)} imports {ours} from the façade"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_imports_inside_the_package_are_relative(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level:
            assert (node.module or "").split(".")[0] not in {"tapeless", *LAYERS}, f"{named(path)}: {node.module}"
        if isinstance(node, ast.Import):
            assert not {a.name.split(".")[0] for a in node.names} & {"tapeless", *LAYERS}, named(path)


def test_only_one_module_imports_astor() -> None:
    users = {named(p) for p in SOURCES if any(m[0] == "astor" for m in imports(p))}
    assert users <= {"codegen/source.py"}


def test_the_package_needs_numpy_and_astor_alone() -> None:
    import sys

    known = {*sys.stdlib_module_names, "numpy", "astor", "tapeless", "scipy"}
    for path in SOURCES:
        assert {m[0] for m in imports(path)} <= known, named(path)
    for path in SOURCES:
        top = ast.parse(path.read_text()).body
        for node in top:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not any(n.partition(".")[0] == "scipy" for n in names), f"{named(path)} needs scipy to be imported"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_file_is_longer_than_500_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 500


def test_the_parser_of_imports_sees_them(tmp_path: Path) -> None:
    found = imports(ROOT / "ir" / "ops" / "linear.py")
    assert ("tapeless", "ir", "builder", "Value") in found
    assert ("tapeless", "ir", "ops", "elementwise", "where") in found
    assert ("numpy",) in found
