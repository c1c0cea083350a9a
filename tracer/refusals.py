"""What NumPy has and tapeless does not: the call as the user writes it, the reason, and code to write instead."""

from __future__ import annotations

import ast

from ..ir.program import Origin
from .errors import UnsupportedError, explain
from .trace import Trace

_TEXT = "it reads the digits of its argument"
_MEMORY = "what shares memory is up to NumPy"
# By the last name of the function: the reason, and what to write.
ADVICE: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("array2string", "array_repr", "array_str", "savetxt", "save", "savez", "savez_compressed"),
        (_TEXT, "grad(f, has_aux=True) with `return loss, x` in f, and print or save that"),
    ),
    "vectorize": ("", "np.stack([f(v) for v in x])"),
    "spacing": ("its derivative is zero almost everywhere", "f(x, eps) with eps = np.spacing(x) computed outside"),
    "isnat": ("dates have no gradient", "np.isnat(dates) outside of the function"),
    **dict.fromkeys(("may_share_memory", "shares_memory"), (_MEMORY, "x.copy() where an array of its own is needed")),
    **dict.fromkeys(("frombuffer", "from_dlpack"), ("it reads the memory of its argument", "x, or x.copy()")),
    "nested_iters": ("it reads the memory of its argument", "for i in np.ndindex(x.shape): x[i]"),
    "nextafter": ("its derivative is not that of a number", "x + eps"),
}
# By the whole name: the reason, as the error has it, for what is answered nowhere.
_OUT = "takes a traced value out of the program"
_BYTES = "it is about bytes, not about values"
_FILE = "the function reads a file"
_ANOTHER = "view of an array as another type"
REFUSED: dict[str, str] = {
    name: ADVICE[name][0]
    for name in ("array2string", "array_repr", "array_str", "save", "savez", "savez_compressed", "savetxt", "spacing")
    + ("nextafter", "isnat", "may_share_memory", "shares_memory", "frombuffer", "from_dlpack", "nested_iters")
} | {
    **dict.fromkeys(("load", "loadtxt", "genfromtxt", "fromfile", "fromregex"), _FILE),
    **dict.fromkeys(("format_float_positional", "format_float_scientific", "broadcast"), _OUT),
    **dict.fromkeys(("matrix", "asmatrix", "bmat"), _ANOTHER),
    "memmap": "its operations mean something else than an ndarray's",
    "frompyfunc": "(vectorized) is not supported",
    **dict.fromkeys(("byteswap", "ctypes", "data", "getfield", "setfield", "tobytes", "tostring"), _BYTES),
    "strides": _BYTES,
    **dict.fromkeys(("dump", "dumps", "tofile"), "it writes a file or what goes into one"),
    "base": "which array another one is a part of is up to NumPy",
    "resize": "it changes the shape of an array in place",
    "setflags": "what may be written is not followed",
    "to_device": "there is one device",
    **dict.fromkeys(("itemset", "newbyteorder", "ptp"), "NumPy 2 has removed it"),
}
_ATTRIBUTES = "byteswap ctypes data getfield setfield setflags tobytes tostring newbyteorder strides dump dumps tofile"
for _name in (*_ATTRIBUTES.split(), "base", "resize", "to_device", "itemset", "ptp"):
    REFUSED[f"ndarray.{_name}"] = REFUSED.pop(_name)
_NEUTRAL = {"sum": "0", "prod": "1", "max": "-np.inf", "amax": "-np.inf", "min": "np.inf", "amin": "np.inf"}
_NEUTRAL |= {"any": "False", "all": "True", "add.reduce": "0", "multiply.reduce": "1", "count_nonzero": "0"}
_METHODS = {
    "reduceat": "np.stack([np.{0}.reduce(x[a:b]) for a, b in pairs])",
    "accumulate": "scan(lambda c, v: (np.{0}(c, v), np.{0}(c, v)), x[0], x[1:])",
    "reduce": "scan(lambda c, v: (np.{0}(c, v), None), x[0], x[1:])[0]",
    "at": "y[i] = np.{0}(y[i], t)",
    "outer": "np.{0}(x[:, None], y)",
}


def refuse(trace: Trace, what: str, reason: str = "", fix: str = "") -> UnsupportedError:
    """The error for something in NumPy that is not supported: `np.name`, or `the keyword 'where' of np.name`."""
    origin = trace.origin()
    call = _call(origin)
    name = what.rpartition(" ")[2]
    known, code = ADVICE.get(name.rpartition(".")[2], ("", "")) if name == what else ("", "")
    if call is not None and "." not in what.replace(name, ""):
        written = ast.unparse(call.func)
        if written.rpartition(".")[2] == name.rpartition(".")[2]:
            what = f"{what.removesuffix(name)}{written}"
    reason = reason or known
    cause = f"{what} is not supported by tapeless" + (f": {reason}" if reason else "")
    fix = fix or code or _of_keyword(what, call) or _of_method(name) or _outside(name, call)
    return UnsupportedError(explain(cause, origin, fix, "unsupported"))


def _call(origin: Origin | None) -> ast.Call | None:
    """The call that the user's expression is, if it is one."""
    try:
        node = ast.parse(origin.expression if origin else "", mode="eval").body
    except SyntaxError:
        return None
    return node if isinstance(node, ast.Call) else None


def _of_keyword(what: str, call: ast.Call | None) -> str:
    """The call without a keyword that is refused, and what the keyword does in words of NumPy."""
    if not what.startswith("the keyword ") or call is None:
        return ""
    word = what.split("'")[1]
    values = {k.arg: ast.unparse(k.value) for k in call.keywords}
    function = ast.unparse(call.func)
    rest = ast.Call(call.func, call.args, [k for k in call.keywords if k.arg != word])
    owner, _, name = function.rpartition(".")
    method = owner.partition(".")[0] != "np"
    neutral = _NEUTRAL.get(function.removeprefix("np."), _NEUTRAL.get(name))
    target = owner if method else ast.unparse(call.args[0]) if call.args else ""
    if word == "where" and neutral and target and word in values:
        chosen = f"np.where({values['where']}, {target}, {neutral})"
        others = ast.Call(call.func, call.args[0 if method else 1 :], rest.keywords)
        shown = ast.unparse(others)[len(function) + 1 :]
        return f"np.{name}({chosen}{', ' if shown != ')' else ''}{shown}"
    if word == "initial" and word in values:
        join = {"sum": "{} + {}", "prod": "{} * {}"}.get(name, f"np.{name.removeprefix('a')}imum({{}}, {{}})")
        return join.format(values[word], ast.unparse(rest))
    if word == "out" and word in values:
        return f"{values[word]}[...] = {ast.unparse(rest)}"
    return f"{ast.unparse(rest)}, without {word}="


def _of_method(name: str) -> str:
    """What a method of a ufunc does, in other words."""
    parts = name.split(".")
    return _METHODS.get(parts[-1], "").format(parts[-2]) if len(parts) == 3 else ""


def _outside(name: str, call: ast.Call | None) -> str:
    """The last way: what does not depend on x in a way that counts is computed before the call."""
    shown = ast.unparse(call) if call is not None and len(ast.unparse(call)) < 60 else f"{name}(...)"
    return f"f(x, value) with value = {shown} computed outside, or other NumPy functions that give the same"


def refuse_case(trace: Trace, error: NotImplementedError) -> UnsupportedError:
    """The error for arguments that a composition does not take; it says why, and after `; ` what to write instead."""
    cause, _, fix = str(error).partition("; ")
    origin = trace.origin()
    call = _call(origin)
    return UnsupportedError(explain(cause, origin, fix or _outside(cause.partition(" ")[0], call), "unsupported"))
