"""The gradient alone, beside a function that returns the value and the gradient: the second half of its result."""

from __future__ import annotations

import ast

from .compilation import Stages


def delegate(stages: Stages) -> str:
    """The text of the function."""
    whole = ast.parse((stages.generated.annotated or stages.generated.header) + " pass").body[0]
    assert isinstance(whole, ast.FunctionDef)
    name = stages.generated.name
    alone = name.removesuffix("value_and_grad") + "grad"
    header = (stages.generated.annotated or stages.generated.header).replace(f"def {name}(", f"def {alone}(", 1)
    returned = whole.returns
    has_aux = stages.request.has_aux
    if returned is not None:
        before = ast.unparse(returned)
        header = header.replace(f"-> {before}:", f"-> {_second(returned, has_aux)}:")
    lines = [header, f'    """The gradient alone: the second half of what {name} returns."""']
    call = f"{name}({_passed_on(whole.args)})"
    if has_aux:
        lines += [f"    (_, aux), gradient = {call}", "    return gradient, aux"]
    else:
        lines.append(f"    return {call}[1]")
    return "\n".join(lines)


def _passed_on(args: ast.arguments) -> str:
    """The parameters as the arguments of a call."""
    parts = [arg.arg for arg in (*args.posonlyargs, *args.args)]
    parts += [f"*{args.vararg.arg}"] if args.vararg else []
    parts += [f"{arg.arg}={arg.arg}" for arg in args.kwonlyargs]
    parts += [f"**{args.kwarg.arg}"] if args.kwarg else []
    return ", ".join(parts)


def _second(returned: ast.expr, has_aux: bool) -> str:
    """The annotation of the gradient in `tuple[value, gradient]`, or of (gradient, aux) where there is one."""
    if not isinstance(returned, ast.Subscript) or not isinstance(returned.slice, ast.Tuple):
        return "tuple"
    first, gradient = returned.slice.elts
    if not has_aux:
        return ast.unparse(gradient)
    aux = first.slice.elts[1] if isinstance(first, ast.Subscript) and isinstance(first.slice, ast.Tuple) else None
    return "tuple" if aux is None else f"tuple[{ast.unparse(gradient)}, {ast.unparse(aux)}]"
