"""Writes coverage.md: every public name of NumPy, with what tapeless makes of it, from tapeless' own tables.

    python docs/coverage.py            # with the newest NumPy and SciPy

`entries()` classifies; a name that no table knows has the kind "unclassified", and a test fails.
"""

from __future__ import annotations

import importlib
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tapeless.ir.op import BY_CALLABLE, Nondifferentiable, Op
from tapeless.ir.ops.compositions import COMPOSITIONS
from tapeless.tracer.array import ArrayTracer
from tapeless.tracer.functions import FUNCTIONS, load_all
from tapeless.tracer.interception import MAKERS, original_of
from tapeless.tracer.refusals import REFUSED

load_all()
DIFFERENTIABLE, PLAIN, REFUSAL, ELSEWHERE = "differentiable", "not differentiable", "refused", "not about values"
SCIPY = ("scipy.special", "scipy.linalg", "scipy.signal", "scipy.stats", "scipy.fft")

# Names that are about no values of arrays: in a traced function each means what it means in NumPy.
GROUPS: dict[str, str] = {
    "constants": "pi e euler_gamma inf nan newaxis True_ False_ little_endian ScalarType sctypeDict typecodes",
    "dtypes (called with a traced value, a type of numbers casts it)": "dtype finfo iinfo issubdtype isdtype "
    "promote_types typename mintypecode",
    "floating-point errors, buffers": "errstate seterr geterr seterrcall geterrcall setbufsize getbufsize",
    "printing": "set_printoptions get_printoptions printoptions base_repr binary_repr info",
    "the installation": "get_include show_config show_runtime test linalg.test fft.test linalg.LinAlgError",
    "dates": "busday_count busday_offset busdaycalendar is_busday datetime_as_string datetime_data",
    "classes, for isinstance": "ndarray ufunc flatiter record recarray",
    "shapes": "broadcast_shapes ndindex",
    "facts about a ufunc": "ufunc.identity ufunc.nargs ufunc.nin ufunc.nout ufunc.ntypes ufunc.resolve_dtypes "
    "ufunc.signature ufunc.types",
}
_GROUP_OF = {name: group for group, names in GROUPS.items() for name in names.split()}

# Answered by arrangements or by NumPy itself: what they give is a constant, an index, true or false.
_CONSTANT = [
    "zeros",
    "ones",
    "empty",
    "eye",
    "identity",
    "tri",
    "zeros_like",
    "ones_like",
    "empty_like",
    "indices",
    "diag_indices",
    "diag_indices_from",
    "tril_indices",
    "triu_indices",
    "tril_indices_from",
    "triu_indices_from",
    "mask_indices",
    "ix_",
    "mgrid",
    "ogrid",
    "s_",
    "index_exp",
    "ravel_multi_index",
    "unravel_index",
    "argsort",
    "argpartition",
    "lexsort",
    "searchsorted",
    "digitize",
    "nonzero",
    "flatnonzero",
    "argwhere",
    "count_nonzero",
    "isin",
    "in1d",
    "any",
    "all",
    "argmax",
    "argmin",
    "nanargmax",
    "nanargmin",
    "allclose",
    "isclose",
    "array_equal",
    "array_equiv",
    "shape",
    "ndim",
    "size",
    "iscomplexobj",
    "isrealobj",
    "iscomplex",
    "isreal",
    "isneginf",
    "isposinf",
    "isscalar",
    "iterable",
    "isfortran",
    "result_type",
    "can_cast",
    "common_type",
    "min_scalar_type",
    "fromstring",
    "einsum_path",
    "sign",
    "round",
    "around",
    "fix",
    "histogram_bin_edges",
    "bartlett",
    "blackman",
    "hamming",
    "hanning",
    "linalg.matrix_rank",
    "fft.fftfreq",
    "fft.rfftfreq",
    "ndarray.argmax",
    "ndarray.argmin",
    "ndarray.argsort",
    "ndarray.argpartition",
    "ndarray.searchsorted",
    "ndarray.nonzero",
    "ndarray.any",
    "ndarray.all",
    "ndarray.round",
    "ndarray.shape",
    "ndarray.ndim",
    "ndarray.size",
    "ndarray.dtype",
    "ndarray.itemsize",
    "ndarray.nbytes",
    "ndarray.flags",
    "ndarray.device",
]
# Answered by NumPy's own code, which calls what is answered.
_OF_OTHERS = "vectorize trapz fromfunction ndenumerate nditer poly1d r_ c_ " + " ".join(
    f"ufunc.{name}" for name in ("reduce", "accumulate", "reduceat", "outer", "at")
)
# What a name does not take, besides the parameters that its answer lacks.
_REFUSED_KEYWORDS: dict[str, str] = {
    **dict.fromkeys(("median", "nanmedian", "quantile", "percentile"), "overwrite_input"),
    **dict.fromkeys(("nanquantile", "nanpercentile"), "overwrite_input weights"),
    **dict.fromkeys(("sort", "argsort", "partition", "argpartition"), "order"),
    **dict.fromkeys(("fft.hfft", "fft.rfft2", "fft.irfft2", "fft.rfftn", "fft.irfftn"), "out"),
    "array": "ndmax",
}


_NOWHERE = ("like", "device", "einsum_call")  # about other libraries' arrays, and NumPy's own


@dataclass(frozen=True)
class Entry:
    """One name: its kind, how it is answered or why not, and the keywords that are taken and refused."""

    name: str
    kind: str
    how: str = ""
    taken: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def public(module: types.ModuleType, prefix: str) -> Iterator[tuple[str, Any]]:
    for name in sorted(dir(module)):
        if not name.startswith("_") and name != "test_suite":
            thing = original_of(getattr(module, name, None))
            if not isinstance(thing, types.ModuleType):
                yield prefix + name, thing


def attributes(kind: type, prefix: str) -> Iterator[tuple[str, Any]]:
    for name in sorted(dir(kind)):
        if not name.startswith("_"):
            yield prefix + name, getattr(kind, name, None)


def entries() -> list[Entry]:
    """All names of numpy, numpy.linalg, numpy.fft, the ndarray and the ufunc, classified."""
    found = [*public(np, ""), *public(np.linalg, "linalg."), *public(np.fft, "fft.")]
    listed = [_classified(name, thing) for name, thing in found]
    listed += [_method(name) for name, _ in attributes(np.ndarray, "ndarray.")]
    return listed + [_classified(name, thing) for name, thing in attributes(np.ufunc, "ufunc.")]


def _classified(name: str, thing: Any) -> Entry:
    if name in REFUSED:
        return Entry(name, REFUSAL, REFUSED[name])
    if name in _GROUP_OF:
        return Entry(name, ELSEWHERE, _GROUP_OF[name])
    if isinstance(thing, type) and issubclass(thing, np.generic):
        return Entry(name, ELSEWHERE, list(GROUPS)[1])
    how = _how(name, thing)
    if not how:
        return Entry(name, "unclassified")
    taken, refused = keywords(name, thing)
    return Entry(name, PLAIN if name in _CONSTANT or how == "constant" else DIFFERENTIABLE, how, taken, refused)


def _how(name: str, thing: Any) -> str:
    """Which table answers the name."""
    if name in _CONSTANT:
        return "constant"
    op = _get(BY_CALLABLE, thing)
    if isinstance(op, Op):
        return "constant" if isinstance(op.rule, Nondifferentiable) else "primitive"
    owner, _, last = name.rpartition(".")
    module = "numpy" + "." * bool(owner) + owner
    if _get(COMPOSITIONS, thing) or _get(FUNCTIONS, thing) or (module, last) in MAKERS or name in _OF_OTHERS.split():
        return "composition"
    return "composition" if isinstance(thing, np.ufunc) and thing.nout == 2 else ""


def _get(table: dict[Any, Any], thing: Any) -> Any:
    try:
        return dict.get(table, thing)
    except TypeError:
        return None


def _method(name: str) -> Entry:
    last = name.partition(".")[2]
    if name in REFUSED:
        return Entry(name, REFUSAL, REFUSED[name])
    if last not in dir(ArrayTracer):
        return Entry(name, "unclassified")
    return Entry(name, PLAIN if name in _CONSTANT else DIFFERENTIABLE, "" if name in _CONSTANT else "composition")


# ------------------------------------------------------------------------------------------------------ keywords


def keywords(name: str, thing: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The parameters with a default that are taken, and those that are refused."""
    if isinstance(thing, np.ufunc | type) or not callable(thing) or name == "ufunc.at":
        return (), ()  # what all ufuncs take is said once
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return (), ()
    optional = [p.name for p in parameters if p.default is not p.empty and p.name not in _NOWHERE]
    refused = [k for k in optional if k in _REFUSED_KEYWORDS.get(name, "").split() or not _takes(thing, k)]
    return tuple(k for k in optional if k not in refused), tuple(refused)


def _takes(thing: Any, keyword: str) -> bool:
    meaning = _get(FUNCTIONS, thing)
    if meaning is not None:
        parameters = inspect.signature(meaning).parameters.values()
        return any(p.name == keyword or p.kind is p.VAR_KEYWORD for p in parameters)
    meaning = _get(BY_CALLABLE, thing) or _get(COMPOSITIONS, thing)
    if meaning is None:
        return True
    answer = meaning.infer if isinstance(meaning, Op) else meaning
    places = [p.name for p in inspect.signature(thing).parameters.values()]
    own = inspect.signature(answer).parameters.values()
    operands = sum(p.kind is not p.KEYWORD_ONLY for p in own)
    return keyword in ("out", "dtype") or places.index(keyword) < operands or any(p.name == keyword for p in own)


# -------------------------------------------------------------------------------------------------------- the page


def scipy_entries(module: str) -> list[Entry]:
    """The public names of a module of SciPy; whatever no table answers is refused."""
    try:
        home = importlib.import_module(module)
    except ImportError:
        return []
    listed = []
    for name in sorted(getattr(home, "__all__", dir(home))):
        thing = original_of(getattr(home, name, None))
        if name.startswith("_") or not callable(thing) or (isinstance(thing, type) and issubclass(thing, Exception)):
            continue
        op = _get(BY_CALLABLE, thing)
        plain = isinstance(op, Op) and isinstance(op.rule, Nondifferentiable)
        known = op is not None or _get(COMPOSITIONS, thing) or _get(FUNCTIONS, thing) or (module, name) in MAKERS
        listed.append(Entry(name, PLAIN if plain else DIFFERENTIABLE if known else REFUSAL))
    return listed


_HEAD = """# What is covered

Written by `docs/coverage.py` from the tables that answer the calls. Each public name of NumPy {numpy} is

- *differentiable*: a primitive with a derivative of its own, or a composition of such;
- *not differentiable*: the values are NumPy's, and the gradient through them is zero, because they do not move with
  the input, or only by jumps;
- *refused*: an error that names the call, with the reason given here; or
- *not about values*: it means what it means in NumPy.

Every differentiable name is called in `tests/coverage_calls_*.py`, with each keyword that is listed here: values,
shapes and dtypes are compared with NumPy's, and gradients with differences. A keyword that is not listed is refused by
name. All universal functions take `out`, `where` (with `out`), `dtype` and `casting`; they refuse `order`, `subok` and
`signature`.

{counts}
"""


def page() -> str:
    listed = entries()
    rooms = {
        "numpy": [e for e in listed if "." not in e.name],
        "numpy.linalg": [e for e in listed if e.name.startswith("linalg.")],
        "numpy.fft": [e for e in listed if e.name.startswith("fft.")],
        "Methods and attributes of arrays": [e for e in listed if e.name.startswith("ndarray.")],
        "Methods of ufuncs": [e for e in listed if e.name.startswith("ufunc.")],
    }
    text = [_HEAD.format(numpy=".".join(np.__version__.split(".")[:2]), counts=_counts(rooms))]
    for title, room in rooms.items():
        text += [f"## {title}", "", *_room(room)]
    for module in SCIPY:
        found = scipy_entries(module)
        if found:
            text += [f"## {module}", "", *_names_of(found)]
    return "\n".join(text).rstrip() + "\n"


def _counts(rooms: dict[str, list[Entry]]) -> str:
    kinds = (DIFFERENTIABLE, PLAIN, REFUSAL, ELSEWHERE)
    lines = [f"| | {' | '.join(kinds)} |", "|---|" + "---:|" * len(kinds)]
    for title, room in rooms.items():
        lines.append(f"| {title} | {' | '.join(str(sum(e.kind == k for e in room)) for k in kinds)} |")
    return "\n".join(lines)


def _last(entry: Entry) -> str:
    return f"`{entry.name.rpartition('.')[2]}`"


def _room(room: list[Entry]) -> list[str]:
    lines = ["### Differentiable", "", "| name | | keywords | refused keywords |", "|---|---|---|---|"]
    lines = [line.replace("### ", "**").replace("Differentiable", "Differentiable**") for line in lines[:1]] + lines[1:]
    for e in room:
        if e.kind == DIFFERENTIABLE:
            taken, refused = (", ".join(f"`{k}`" for k in ks) for ks in (e.taken, e.refused))
            lines.append(f"| {_last(e)} | {e.how} | {taken} | {refused} |")
    plain = [e for e in room if e.kind == PLAIN]
    if plain:
        lines += ["", "**Not differentiable**", "", *_wrapped(plain)]
        partial = [e for e in plain if e.refused]
        lines += [f"\n`{e.name}` refuses {', '.join(f'`{k}`' for k in e.refused)}." for e in partial]
    refused_names = [e for e in room if e.kind == REFUSAL]
    if refused_names:
        lines += ["", "**Refused**", "", "| name | reason |", "|---|---|"]
        lines += [f"| {_last(e)} | {e.how} |" for e in refused_names]
    groups = [e for e in room if e.kind == ELSEWHERE]
    if groups:
        lines += ["", "**Not about values**", ""]
        for group in dict.fromkeys(e.how for e in groups):
            lines.append(f"- {group}: {', '.join(_last(e) for e in groups if e.how == group)}")
    return [*lines, ""]


def _names_of(found: list[Entry]) -> list[str]:
    lines = []
    for kind in (DIFFERENTIABLE, PLAIN, REFUSAL):
        some = [e for e in found if e.kind == kind]
        if some:
            told = "Refused, because no table answers them" if kind == REFUSAL else kind.capitalize()
            lines += [f"**{told}** ({len(some)})", "", *_wrapped(some), ""]
    return lines


def _wrapped(some: list[Entry]) -> list[str]:
    lines, line = [], ""
    for entry in some:
        shown = _last(entry)
        if line and len(line) + len(shown) > 115:
            lines.append(line)
            line = ""
        line += f"{shown}, "
    return [*lines, line.rstrip(", ")]


if __name__ == "__main__":
    Path(__file__).with_name("coverage.md").write_text(page())
