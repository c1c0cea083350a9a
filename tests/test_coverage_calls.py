"""Every name that docs/coverage.md claims is called: values, shapes and dtypes are NumPy's, gradients are slopes.

What is not differentiable leaves the gradient of the rest as it is; what is refused says so, with the reason.
"""

import importlib.util
import sys
import types
from pathlib import Path

import coverage_calls_arrays
import coverage_calls_constants
import coverage_calls_linalg
import coverage_calls_methods
import coverage_calls_refused
import coverage_calls_ufuncs
import coverage_calls_values
import numpy as np
import pytest
from coverage_inputs import arguments, judge, judge_plain

from tapeless import TracingError, UnsupportedError, grad

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("coverage_page", ROOT / "docs" / "coverage.py")
coverage = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = coverage
_spec.loader.exec_module(coverage)

ROOMS = (coverage_calls_ufuncs, coverage_calls_arrays, coverage_calls_values, coverage_calls_linalg)
ROOMS = (*ROOMS, coverage_calls_constants, coverage_calls_methods)
ENTRIES = {e.name: e for e in coverage.entries()}
NEWEST = tuple(map(int, np.__version__.split(".")[:2])) >= (2, 4)


def calls_of(kind):
    """All sample calls of names that this NumPy has; dunders are no names of the page."""
    found = {}
    for room in ROOMS:
        for name, calls in getattr(room, kind, {}).items():
            if name in ENTRIES or "__" in name:
                found.setdefault(name, []).extend(calls)
    return found


MOVING, CONSTANT = calls_of("DIFFERENTIABLE"), calls_of("PLAIN")


def cases(table):
    return [pytest.param(call, id=f"{name}-{i}") for name, calls in table.items() for i, call in enumerate(calls)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", cases(MOVING))
def test_differentiable(call):
    judge(call)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", cases(CONSTANT))
def test_not_differentiable(call):
    judge_plain(call)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if e.kind == coverage.REFUSAL])
def test_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = coverage_calls_refused.REFUSED[name]
    if ENTRIES[name].how == "NumPy 2 has removed it":
        return
    with pytest.raises((TracingError, UnsupportedError)) as error:
        grad(call)(*arguments(call))
    assert ENTRIES[name].how in str(error.value)
    assert name.rpartition(".")[2] in str(error.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MOVING)
def test_a_differentiable_name_has_a_gradient(name):
    for call in MOVING[name]:
        if any(np.any(np.asarray(d) != 0) for d in judge(call, single=False)):
            return
    pytest.fail(f"no sample call of {name} has a gradient that is not zero")


# ----------------------------------------------------------------------------------------------- the claims


def test_every_name_is_classified():
    unknown = [e.name for e in ENTRIES.values() if e.kind == "unclassified"]
    assert not unknown, "put them into a table of tapeless, of tracer/refusals.py or of docs/coverage.py"


def test_every_claim_has_a_call():
    silent = {
        coverage.DIFFERENTIABLE: MOVING,
        coverage.PLAIN: CONSTANT,
        coverage.REFUSAL: coverage_calls_refused.REFUSED,
    }
    missing = [e.name for e in ENTRIES.values() if e.kind in silent and not silent[e.kind].get(e.name)]
    assert not missing, "add sample calls to tests/coverage_calls_*.py"


def test_no_call_without_a_claim():
    kinds = {name: e.kind for name, e in ENTRIES.items()}
    both = set(MOVING) & set(CONSTANT)  # one result is constant, or one argument
    assert not [n for n in MOVING if kinds.get(n, coverage.DIFFERENTIABLE) != coverage.DIFFERENTIABLE and n not in both]
    assert not [n for n in CONSTANT if kinds.get(n, coverage.PLAIN) != coverage.PLAIN and n not in both]


def words(code):
    """The keywords, and other names in constants, of a function's code."""
    found = set()
    for constant in code.co_consts:
        if isinstance(constant, str):
            found.add(constant)
        elif isinstance(constant, tuple):
            found.update(c for c in constant if isinstance(c, str))
        elif isinstance(constant, types.CodeType):
            found |= words(constant)
    return found


@pytest.mark.skipif(not NEWEST, reason="the page is about the newest NumPy")
def test_every_keyword_has_a_call():
    missing = {}
    for name, e in ENTRIES.items():
        used = {w for call in [*MOVING.get(name, ()), *CONSTANT.get(name, ())] for w in words(call.__code__)} | {
            "x",
            "y",
        }
        silent = [k for k in e.taken if k not in used]
        if silent:
            missing[name] = silent
    assert not missing


def with_keyword(function, positional, keywords):
    """A gradient of the call with respect to its first argument."""
    return grad(lambda x: np.sum(np.real(function(x, *positional[1:], **keywords))))(positional[0])


@pytest.mark.skipif(not NEWEST, reason="the page is about the newest NumPy")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if e.refused])
def test_refused_keywords(name):
    thing = np
    for part in name.split("."):
        thing = getattr(thing, part)
    call = [*MOVING.get(name, ()), *CONSTANT.get(name, ())][0]
    positional = coverage_calls_refused.POSITIONAL.get(name, lambda *args: args)(*arguments(call))
    for keyword in ENTRIES[name].refused:
        with pytest.raises((TypeError, ValueError, UnsupportedError)) as error:
            with_keyword(thing, positional, {keyword: coverage_calls_refused.VALUES.get(keyword, True)})
        assert keyword in str(error.value)


@pytest.mark.skipif(not NEWEST, reason="the page is about the newest NumPy")
def test_the_page_is_up_to_date(update_goldens):
    scipy = pytest.importorskip("scipy")
    page = ROOT / "docs" / "coverage.md"
    if update_goldens:
        page.write_text(coverage.page())
    versions = [".".join(v.split(".")[:2]) for v in (np.__version__, scipy.__version__)]
    if versions != ["2.4", "1.17"]:
        pytest.skip("the page was written with NumPy 2.4 and SciPy 1.17, the newest for Python 3.11")
    assert page.read_text() == coverage.page(), "python docs/coverage.py"
