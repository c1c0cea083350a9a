"""From `package.module:function` or `path/to/file.py:function` to the function; one sentence for what goes wrong."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .signatures import CommandError


def load_target(target: str) -> Callable[..., Any]:
    """The function that the target names. Modules and files are looked for from the current directory on."""
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise CommandError(f"{target!r} is not a target; write package.module:function or path/to/file.py:function")
    found: Any = _file(place) if is_path(place) else _module(place)
    for part in name.split("."):
        if not hasattr(found, part):
            raise CommandError(f"{place} has no {name!r}; {_similar(found, part)}")
        found = getattr(found, part)
    if not callable(found):
        raise CommandError(
            f"{target} is not a function but of type {type(found).__name__}; name a function after the colon"
        )
    function: Callable[..., Any] = found
    return function


def is_path(place: str) -> bool:
    """Whether the part before the colon is a file."""
    return place.endswith(".py") or "/" in place or os.sep in place


def _similar(module: Any, wrong: str) -> str:
    names = [n for n, v in getattr(module, "__dict__", {}).items() if callable(v) and not n.startswith("_")]
    close = difflib.get_close_matches(wrong, names, 1)
    return f"did you mean {close[0]}?" if close else "name a function that stands at its top level"


def _module(name: str) -> ModuleType:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    if not all(part.isidentifier() for part in name.split(".")):
        raise CommandError(
            f"{name!r} is not the name of a module; write package.module:function or path/to/file.py:function"
        )
    importlib.invalidate_caches()
    return _imported(name, lambda: importlib.import_module(name))


def _file(path: str) -> ModuleType:
    full = os.path.abspath(path)
    if not os.path.isfile(full):
        raise CommandError(
            f"there is no file {path}; give its path from the current directory, or package.module:function"
        )
    root, parts = os.path.dirname(full), [os.path.basename(full).removesuffix(".py")]
    while os.path.isfile(os.path.join(root, "__init__.py")):
        root, package = os.path.split(root)
        parts.insert(0, package)
    if root not in sys.path:
        sys.path.insert(0, root)
    if len(parts) > 1:
        name = ".".join(parts).removesuffix(".__init__")
        module = _imported(name, lambda: importlib.import_module(name))
        if os.path.realpath(getattr(module, "__file__", None) or "") != os.path.realpath(full):
            raise CommandError(
                f"{path} is hidden by another module called {name}; run tapeless where that one is not importable"
            )
        return module
    return _imported(path, lambda: _executed(parts[0], full))


def _executed(name: str, full: str) -> ModuleType:
    """A file outside of any package, run as a module of its own name."""
    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise ImportError(f"{os.path.basename(full)} is not Python source")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        raise
    return module


def _imported(name: str, load: Callable[[], ModuleType]) -> ModuleType:
    try:
        return load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and (name == missing or name.startswith(missing + ".")):
            raise CommandError(
                f"there is no module {missing} here or among the installed ones; run tapeless in the folder that "
                "holds it, or write path/to/file.py:function"
            ) from None
        raise CommandError(f"importing {name} failed: {one_line(error)}; correct that first") from None


def one_line(error: BaseException) -> str:
    """`ZeroDivisionError at model.py:3: division by zero`, with the innermost line of the user's code."""
    place = ""
    if isinstance(error, SyntaxError) and error.filename:
        place = f" at {os.path.basename(error.filename)}:{error.lineno}"
        text = error.msg
    else:
        text = " ".join(str(error).split())
        ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
        for frame in traceback.extract_tb(error.__traceback__):
            file = os.path.abspath(frame.filename)
            foreign = "site-packages" in file or frame.filename.startswith("<")
            if not foreign and not file.startswith((ours, os.path.dirname(os.__file__) + os.sep)):
                place = f" at {os.path.basename(file)}:{frame.lineno}"
    return f"{type(error).__name__}{place}" + (f": {text}" if text else "")
