"""Generated text as a function: compiled under a name that tracebacks and pdb can show the lines of."""

from __future__ import annotations

import importlib
import linecache
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..codegen.module import Generated
from ..ir.ops.effects import GuardMiss
from ..tracer.locks import Lock

_lock = Lock()
_count = 0


def load(
    generated: Generated, name: str, captured: tuple[np.ndarray[Any, Any], ...], debug: bool = False
) -> Callable[..., Any]:
    """The function that the text defines, watched with `debug`. Captured arrays are in its globals, by reference."""
    global _count
    with _lock:
        _count += 1
        file = f"<tapeless {name} {_count}>"
    text = generated.text
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"np": np, "GuardMiss": GuardMiss, "__name__": "tapeless.generated"}
    namespace.update({helper.__name__: helper for helper in generated.helpers})
    for module in generated.imports:
        top = module.partition(".")[0]
        importlib.import_module(module)
        namespace[top] = sys.modules[top]
    namespace.update(zip(generated.captures, captured, strict=True))
    namespace.update({named.name: named.fun for named in generated.externals})
    tree: Any = text
    if debug:
        from .debugging import watch

        tree, watching = watch(generated)
        namespace.update(watching)
    exec(compile(tree, file, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    weakref.finalize(function, linecache.cache.pop, file, None)
    return function
