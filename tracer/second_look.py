"""A function once more, from a code in which each plain array that it meets is a stand-in.

`A.dot(t)`, `A[t]` and `y = A.copy(); y[0] = t` with a plain array A happen in compiled code, which asks nobody. Where
that has turned a stand-in t into a plain array, the function is traced a second time, and meanwhile the user's
functions run from a code of their own: `A` is `found(A)` there and `g(A)` is `made(g(A))`, which change nothing but
plain arrays.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Any

import numpy as np

from .array import ArrayTracer, CellTracer, Tracer
from .creation import constant_value
from .detached import written_into_plain
from .place import Root
from .trace import ACTIVE, Trace

_MARK = "a second look at plain arrays"  # a constant that stands for the class below until the code is made


class _Found(Root):
    """A plain array that others may see: read, and not written, since they would not see that."""

    __slots__ = ("trace",)
    trace: Trace

    def write(self, value: Any) -> None:
        raise written_into_plain("a write", self.trace.origin())


class _Look:
    """What the marks in the code call."""

    @staticmethod
    def found(thing: Any) -> Any:
        """A thing that was there: a plain array as a stand-in, the same one each time."""
        trace = ACTIVE.get()
        if trace is None or type(thing) is not np.ndarray or thing.dtype.kind not in "fciub":
            return thing
        known = trace.found.get(id(thing))
        if known is None:
            root = _Found(trace.capture(thing), thing.flags.c_contiguous)
            root.trace = trace
            known = trace.found[id(thing)] = (ArrayTracer if thing.ndim else CellTracer)(trace, root)
        return known

    @staticmethod
    def made(thing: Any) -> Any:
        """A result of a call: an array that nobody else holds is a traced buffer, which may be written."""
        trace = ACTIVE.get()
        if trace is None or type(thing) is not np.ndarray or thing.dtype.kind not in "fciub":
            return thing
        if sys.getrefcount(thing) > _NOBODY_ELSE[0] or not _owns_its_memory(thing):
            return _Look.found(thing)
        root = Root(constant_value(trace, thing), thing.flags.c_contiguous)
        return (ArrayTracer if thing.ndim else CellTracer)(trace, root)

    @staticmethod
    def called(function: Any) -> Any:
        """A function that is about to be called: a scalar type casts a stand-in, np.vectorize takes it apart."""
        if isinstance(function, np.vectorize) and not function.excluded and function.signature is None:
            return lambda *args, **kwargs: _vectorized(function, args, kwargs)
        if isinstance(function, type) and issubclass(function, np.number):
            return lambda *args: _cast(function, args)
        return function

    @staticmethod
    def count(thing: Any) -> int:
        return sys.getrefcount(thing)

    @staticmethod
    def count_base(thing: Any) -> int:
        base = thing.base
        return sys.getrefcount(base)


def _owns_its_memory(array: np.ndarray[Any, Any]) -> bool:
    base = array.base
    return base is None or (type(base) is np.ndarray and base.base is None and sys.getrefcount(base) <= _NOBODY_ELSE[1])


def _cast(kind: type[np.number[Any]], args: tuple[Any, ...]) -> Any:
    if len(args) == 1 and isinstance(args[0], Tracer):
        return args[0].astype(kind)
    return kind(*args)


def _vectorized(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The Python function of each element, put together again; the first one decides the dtype, as in NumPy."""
    if kwargs or not any(isinstance(a, Tracer) for a in args):
        return function(*args, **kwargs)
    arrays = np.broadcast_arrays(*args)
    shape = arrays[0].shape
    results = [function.pyfunc(*elements) for elements in zip(*(a.reshape(-1) for a in arrays), strict=True)]
    if not results or any(isinstance(r, tuple) for r in results):
        return function(*args)
    results = [r if isinstance(r, Tracer) else np.asarray(r) for r in results]
    return np.stack(results).reshape(shape).astype(function.otypes or results[0].dtype)


class _Looks(ast.NodeTransformer):
    def _through(self, way: str, node: Any) -> Any:
        look = ast.Attribute(ast.Constant(_MARK), way, ast.Load())
        return ast.fix_missing_locations(ast.copy_location(ast.Call(look, [node], []), node))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._through("found", node) if isinstance(node.ctx, ast.Load) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        return self._through("found", node) if isinstance(node.ctx, ast.Load) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        return self._through("found", node) if isinstance(node.ctx, ast.Load) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)
        elif not isinstance(node.func, ast.Name):
            node.func = self.visit(node.func)
        if not isinstance(node.func, ast.Name) or node.func.id != "super":
            node.func = self._through("called", node.func)
        node.args = [self.visit(a) for a in node.args]
        node.keywords = [self.visit(k) for k in node.keywords]
        return self._through("made", node)

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        node.guard = None if node.guard is None else self.visit(node.guard)
        node.body = [self.visit(statement) for statement in node.body]
        return node  # a pattern takes names as they are


def rewritten(code: CodeType) -> CodeType | None:
    """The code with its looks; None where the text that it was made from is not there."""
    table = _rewritten_file(code.co_filename, "".join(linecache.getlines(code.co_filename)))
    if any(name.startswith("@py") for name in (*code.co_names, *code.co_varnames)):  # pytest has rewritten its asserts
        return next((new for old, new in table.items() if _signature(old) == _signature(code)), None)
    return table.get(code)


def _signature(code: CodeType) -> tuple[Any, ...]:
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return code.co_qualname, code.co_firstlineno, code.co_freevars, arguments


@lru_cache(maxsize=64)
def _rewritten_file(file: str, text: str) -> dict[CodeType, CodeType]:
    """From each function's code to its new one; a code that this text does not give is not among them."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return {}
    plain = compile(tree, file, "exec", dont_inherit=True)
    changed = compile(_Looks().visit(tree), file, "exec", dont_inherit=True)
    pairs = zip(_nested(plain), _nested(changed), strict=True)
    return {old: _with_looks(new) for old, new in pairs if old.co_freevars == new.co_freevars}


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _with_looks(code: CodeType) -> CodeType:
    """The class in the place of its mark."""
    constants = tuple(_Look if c == _MARK else _with_looks(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=constants)


def _counts() -> tuple[int, int]:
    """How many references an array has that only the call's result is, and the base that only a view of it has."""
    scope: dict[str, Any] = {"look": _Look, "np": np}
    exec("array = look.count(np.empty(2)); base = look.count_base(np.empty(4).reshape(2, 2))", scope)
    return scope["array"], scope["base"]


_NOBODY_ELSE = _counts()
