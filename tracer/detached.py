"""What was about to take a number out of the trace: told by the expression that stands on the user's line."""

from __future__ import annotations

import ast
import sys
from types import FrameType

from ..ir.program import Origin
from .errors import DetachedError, TracingError, explain
from .refusals import ADVICE
from .site import is_user_code


def detached(what: str, origin: Origin | None) -> DetachedError:
    """The error for `what`, or for whatever called it: a function of `math`, a format, a write into a plain array."""
    node = _parsed(origin.expression) if origin is not None else None
    if _asked_by("numpy.ma."):
        return DetachedError(
            explain(
                "a numpy.ma.MaskedArray took part in an operation, which would lose the derivative",
                origin,
                "np.where(m.mask, 0, x * m.data), with the mask as an array of its own",
                "array-subclasses",
            )
        )
    if origin is not None and _is_written(origin):
        return written_into_plain(f"{origin.expression} = ...", origin)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return DetachedError(*no_digits(origin).args)
    fix = "np.stack([a, b]) for a list of values, np.exp(x) instead of math.exp(x), x instead of float(x)"
    if isinstance(node, ast.Call):
        called = node.func.func if isinstance(node.func, ast.Call) else node.func
        what, fix = f"{ast.unparse(called)}()", _instead_of(node, ast.unparse(called)) or fix
    return DetachedError(
        explain(
            f"{what} takes a traced value out of the program, which would lose its derivative",
            origin,
            fix,
            "detached-values",
        )
    )


def no_digits(origin: Origin | None) -> TracingError:
    """The error for a traced value in a text."""
    if _asked_by("scipy."):
        return detached("a function of SciPy", origin)
    return TracingError(
        explain(
            "a traced value has no digits to print",
            origin,
            "print(x) to see its type, or return the value with has_aux=True",
            "formatting",
        )
    )


def written_into_plain(what: str, origin: Origin | None) -> DetachedError:
    """The error for a write that a plain array would take without the derivative."""
    return DetachedError(
        explain(
            f"{what}: a traced value cannot be written into an array that was made outside of the trace",
            origin,
            "make the array inside the function, with out = np.zeros(...) or out = x.copy()",
            "writes-into-plain-arrays",
        )
    )


def _parsed(expression: str) -> ast.expr | None:
    try:
        return ast.parse(expression, mode="eval").body
    except SyntaxError:
        return None


def _asked_by(package: str) -> bool:
    """Whether the code of this package is what wants an array."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_user_code(frame.f_code):
        if frame.f_globals.get("__name__", "").startswith(package):
            return True
        frame = frame.f_back
    return False


def _is_written(origin: Origin) -> bool:
    """Whether the expression is what the statement assigns to."""
    try:
        statement = ast.parse(origin.statement).body[0]
    except (SyntaxError, IndexError):
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return any(isinstance(t, ast.Subscript) and ast.unparse(t) == origin.expression for t in targets)


def _instead_of(call: ast.Call, called: str) -> str:
    """The same call in NumPy's words, where there is one."""
    arguments = ", ".join(map(ast.unparse, call.args))
    if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) in ("math", "cmath"):
        name = {"pow": "power", "fabs": "abs", "atan2": "arctan2", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}
        return f"np.{name.get(call.func.attr, call.func.attr)}({arguments})"
    if called in ("np.arange", "np.linspace"):
        return "start + step * np.arange(n), with a plain integer n"
    if called.startswith(("np.", "numpy.", "scipy.")):
        advice = ADVICE.get(called.rpartition(".")[2])
        if advice is not None:
            return advice[1]
        return f"f(x, value) with value = {ast.unparse(call)} computed outside of the function"
    if isinstance(call.func, ast.Name) and call.args:
        first = ast.unparse(call.args[0])
        words = {
            "float": f"{first} itself, or stop_gradient({first}) where its derivative is not wanted",
            "round": f"np.round({arguments})",
            "complex": f"{arguments.replace(', ', ' + 1j * ', 1)}" if len(call.args) == 2 else f"{first} + 0j",
        }
        return words.get(call.func.id, "")
    return ""
