"""Gradients kept on disk, as the source that they are, for the next process: see docs/cache.md.

A file is named after a digest of all that its trace depended on (fingerprint.py), and is written only if what ran
while it was traced is covered by that digest (executed.py). It is read only if it is private (private_folder.py),
whole, and says what it is for. Whatever is wrong with a cache is said once, and the call goes on without it.
"""

from __future__ import annotations

import ast
import binascii
import hashlib
import importlib
import inspect
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np

from ..codegen.module import Generated
from ..ir.ops.effects import GuardMiss
from ..ir.passes.dead_code import guards_only
from ..ir.program import Equation, Origin, Program, Var
from ..ir.types import type_of
from ..tracer.errors import TapelessError, explain
from ..tracer.site import called_at, is_user_code
from ..tracer.state import Contents, Snapshot, own_package, snapshot
from .binding import Parameters, give_defaults
from .compilation import Stages
from .executed import Executed
from .fingerprint import PINNED, Unprovable, of_call, own_source
from .loading import load
from .overlap import written
from .private_folder import PrivateFolder, Untrusted
from .request import Request

FORMAT = 1
MOST = 256  # files for one function
MOST_PATHS = 32  # of them for one kind of call
LARGEST_ARRAY = 2**20  # bytes of arrays that a function makes by itself, which are kept with its text
_FIRST = re.compile(rb"# tapeless cache, format (\d+), sha256 ([0-9a-f]{64})\n")
_SOURCE = "# ---- source\n"

_said: set[tuple[str, str]] = set()


class CacheWarning(RuntimeWarning):
    """The cache on disk was not used, or not written, and why; the gradient is right without it."""


class Damaged(Exception):
    """A file of the cache is not what was written."""


class Entry(NamedTuple):
    """One file, as a compiled path needs it."""

    stages: Stages
    writes: tuple[int, ...]
    file: str


def chosen_folder(cache: bool | str) -> str:
    """The folder that an argument, or the value of TAPELESS_CACHE, means."""
    if isinstance(cache, str) and cache.lower() not in ("1", "true", "yes", "on"):
        return os.path.abspath(os.path.expanduser(cache))
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
        return os.path.join(base, "tapeless", "cache")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches/tapeless")
    base = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.expanduser("~/.cache"), "tapeless")


class Kept:
    """What a cache holds for one call, and where what is traced for it is put."""

    def __init__(self, made: Any, request: Request, parameters: Parameters, signature: inspect.Signature) -> None:
        """`made` is the gradient. Nothing is written or read yet, and nothing raised."""
        self.request = request
        self.signature = signature
        self.reason = ""  # why nothing can be kept for this call
        self.around = Snapshot()
        self.key = ""
        self.watch = Executed(_package(request.function))  # to be put around the trace
        cache = os.environ.get("TAPELESS_CACHE", "") if request.cache is None else request.cache
        self._root = chosen_folder(cache)
        self._folder = PrivateFolder(self._root, _folder_name(request.function))
        if self._root.startswith("~"):
            self.reason = "there is no home folder"
            return
        try:
            with self._at_home():
                self.around = snapshot(request.function, parameters, classes=True)
                self.key = of_call(made, parameters, self.around)
        except Unprovable as error:
            self.reason = str(error)
        except TapelessError:  # the trace is going to say the same
            self.reason = "the function cannot be traced"
        except Exception as error:  # of a thing that does not bear to be looked at
            self.reason = f"what is around it cannot be compared: {type(error).__name__}: {error}"

    def entries(self) -> Iterator[Entry]:
        """The files for this call that are as they were written."""
        if self.reason:
            return
        for name in self._names():
            path = os.path.join(self._folder.path, name)
            try:
                entry = self._restored(self._folder.read(name), path)
            except FileNotFoundError:  # another process has replaced it
                continue
            except Untrusted as error:
                self._folder.remove(name)
                _say("trust", path, f"{error}, and is not read")
            except OSError as error:
                _say("read", path, f"{path} cannot be read ({error.strerror or error})")
            except Exception as error:
                self._folder.remove(name)
                why = error if isinstance(error, Damaged) else "it does not hold what it says"
                _say("damaged", path, f"{path} is not as it was written ({why}), and is discarded")
            else:
                if entry is not None:
                    yield entry

    @contextmanager
    def _at_home(self) -> Iterator[None]:
        """While the package that the function is from counts as the user's, also if it is installed."""
        token = own_package.set(self.watch.package)
        try:
            yield
        finally:
            own_package.reset(token)

    def keep(self, stages: Stages) -> str:
        """Write what was traced, if it may be kept. Returns what became of it, for `explain`."""
        with self._at_home():
            reason = self.reason or self._objection(stages)
        if reason:
            return f"not kept on disk: {reason}"
        name = f"{self.key[:32]}-{hashlib.sha256(stages.source.encode()).hexdigest()[:12]}.py"
        try:
            content = self._text(stages)
            if len(self._names()) >= MOST_PATHS:
                return f"not kept on disk: {MOST_PATHS} paths of this kind of call are kept already"
            self._folder.write(name, content, MOST)
        except Unprovable as error:
            return f"not kept on disk: {error}"
        except Untrusted as error:
            _say("trust", error.path, f"{error}, and is not used")
            return f"not kept on disk: {error}"
        except OSError as error:
            _say("use", self._root, f"nothing can be written to {self._root} ({error.strerror or error})")
            return f"not kept on disk: {error.strerror or error}"
        except Exception as error:  # of a text that cannot be put into a file
            return f"not kept on disk: it cannot be written down: {type(error).__name__}: {error}"
        return f"kept in {os.path.join(self._folder.path, name)}"

    def _names(self) -> list[str]:
        try:
            return [name for name in self._folder.names() if name.startswith(self.key[:32] + "-")]
        except Untrusted as error:
            _say("trust", error.path, f"{error}, and is not used")
        except OSError as error:
            _say("use", self._root, f"{self._folder.path} cannot be read ({error.strerror or error})")
        return []

    def _objection(self, stages: Stages) -> str:
        """Why what was traced would not be right in another process."""
        if stages.generated.externals:
            return f"the text calls {stages.generated.externals[0].original}, a function that nobody looks into"
        if stages.generated.positions:
            return "the text is run under watch, for debug"
        if not self.around.holds():
            return f"{self.around.difference()} while it was traced"
        return self.watch.objection(self.around)

    # ----------------------------------------------------------------------------------------------------- the file

    def _text(self, stages: Stages) -> bytes:
        """The file: what it is for, what it needs, and the source."""
        generated = stages.generated
        libraries = sorted({m.partition(".")[0] for m in generated.imports} | (self.watch.libraries & {"scipy"}))
        origin = stages.trace.origin
        header: dict[str, Any] = {
            "function": f"{_full_name(self.request.function)}{f' ({origin})' if origin and origin.file else ''}",
            "call": stages.types,
            "made_with": [f"tapeless {own_source()}", f"numpy {np.__version__}", f"Python {sys.version.split()[0]}"],
            "depends_on": [_described(f) for f in self.around.functions]
            + sorted({w.name for w in self.around.watched}),
            "key": self.key,
            "name": stages.request.name,
            "generated": _plain(generated),
            "guards": _guards_text(stages),
            "helpers": [f"{helper.__module__}:{helper.__qualname__}" for helper in generated.helpers],
            "libraries": {name: _version(name) for name in libraries},
            "captures": self._captures(stages),
            "writes": list(written(stages.optimized)),
        }
        for helper in header["helpers"]:
            _helper(helper)
        lines = [f"# {name}: {value!r}\n" for name, value in header.items()]
        lines += ["\nimport numpy as np\n", *(f"import {module}\n" for module in generated.imports)]
        lines += [f"from {h.__module__} import {h.__name__}\n" for h in generated.helpers]
        lines += ["from tapeless import GuardMiss\n"] if generated.guarded else []
        rest = "".join([*lines, "\n", _SOURCE, generated.text]).encode()
        return f"# tapeless cache, format {FORMAT}, sha256 {hashlib.sha256(rest).hexdigest()}\n".encode() + rest

    def _captures(self, stages: Stages) -> list[dict[str, Any]]:
        """Where the arrays are that the text reads: around the function, or here if the function makes them."""
        found, size = [], 0
        places = {id(one.thing): i for i, one in enumerate(self.around.watched) if isinstance(one, Contents)}
        for name, array in zip(stages.generated.captures, stages.captured, strict=True):
            one: dict[str, Any] = {"name": name, "dtype": array.dtype.str, "shape": array.shape}
            if id(array) in places:
                one["watched"] = places[id(array)]
            elif array.flags.c_contiguous or array.flags.f_contiguous:
                size += array.nbytes
                if size > LARGEST_ARRAY:
                    raise Unprovable(f"it makes arrays of {size} bytes by itself")
                one["order"] = "C" if array.flags.c_contiguous else "F"
                one["data"] = binascii.b2a_base64(array.tobytes(one["order"]), newline=False).decode()
            else:
                raise Unprovable(f"the array {name} is neither around it nor in one piece")
            found.append(one)
        return found

    def _restored(self, content: bytes, path: str) -> Entry | None:
        """The entry in a file; None if it is of another version of a library. Raises whatever a wrong file leads to."""
        first = _FIRST.match(content)
        if first is None or int(first[1]) != FORMAT:
            raise Damaged("its first line is another one")
        rest = content[first.end() :]
        if hashlib.sha256(rest).hexdigest().encode() != first[2]:
            raise Damaged("its checksum is another one")
        head, mark, text = rest.decode().partition(_SOURCE)
        pairs = [line[2:].split(": ", 1) for line in head.splitlines() if line.startswith("# ")]
        header = {name: ast.literal_eval(value) for name, value in pairs}
        if not mark or header["key"] != self.key or header["name"] != self.request.name:
            raise Damaged("it is for another function or call")
        if any(_version(name) != version for name, version in header["libraries"].items()):
            return None
        captured = tuple(self._captured(one) for one in header["captures"])
        generated = Generated(text=text, helpers=tuple(map(_helper, header["helpers"])), **header["generated"])
        program, guards = _guards_read(self.request.name, header["guards"], captured)
        function = load(generated, self.request.name, captured)
        give_defaults(function, self.signature)
        stages = Stages(
            self.request, program, program, program, generated, captured, function, header["call"], guards, self.around
        )
        return Entry(stages, tuple(header["writes"]), path)

    def _captured(self, one: dict[str, Any]) -> np.ndarray[Any, Any]:
        if "watched" in one:
            array: np.ndarray[Any, Any] = self.around.watched[one["watched"]].thing  # type: ignore[union-attr]
        else:
            flat = np.frombuffer(binascii.a2b_base64(one["data"]), one["dtype"]).copy()
            array = flat.reshape(one["shape"], order=one["order"])
        if array.dtype.str != one["dtype"] or array.shape != one["shape"]:
            raise Damaged("an array is another one")
        return array


def _guards_text(stages: Stages) -> tuple[str, list[tuple[Any, ...]]]:
    """What decides whether the path is meant, as a program's text, and where each guard came from."""
    program = guards_only(stages.optimized)
    if not program.equations:
        return "", []
    from ..ir.text import parse_program, print_program

    text = print_program(program)
    if print_program(parse_program(text)) != text:
        raise Unprovable("its guards cannot be written down")
    return text, [tuple(e.origin or ()) for e in _guards(program)]


def _guards_read(
    name: str, kept: tuple[str, list[tuple[Any, ...]]], captured: tuple[np.ndarray[Any, Any], ...]
) -> tuple[Program, list[Origin]]:
    """The program with the guards of a path, and their places."""
    text, places = kept
    if not text:
        return Program(name, (), tuple(Var(type_of(array)) for array in captured), (), ()), []
    from ..ir.text import parse_program

    program = parse_program(text)
    origins = [Origin(*place) if place else None for place in places]
    at = dict(zip(_guards(program), origins, strict=True))
    equations = tuple(replace(e, origin=at[e]) if e in at else e for e in program.equations)
    return replace(program, equations=equations), [origin for origin in origins if origin]


def _guards(program: Program) -> list[Equation]:
    return [e for e in program.equations if e.op.name == "guard"]


def _plain(generated: Generated) -> dict[str, Any]:
    """What there is of it besides the text and functions."""
    apart = ("text", "helpers", "positions", "externals")
    return {f.name: getattr(generated, f.name) for f in fields(Generated) if f.name not in apart}


def _package(function: Any) -> str:
    """The package that a function is from, unless that is a library with a version in the digest."""
    package: str = str(getattr(inspect.unwrap(function), "__module__", "")).partition(".")[0]
    return "" if package in PINNED else package


def _full_name(function: Any) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', None) or type(function).__module__}.{name}"


def _folder_name(function: Callable[..., Any]) -> str:
    """A name that any file system takes, with a digest for what it leaves out."""
    full = _full_name(function)
    plain = re.sub(r"[^A-Za-z0-9.]+", "_", full).strip("._")[:60]
    return f"{plain}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"


def _described(function: Any) -> str:
    code = function.__code__
    return f"{function.__module__}.{function.__qualname__} ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"


def _version(library: str) -> str:
    return str(getattr(importlib.import_module(library), "__version__", ""))


def _helper(place: str) -> Callable[..., Any]:
    """A function of ours that the text calls."""
    module, _, name = place.partition(":")
    if module.partition(".")[0] != __name__.partition(".")[0]:
        raise Damaged("it asks for functions that are not of tapeless")
    found: Any = getattr(importlib.import_module(module), name)
    if not callable(found) or found is GuardMiss:
        raise Damaged("it asks for something that is no function")
    helper: Callable[..., Any] = found
    return helper


def _say(what: str, where: str, cause: str) -> None:
    """Warn, once for each place."""
    if (what, where) not in _said:
        _said.add((what, where))
        message = explain(cause, called_at(), "cache='folder' with a folder of your own, or cache=False", "disk-cache")
        frame, level = sys._getframe(), 1
        while frame.f_back is not None and not is_user_code(frame.f_code):
            frame, level = frame.f_back, level + 1
        warnings.warn(message, CacheWarning, stacklevel=level)
