"""The pages are true: their code runs, what they show is what comes out, their tables and links hold.

In a page, a ```python block is run (with `file=name.py` it is also that file; a block of another language with a file
is that alone); a block marked `output` after it shows what it printed. In a ```console block the lines after `$` are
run, and the others are their output. A block marked `needs=package` is run in a test of its own, behind all the others
of its page, if that package is installed. Write the shown outputs anew with:
pytest tests/test_docs.py --update-goldens
"""

import ast
import contextlib
import io
import linecache
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import tapeless
from tapeless import grad
from tapeless.runtime.commands import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]
_FENCE = re.compile(r"^```(\w*) *([^\n]*)\n(.*?)^```$", re.M | re.S)


@dataclass
class Block:
    language: str
    marks: str
    text: str
    start: int
    end: int


def blocks(text):
    return [Block(m[1], m[2].strip(), m[3], m.start(3), m.end(3)) for m in _FENCE.finditer(text)]


def needed(block):
    """The package without which a block is not run."""
    return block.marks.removeprefix("needs=") if block.marks.startswith("needs=") else None


class Page:
    """One page's code, run from top to bottom in one namespace and one empty folder; of what needs a package that is
    no dependency, only what needs `package`."""

    def __init__(self, text, folder, package=None):
        self.text, self.folder, self.package = text, folder, package
        self.namespace = {"__name__": "__main__"}
        self.changes = []  # (start, end, what should stand there)

    def run(self):
        printed, left_out = None, False
        for number, block in enumerate(blocks(self.text)):
            if block.marks == "output":
                assert printed is not None or left_out, f"an output without code before it:\n{block.text}"
                if not left_out:
                    self.expect(block, printed)
                printed, left_out = None, False
            elif needed(block) not in (None, self.package):
                printed, left_out = None, True
            elif block.language == "python":
                printed, left_out = self.python(block, number), False
            elif block.language == "console":
                self.console(block)
            elif block.marks.startswith("file="):
                (self.folder / block.marks.removeprefix("file=")).write_text(block.text)
        return self

    def python(self, block, number):
        named = block.marks.startswith("file=")
        name = block.marks.removeprefix("file=") if named else "example.py"
        assert named or not block.marks or needed(block), f"an unknown mark: {block.marks}"
        place = self.folder / (name if named else f"block{number}/{name}")
        place.parent.mkdir(exist_ok=True)
        place.write_text(block.text)
        linecache.checkcache(str(place))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(block.text, str(place), "exec"), self.namespace)
        return out.getvalue()

    def console(self, block):
        shown = []
        for line in block.text.splitlines():
            if line.startswith("$ "):
                shown += [line, *self.command(shlex.split(line[2:])).splitlines()]
        self.expect(block, "\n".join(shown) + "\n")

    def command(self, words):
        assert words[0] in ("tapeless", "cat"), f"a page may run tapeless and cat, not {words[0]}"
        if words[0] == "cat":
            return (self.folder / words[1]).read_text()
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
            main(words[1:])
        return out.getvalue()

    def expect(self, block, actual):
        if block.text.rstrip() != actual.rstrip():
            self.changes.append((block.start, block.end, actual.rstrip() + "\n", block.text))


OPTIONAL = [(page, p) for page in PAGES for p in {b for b in map(needed, blocks(page.read_text())) if b}]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_code_runs_and_outputs_are_real(page, tmp_path, monkeypatch, update_goldens):
    run_page(page, None, tmp_path, monkeypatch, update_goldens)


@pytest.mark.parametrize(("page", "package"), sorted(OPTIONAL), ids=[f"{q.name}-{p}" for q, p in sorted(OPTIONAL)])
def test_code_that_needs_a_package(page, package, tmp_path, monkeypatch, update_goldens):
    pytest.importorskip(package, reason=f"{page.name} shows {package}, which is not installed")
    run_page(page, package, tmp_path, monkeypatch, update_goldens)


def run_page(page, package, tmp_path, monkeypatch, update_goldens):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    try:
        done = Page(page.read_text(), tmp_path, package).run()
    finally:
        for name in set(sys.modules) - before:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
                del sys.modules[name]
    if update_goldens:
        text = done.text
        for start, end, actual, _ in reversed(done.changes):
            text = text[:start] + actual + text[end:]
        page.write_text(text)
    else:
        for _, _, actual, shown in done.changes:
            assert shown == actual


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        assert place.exists(), target
        if anchor:
            assert anchor in slugs(place.read_text()), target


def slugs(text):
    """The anchors of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    return [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]


def test_the_readme_names_every_public_name():
    text = (ROOT / "README.md").read_text()
    from tapeless import nn

    missing = [name for name in tapeless.__all__ if f"`{name}" not in text]
    missing += [name for name in nn.__all__ if f"`{name}" not in text]
    assert not missing


def test_the_readme_opens_with_two_commands():
    """For a fresh machine; .ci/run takes the second one from here."""
    first = next(b for b in blocks((ROOT / "README.md").read_text()) if b.language == "sh")
    lines = [line for line in first.text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 2
    assert all(line.startswith("python3 -m venv .venv && .venv/bin/pip install ") for line in lines)
    assert lines[0].endswith(" && .venv/bin/python examples/digits.py")
    assert lines[1].endswith(" && .venv/bin/python -m pytest")


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text()
    assert all(f"({page.name})" in index for page in PAGES[1:] if page.name != "index.md")


# -------------------------------------------------------------------------------------------------------- kinks.md


def rows():
    """(expression, point, gradient) of every table row in kinks.md."""
    found = []
    for line in (ROOT / "docs" / "kinks.md").read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and all(cell.startswith("`") for cell in cells[:3]):
            found.append(tuple(cell.strip("`") for cell in cells[:3]))
    return found


def values_of(text):
    """`x = 0, y = [1, 2]` as a dict of floats and arrays."""
    call = ast.parse(f"_({text})", mode="eval").body
    read = {"np": np, "inf": np.inf, "nan": np.nan}
    given = {k.arg: eval(ast.unparse(k.value), read) for k in call.keywords}
    return {name: np.array(v, float) if isinstance(v, list) else np.float64(v) for name, v in given.items()}


def test_the_table_of_kinks_is_read():
    assert len(rows()) > 30


@pytest.mark.parametrize(("expression", "point", "gradient"), rows(), ids=[f"{e} at {p}" for e, p, _ in rows()])
def test_the_kinks(expression, point, gradient, tmp_path):
    given = values_of(point)
    (tmp_path / "kink.py").write_text(f"def f({', '.join(given)}):\n    return np.sum({expression})\n")
    namespace = {"np": np}
    exec(compile((tmp_path / "kink.py").read_text(), str(tmp_path / "kink.py"), "exec"), namespace)
    with np.errstate(all="ignore"):
        got = grad(namespace["f"], argnums=tuple(given))(*given.values())
    want = values_of(gradient)
    assert list(want) == [f"d{name}" for name in given]
    for mine, theirs in zip(got, want.values(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-15, atol=0)


# ------------------------------------------------------------------------------------------------------- errors.md


def used_anchors():
    """The last argument of every explain(...) that has one; a Role names the page that its messages lead to."""
    found = set()
    for room in ("ir", "tracer", "codegen", "runtime", "nn", "implicit", "testing"):
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and (called := getattr(node.func, "id", "")) in ("explain", "Role"):
                    place = 3 if called == "explain" else 4
                    anchor = next((k.value for k in node.keywords if k.arg == "anchor"), None)
                    anchor = node.args[place] if anchor is None and len(node.args) > place else anchor
                    if anchor is not None and ast.unparse(anchor) != "role.page":
                        assert isinstance(anchor, ast.Constant), f"{file}:{node.lineno}: write the anchor out"
                        found.add(anchor.value)
    return found


def test_every_anchor_has_its_section_and_every_section_its_anchor():
    text = re.sub(r"^```.*?^```$", "", (ROOT / "docs" / "errors.md").read_text(), flags=re.M | re.S)
    assert set(re.findall(r"^## (.+)$", text, re.M)) == used_anchors()


def test_nothing_of_this_machine_is_in_the_pages():
    for page in [*PAGES, ROOT / "CHANGELOG.md"]:
        assert not re.search(r"/tmp/|/home/|/root/", page.read_text()), page
