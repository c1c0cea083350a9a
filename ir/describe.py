"""Speaking names for values that nobody named, from the operations that make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .program import Atom, Equation, Literal, Var

LONGEST = 24

_BINARY = {"add": "plus", "subtract": "minus", "multiply": "times", "divide": "over", "matmul": "at", "maximum": "max"}
_PLAIN = {
    "add": "total",
    "subtract": "difference",
    "multiply": "product",
    "divide": "quotient",
    "matmul": "product",
    "negative": "negated",
    "greater": "mask",
    "greater_equal": "mask",
    "less": "mask",
    "less_equal": "mask",
    "equal": "mask",
    "not_equal": "mask",
    "logical_not": "mask",
    "where": "chosen",
    "getitem": "part",
    "index_add": "scattered",
    "set_item": "written",
    "arange": "rows",
    "filled": "array",
    "filled_columns": "array",
    "take_columns": "part",
    "cross_columns": "cross",
    "full": "array",
    "constant": "table",
    "sliding_window_view": "windows",
    "reshape": "reshaped",
    "transpose": "transposed",
    "expand_dims": "column",
    "broadcast_to": "spread",
    "concatenate": "joined",
    "stack": "stacked",
    "stack_of": "stacked",
    "array_of": "array",
    "absolute": "size",
    "power": "power",
    "mask_places": "places",
    "astype": "cast",
    "convolution": "convolved",
    "identity_matrix": "identity",
    "solve": "solved",
    "inverse_of_lower": "inverse",
}


def describe(equation: Equation, known: Mapping[Var, str], made: Callable[[Var], Equation | None]) -> str:
    """A speaking name for an unnamed value, from its operation and the names of its operands.

    `made` gives the equation of an operand that is written inside the line and so has no name.
    """
    op = equation.op.name
    if op == "python_number" and isinstance(equation.operands[0], Var):
        converted = equation.operands[0]
        inner = made(converted)  # float(np.exp(x)) is called as np.exp(x) would be
        if converted in known or inner is not None:
            return known[converted] if converted in known or inner is None else describe(inner, known, made)
    mean = _summed_for_mean(equation, made)
    if mean is not None:
        name = _operand_name(mean.operands[0], known, made)
        return f"mean_{name}" if name and len(name) <= LONGEST - 5 else "mean"
    names = [_operand_name(o, known, made) for o in equation.operands]
    if op in _BINARY and len(names) == 2 and all(names):
        wish = f"{names[0]}_{_BINARY[op]}_{names[1]}"
        if len(wish) <= LONGEST:
            return wish
    word = _PLAIN.get(op, op.removeprefix("scipy_"))
    if op in ("getitem",) and names and names[0] and all(isinstance(i, int) for i in equation.params["index"]):
        wish = "_".join([names[0], *(str(i).replace("-", "m") for i in equation.params["index"])])
        if len(wish) <= LONGEST:
            return wish
    if names and names[0] and len(names) == 1 and op not in ("reshape", "transpose", "expand_dims", "broadcast_to"):
        wish = f"{word}_{names[0]}"
        if len(wish) <= LONGEST:
            return wish
    return word


def _summed_for_mean(equation: Equation, made: Callable[[Var], Equation | None]) -> Equation | None:
    """The sum of all elements that is divided by how many there are."""
    if equation.op.name != "divide" or not isinstance(equation.operands[0], Var):
        return None
    total, count = made(equation.operands[0]), equation.operands[1]
    if total is None or total.op.name != "sum" or total.params["axis"] is not None or not isinstance(count, Literal):
        return None
    shape = total.operands[0].type.shape
    known = shape and all(type(n) is int and n >= 0 for n in shape)
    return total if known and count.value == total.operands[0].type.size else None


def _operand_name(operand: Atom, known: Mapping[Var, str], made: Callable[[Var], Equation | None]) -> str:
    if not isinstance(operand, Var):
        return ""
    if operand in known:
        return known[operand]
    equation = made(operand)
    if equation is None or equation.op.name != "getitem":
        return ""
    return describe(equation, known, made)
