"""From a running frame to the user's source: which line, which expression, assigned to which name."""

from __future__ import annotations

import ast
import dis
import linecache
import os
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, wraps
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..ir.program import Origin
from ..ir.trees import nodes

T = TypeVar("T")

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_ROOMS = ("ir", "tracer", "codegen", "runtime", "nn", "implicit", "testing")
_OURS = tuple(os.path.join(_PACKAGE, room) + os.sep for room in _ROOMS) + tuple(
    os.path.join(_PACKAGE, module) for module in ("__init__.py", "__main__.py")
)
_LIBRARIES = (os.path.dirname(np.__file__) + os.sep, os.path.dirname(ast.__file__) + os.sep)
_SCIPY = f"-packages{os.sep}scipy{os.sep}"


def _by_identity(answer: Callable[..., T]) -> Callable[..., T]:
    """As functools.cache, by the identity of a code: Python hashes all its names and constants each time."""
    known: dict[Any, tuple[CodeType, T]] = {}

    @wraps(answer)
    def asked(code: CodeType, *more: int) -> T:
        key = (id(code), *more)
        found = known.get(key)
        if found is None:
            found = known[key] = code, answer(code, *more)  # with the code, so that no id is used twice
        return found[1]

    return asked


@_by_identity
def is_user_code(code: CodeType) -> bool:
    """Whether the code is neither ours (nor generated) nor NumPy's nor SciPy's nor the standard library's."""
    file = os.path.abspath(code.co_filename) if not code.co_filename.startswith("<") else code.co_filename
    if file.startswith((*_OURS, "<frozen", "<tapeless ")):
        return False
    if file.startswith(_LIBRARIES[0]) or _SCIPY in file:
        return False
    return "site-packages" in file or not file.startswith(_LIBRARIES)


_COMMANDS = os.path.join(_PACKAGE, "runtime", "commands.py")
_RECORDED = tuple(os.path.join(_PACKAGE, room) + os.sep for room in ("nn", "implicit"))


@_by_identity
def is_recorded_code(code: CodeType) -> bool:
    """Whether it is the user's code or that of `nn` or `implicit`, recorded as if the user had written it."""
    return is_user_code(code) or os.path.abspath(code.co_filename).startswith(_RECORDED)


class Site(NamedTuple):
    """Where an operation was written, and the name that its result gets there ('' if none)."""

    origin: Origin
    name: str
    returned: bool = False  # the expression is what a function returns, so that the caller may name it
    reads: tuple[str, ...] = ()  # the variables that the function assigned, and the expression is computed from


def user_frame() -> FrameType | None:
    """The innermost running frame of the user's code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_user_code(frame.f_code):
        frame = frame.f_back
    return frame


def handles_errors() -> bool:
    """Whether the traced function, or what it calls, has handlers, so that an error may lead to another branch."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (frame.f_code.co_name != "record" or is_user_code(frame.f_code)):
        if has_handlers(frame.f_code) and is_user_code(frame.f_code):
            return True
        frame = frame.f_back
    return False


@lru_cache(maxsize=4096)
def has_handlers(code: CodeType) -> bool:
    """Whether there is a try or with statement in the code."""
    return bool(code.co_exceptiontable) and any(i.opname == "PUSH_EXC_INFO" for i in dis.get_instructions(code))


def current_site() -> Site | None:
    """The expression that is being evaluated right now; its origin is always in the user's own code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_recorded_code(frame.f_code):
        frame = frame.f_back
    user = frame  # code that is recorded is the user's, or called by it
    while user is not None and not is_user_code(user.f_code):
        user = user.f_back
    if frame is None or user is None:
        return None
    site = _site(frame.f_code, frame.f_lasti)
    origin = site.origin if frame is user else _site(user.f_code, user.f_lasti).origin
    if not site.returned:
        return site if frame is user else Site(origin, site.name)
    caller = frame.f_back
    while caller is not None and is_recorded_code(caller.f_code):
        outer = _site(caller.f_code, caller.f_lasti)
        if outer.name:
            return Site(origin, outer.name)
        if not outer.returned:
            break
        caller = caller.f_back
    return site if frame is user else Site(origin, "")


def site_of(code: CodeType, instruction: int) -> Site:
    """The expression that an instruction of the user's code evaluates."""
    return _site(code, instruction)


def called_at() -> Origin | None:
    """The user's line that is running: where a gradient was called, if no trace is active; None on the command line."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_user_code(frame.f_code):
        if frame.f_code.co_filename == _COMMANDS:
            return None
        frame = frame.f_back
    return _site(frame.f_code, frame.f_lasti).origin if frame is not None else None


@_by_identity
def _site(code: CodeType, instruction: int) -> Site:
    line, end_line, column, end_column = _position(code, instruction)
    file = os.path.basename(code.co_filename)
    tree = _around(code)
    if tree is None:
        text = linecache.getline(code.co_filename, line).strip()
        return Site(Origin(file, line, code.co_name, text), "")
    statement = _statement(tree, (line, column), (end_line, end_column))
    if statement is None:
        return Site(Origin(file, line, code.co_name), "")
    lines = linecache.getlines(code.co_filename)
    found = _parts(statement)[0].get((line, column, end_line, end_column))
    if isinstance(found, ast.FormattedValue):  # Python 3.12 places it; the text around it says more
        found = next(n for n in ast.walk(statement) if isinstance(n, ast.JoinedStr) and found in n.values)
    shown = _header(statement, lines)
    expression = _segment(lines, found) if found is not None else None
    first = statement.lineno
    if line < first:  # within a decorator
        first, shown = line, lines[line - 1].strip()
    origin = Origin(file, first, code.co_name, shown, " ".join((expression or "").split()))
    if found is None:
        return Site(origin, "")
    returned = isinstance(statement, ast.Return) and statement.value is found
    return Site(origin, _target(statement, found), returned, _reads(code, found))


def _reads(code: CodeType, expression: ast.AST) -> tuple[str, ...]:
    """The local variables that stand right in an expression; a parameter goes by the name of the argument."""
    around = expression.func if isinstance(expression, ast.Call) else expression
    nodes = [*ast.iter_child_nodes(expression), *ast.iter_child_nodes(around)]
    own = _variables(code)
    return tuple(dict.fromkeys(n.id for n in nodes if isinstance(n, ast.Name) and n.id in own))


@_by_identity
def _variables(code: CodeType) -> frozenset[str]:
    """The local variables that are no parameters; there may be thousands."""
    return frozenset(code.co_varnames[code.co_argcount + code.co_kwonlyargcount :])


def place_of(code: CodeType | None, line: int) -> Origin | None:
    """A line of a function that is not running."""
    if code is None:
        return None
    text = linecache.getline(code.co_filename, line).strip()
    return Origin(os.path.basename(code.co_filename), line, code.co_name, text)


def mentioned_at(code: CodeType | None, name: str) -> Origin | None:
    """The first line of a function on which a dotted name stands; the function itself if there is none."""
    tree = _tree(code.co_filename) if code is not None else None
    if code is None or tree is None:
        return None
    lines = {line for line, *_ in code.co_positions() if line}
    found = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name) and node.lineno in lines and ast.unparse(node) == name
    ]
    return place_of(code, min(found, default=code.co_firstlineno))


def return_place(code: CodeType | None) -> Origin | None:
    """The one place where a function returns its result; the function itself if there are several or none."""
    tree = _around(code) if code is not None else None
    if code is None or tree is None:
        return None
    lines = linecache.getlines(code.co_filename)
    own = [line for line, *_ in code.co_positions() if line]
    nested = [c for c in code.co_consts if isinstance(c, CodeType) and not c.co_name.startswith("<")]
    within = {line for c in nested for line, *_ in c.co_positions() if line} - {code.co_firstlineno}
    found = [
        node
        for node in _statements(tree)
        if isinstance(node, ast.Return) and node.lineno in own and node.lineno not in within
    ]
    if len(found) != 1:
        return place_of(code, code.co_firstlineno)
    (statement,) = found
    value = _segment(lines, statement.value) if statement.value is not None else ""
    file = os.path.basename(code.co_filename)
    return Origin(file, statement.lineno, code.co_name, _header(statement, lines), " ".join((value or "").split()))


_FLOATS = {"float", "complex", "ndarray", "number", "inexact", "floating", "float16", "float32", "float64"}


@lru_cache(maxsize=4096)
def type_test(code: CodeType) -> int | None:
    """The line on which the code compares type(...) with that of a number or array, which no stand-in can answer."""
    if "type" not in code.co_names or "site-packages" in code.co_filename:
        return None
    tree = _tree(code.co_filename)
    lines = [line for line, *_ in code.co_positions() if line]
    for node in ast.walk(tree) if tree is not None and lines else ():
        if isinstance(node, ast.Compare) and min(lines) <= node.lineno <= max(lines):
            sides = [node.left, *node.comparators]
            asks = any(isinstance(s, ast.Call) and getattr(s.func, "id", "") == "type" for s in sides)
            words = {getattr(n, "id", getattr(n, "attr", "")) for s in sides for n in ast.walk(s)}
            if asks and words & _FLOATS:
                return node.lineno
    return None


def called_name(frame: FrameType) -> str:
    """The last name of what the frame is calling right now, `zeros` in np.zeros(3); '' if its source is not known."""
    return _called_name(frame.f_code, frame.f_lasti)


@lru_cache(maxsize=4096)
def _called_name(code: CodeType, instruction: int) -> str:
    line, end_line, column, end_column = _position(code, instruction)
    tree = _around(code)
    statement = _statement(tree, (line, column), (end_line, end_column)) if tree is not None else None
    if statement is None:
        return _loaded_name(code, instruction)
    found = _parts(statement)[0].get((line, column, end_line, end_column))
    found = found.value if isinstance(found, ast.Expr) else found
    called = found.func if isinstance(found, ast.Call) else None
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _loaded_name(code: CodeType, instruction: int) -> str:
    """The name of the function that an instruction calls, from the instructions alone (code made by exec has no text):
    the longest load that begins where the call begins."""
    reached = [i for i in dis.get_instructions(code) if i.offset <= instruction]  # it may point into the call's cache
    call = reached[-1] if reached else None
    if call is None or not call.opname.startswith("CALL") or call.positions is None:
        return ""
    start = call.positions.lineno, call.positions.col_offset
    loads = [
        i
        for i in dis.get_instructions(code)
        if i.opname in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_FAST")
        and i.positions is not None
        and (i.positions.lineno, i.positions.col_offset) == start
        and i.offset < instruction
    ]
    longest = max(loads, key=lambda i: (i.positions.end_lineno, i.positions.end_col_offset), default=None)  # type: ignore[union-attr]
    return str(longest.argval) if longest is not None else ""


def _position(code: CodeType, instruction: int) -> tuple[int, int, int, int]:
    known = _positions(code)
    if not 0 <= instruction // 2 < len(known):
        return code.co_firstlineno, code.co_firstlineno, 0, 0
    line, end_line, column, end_column = known[instruction // 2]
    first = line or code.co_firstlineno
    return first, end_line or first, column or 0, end_column or 0


@_by_identity
def _positions(code: CodeType) -> tuple[tuple[int | None, int | None, int | None, int | None], ...]:
    """The positions of all instructions: Python reads them from the first on each time."""
    return tuple(code.co_positions())


@lru_cache(maxsize=64)
def _parsed(file: str, text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


def _tree(file: str) -> ast.Module | None:
    lines = linecache.getlines(file)
    return _parsed(file, "".join(lines)) if lines else None


@_by_identity
def _around(code: CodeType) -> ast.Module | None:
    """The tree of a function's own lines, in their places: a tenth of the time that the whole file takes.

    The whole file where these lines are no function by themselves, as those of a lambda.
    """
    linecache.checkcache(code.co_filename)  # a module that was edited and loaded again
    lines = linecache.getlines(code.co_filename)
    first, last = code.co_firstlineno, max((end or 0 for _, end, _, _ in code.co_positions()), default=0)
    last = max(last, *(end or 0 for inner in _within(code) for _, end, _, _ in inner.co_positions()), 0)
    own = lines[first - 1 : last]
    indented = bool(own) and own[0][:1].isspace()
    try:
        tree = ast.parse("".join(["\n" * (first - 1 - indented), "if 1:\n" if indented else "", *own]))
    except SyntaxError:
        return _tree(code.co_filename)
    body = tree.body[0].body if indented and isinstance(tree.body[0], ast.If) else tree.body
    if len(body) != 1 or getattr(body[0], "name", None) != code.co_name:
        return _tree(code.co_filename)
    return tree


def _within(code: CodeType) -> Iterator[CodeType]:
    """The functions, lambdas and comprehensions in the code of another one."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _within(constant)


def _segment(lines: list[str], node: ast.AST) -> str | None:
    """The text of a node, as ast.get_source_segment gives it, which splits the whole file each time."""
    first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    if first is None or last is None or last > len(lines):
        return None
    encoded = [line.encode() for line in lines[first - 1 : last]]
    encoded[-1] = encoded[-1][: node.end_col_offset]  # type: ignore[attr-defined]
    encoded[0] = encoded[0][node.col_offset :]  # type: ignore[attr-defined]
    return b"".join(encoded).decode()


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements of a file, without a look into their expressions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                waiting += reversed(inner)


@lru_cache(maxsize=1024)
def _on_lines(tree: ast.AST) -> dict[int, list[ast.stmt]]:
    """The statements that stand on each line, each before those within it."""
    found: dict[int, list[ast.stmt]] = {}
    for node in _statements(tree):
        if isinstance(node, ast.stmt):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            for line in range(first, (node.end_lineno or node.lineno) + 1):
                found.setdefault(line, []).append(node)
    return found


def _statement(tree: ast.AST, first: tuple[int, int], last: tuple[int, int]) -> ast.stmt | None:
    """The innermost statement that covers everything from `first` to `last`, both (line, column)."""
    best: ast.stmt | None = None
    for node in _on_lines(tree).get(first[0], ()):
        beside = best is not None and (node.lineno, node.col_offset) >= (best.end_lineno or 0, best.end_col_offset or 0)
        if not beside and _covers(node, first, last):
            best = node
    return best


def _covers(node: ast.stmt, first: tuple[int, int], last: tuple[int, int]) -> bool:
    begins = (node.lineno, node.col_offset)
    decorators = getattr(node, "decorator_list", [])
    if decorators:
        begins = min((d.lineno, 0) for d in decorators)
    ends = (node.end_lineno or node.lineno, node.end_col_offset or 0)
    if not last[1]:  # the columns are not known
        return begins[0] <= first[0] and ends[0] >= last[0]
    return begins <= first and ends >= last


@lru_cache(maxsize=4096)
def _parts(statement: ast.stmt) -> tuple[dict[tuple[int, ...], ast.AST], dict[ast.AST, str]]:
    """The nodes by their positions (columns count bytes, as Python's do), and what `:=` calls a value."""
    places: dict[tuple[int, ...], ast.AST] = {}
    named: dict[ast.AST, str] = {}
    for node in nodes(statement):
        if isinstance(node, ast.expr | ast.stmt):
            last, end = node.end_lineno or node.lineno, node.end_col_offset or 0
            places.setdefault((node.lineno, node.col_offset, last, end), node)
        if isinstance(node, ast.NamedExpr):
            named.setdefault(node.value, node.target.id)
    return places, named


def _header(statement: ast.stmt, lines: list[str]) -> str:
    """The statement on one line; of a compound statement only its head."""
    last = statement.end_lineno or statement.lineno
    body = getattr(statement, "body", None)
    if isinstance(body, list) and body and body[0].lineno > statement.lineno:
        last = body[0].lineno - 1
    elif isinstance(body, list) and body:
        last = statement.lineno
    text = " ".join(line.split("  #")[0].strip() for line in lines[statement.lineno - 1 : last])
    return " ".join(text.split())


def _target(statement: ast.stmt, expression: ast.AST) -> str:
    """The name that the statement gives to the value of the expression."""
    named = _parts(statement)[1].get(expression)
    if named:
        return named
    if isinstance(statement, ast.Assign):
        for value in _branches(statement.value):
            name = _assigned(statement.targets[0], value, expression)
            if name:
                return name
    if isinstance(statement, ast.AnnAssign) and statement.value is expression:
        return _target_name(statement.target)
    if isinstance(statement, ast.AugAssign) and statement is expression:
        return _target_name(statement.target)
    return ""


def _branches(value: ast.expr) -> list[ast.expr]:
    """The expressions that a value may come from: both sides of `a if c else b`."""
    return _branches(value.body) + _branches(value.orelse) if isinstance(value, ast.IfExp) else [value]


def _assigned(target: ast.expr, value: ast.expr, expression: ast.AST) -> str:
    if value is expression:
        return _target_name(target)
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, part in zip(target.elts, value.elts, strict=False):
            if expression in _branches(part):
                return _target_name(one)
    return ""


def _target_name(target: ast.expr) -> str:
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute):
        return target.attr
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        key = target.slice.value
        if isinstance(key, str) and key.isidentifier():
            return key
    return ""


def name_of(array: object) -> str:
    """The name by which the running user code knows this object: a local, a closure or a global one."""
    frame = user_frame()
    while frame is not None and is_user_code(frame.f_code):
        for name, value in frame.f_locals.items():
            if value is array and name.isidentifier():
                return name
        for name in frame.f_code.co_names:
            if frame.f_globals.get(name) is array:
                return name
        for owner in frame.f_locals.values():
            for name, value in getattr(owner, "__dict__", {}).items():
                if value is array and name.isidentifier():
                    return name
        frame = frame.f_back
    return ""
