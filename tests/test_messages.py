"""Every message that a user can meet, word by word.

The cases lie in tests/messages/*.txt: under `[case name]` a small program whose last statement goes wrong, after
`[out]` what the user reads. Under `[numpy name]` is a function that plain NumPy refuses too: its error is NumPy's own,
and after `[out]` stands what is added to it. Under `[command name]` a file model.py, then a command line after `$`.
Write what stands after `[out]` anew with: pytest tests/test_messages.py --update-goldens
"""

import contextlib
import io
import linecache
import math
import random
import re
import shlex
import sys
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import tapeless
from tapeless import TapelessError
from tapeless.runtime.commands import main

FOLDER = Path(__file__).parent / "messages"
FILES = sorted(FOLDER.glob("*.txt"))
_START = r"^\[(case|numpy|command) (\w+)\]\n"
_CASE = re.compile(rf"{_START}(.*?)(?:^\[out\]\n(.*?))?(?=^\[(?:case|numpy|command) |\Z)", re.M | re.S)
_CODE = re.compile(r"[\w\])]\(|\w\[|\w\.\w|=|--\w|\breturn [\w(]")


@dataclass
class Case:
    file: Path
    kind: str
    name: str
    program: str
    shown: str

    def __str__(self):
        return f"[{self.kind} {self.name}]\n{self.program.strip()}\n[out]\n{self.shown.strip()}\n"


def cases(file):
    return [Case(file, m[1], m[2], m[3].strip() + "\n", (m[4] or "").strip()) for m in _CASE.finditer(file.read_text())]


CASES = [case for file in FILES for case in cases(file)]


def namespace_of(program, folder):
    """What the program's text sees; the text lies in a file, so that its lines can be shown."""
    place = folder / "program.py"
    place.write_text(program)
    linecache.checkcache(str(place))
    public = {name: getattr(tapeless, name) for name in tapeless.__all__}
    modules = {"np": np, "math": math, "time": time, "random": random}
    return compile(program, str(place), "exec"), {"__name__": "program", **modules, **public}


def text_of(error):
    """The error as a user reads it at the end of a traceback."""
    family = next(k for k in type(error).__mro__[1:] if not k.__module__.startswith("tapeless"))
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    own = isinstance(error, TapelessError)
    return f"{type(error).__name__}{f' (a {family.__name__})' if own else ''}: {error}{notes}"


def raised(program, folder):
    code, namespace = namespace_of(program, folder)
    with pytest.raises(Exception) as caught, np.errstate(all="ignore"), warnings.catch_warnings():  # noqa: PT011, PT012
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of np.matrix
        exec(code, namespace)
    return caught.value


def told(case, folder):
    if case.kind == "case":
        return text_of(raised(case.program, folder))
    if case.kind == "numpy":
        call = "\nf(np.ones(3))\n", "\ngrad(f)(np.ones(3))\n"
        plain, ours = (raised(case.program + one, folder) for one in call)
        assert isinstance(ours, family(plain)), (plain, ours)
        if "traced " in str(ours):  # Python's own words about a stand-in
            return text_of(ours)
        assert str(ours) == str(plain)
        return "\n".join(getattr(ours, "__notes__", ()))
    program, _, command = case.program.rpartition("\n$ ")
    (folder / "model.py").write_text(program)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as err:
        assert main(shlex.split(command)[1:]) == 2
    return err.getvalue().strip()


def family(error):
    """The error's type, or the public one that a private one of NumPy's is a kind of."""
    return next(kind for kind in type(error).__mro__ if not kind.__name__.startswith(("_", "UFunc")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file.stem}-{case.name}")
def test_a_message(case, tmp_path, monkeypatch, update_goldens):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    try:
        found = told(case, tmp_path).strip()
    finally:
        sys.modules.pop("model", None)
    assert str(tmp_path) not in found
    assert "Tracer" not in found.removeprefix("LeakedTracerError")
    if update_goldens:
        others = cases(case.file)
        assert len(others) == len(re.findall(_START, case.file.read_text(), re.M))
        written = [replace(other, shown=found) if other.name == case.name else other for other in others]
        case.file.write_text("\n".join(map(str, written)))
    else:
        assert found == case.shown


def test_the_cases_have_names_of_their_own():
    names = [(case.file, case.name) for case in CASES]
    assert len(names) >= 100
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", [c for c in CASES if c.kind == "case"], ids=lambda case: case.name)
def test_a_message_has_a_cause_a_line_code_to_try_and_a_section(case):
    cause, *lines = case.shown.splitlines()
    said = cause.partition(": ")[2]
    assert re.match(r"(np\.)?[\w.\[\]=]*[a-z(]", said)
    assert not said.endswith(".")
    assert re.match(r"  in [\w<>]+ at program\.py:\d+:  \S", lines[0]), "the line that it happened on"
    tries = [line for line in lines if line.startswith("  Try: ")]
    assert len(tries) == 1
    assert _CODE.search(tries[0]), "a Try: line shows code"
    section = re.fullmatch(r"  See docs/errors\.md#([\w-]+)", lines[-1])
    assert section
    assert f"\n## {section[1]}\n" in (Path(__file__).parents[1] / "docs" / "errors.md").read_text()


@pytest.mark.parametrize("case", [c for c in CASES if c.kind == "numpy"], ids=lambda case: case.name)
def test_what_numpy_says_gets_the_line_and_the_expression(case):
    place = [line for line in case.shown.splitlines() if line.strip().startswith("in ")]
    assert len(place) == 1
    assert re.match(r" *in f at program\.py:\d+:  \S", place[0])
