"""Results are handed out as arrays of their own: no argument, no part of another array, never the same array twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..aliasing import cells, may_alias, read_only, roots, shares_memory
from ..builder import Builder, Value
from ..op import BY_NAME
from ..ops.loops import map_programs
from ..program import Atom, Equation, Literal, Program, Var
from .dead_code import eliminate_dead_code

_WHOLE = {"reshape", "expand_dims", "squeeze"}  # views of all elements, each once, in their order


def copy_shared_outputs(program: Program, early: int = 0, last: int = 1, ordered: bool = False) -> Program:
    """The program with a copy for each output that shares its buffer with anything the caller can see.

    So also every program that is called within it. The first `early` outputs are handed out before the backward pass
    is run, whose level is `last`: what that reads is not theirs, since callers may write into them. With `ordered` no
    output is the transpose of an array: gradients go to optimizers.
    """
    program = _inside(program)
    owner = roots(program)
    definitions = program.definitions()
    frozen = read_only(program)
    small = cells(program)
    uses = program.use_counts()
    seen = {owner[v] for v in (*program.inputs, *program.captures)}
    equations = [e for e in program.equations if e.op.name != "store"]
    stores = [e for e in program.equations if e.op.name == "store"]
    later = {owner[o] for e in equations if early and e.level >= last for o in e.operands if o in owner}
    outputs: list[Atom] = []
    for i, output in enumerate(program.outputs):
        if isinstance(output, Literal):
            outputs.append(output)
            continue
        made = definitions.get(output)
        borrowed = output in frozen or (made is not None and (not made.op.owns or may_alias(made, output)))
        whole = not early and output not in frozen and _is_all_of(output, definitions, ordered)
        shared = (owner[output] is not output and not whole) or owner[output] in seen or (borrowed and not whole)
        shared = shared or (i < early and owner[output] in later)
        seen.add(owner[output])
        scalar = made is not None and output in small and made.op.name not in ("as_array", "filled")
        if not scalar and (not shared or not output.type.shape):
            outputs.append(output)
            continue
        builder = Builder()
        builder.level = made.level if made else 0 if i < early else last
        builder.origin = made.origin if made else None
        if scalar:
            value = builder.emit(BY_NAME["getitem"], output, index=())
        elif made is not None and made.op.name == "broadcast_to":
            source = Value(builder, made.operands[0])
            value = builder.emit(BY_NAME["full"], source, shape=output.type.shape)
        else:
            value = builder.emit(BY_NAME["copy"], output)
        value.atom.name, value.atom.named = output.name, output.named
        if made is not None and uses.get(output) == 1:
            output.name, output.named = "", False  # the copy alone bears the name
        place = equations.index(made) + 1 if made is not None else len(equations)
        if made is None and i < early:
            place = next((n for n, e in enumerate(equations) if e.level > 0), place)
        equations[place:place] = builder.equations  # beside what is copied: it may be large, and then it can go
        outputs.append(value.atom)
    written: set[Atom] = set()
    for number, store in enumerate(stores):  # they come last, and none reads what another has written
        target, value = store.operands
        if isinstance(value, Var) and owner[value] in written:
            builder = Builder()
            builder.level = store.level
            kept = builder.emit(BY_NAME["copy"], value)
            equations += builder.equations
            stores[number] = replace(store, operands=(target, kept.atom))
        written.add(target)
    return eliminate_dead_code(replace(program, equations=(*equations, *stores), outputs=tuple(outputs)))


def _is_all_of(output: Var, definitions: Mapping[Var, Equation], ordered: bool) -> bool:
    """Whether an output is all of an array that was made here, with its elements in another order or shape."""
    made = definitions.get(output)
    views = _WHOLE if ordered else _WHOLE | {"transpose"}
    while made is not None and made.op.name in views and isinstance(made.operands[0], Var):
        output, made = made.operands[0], definitions.get(made.operands[0])
    if made is None or not output.type.shape:
        return False
    return made.op.owns and not shares_memory(made) and not may_alias(made, output)


def _inside(program: Program) -> Program:
    """The program with the called ones, wherever they stand in it, returning arrays of their own."""
    if not any(e.holds_programs for e in program.equations):
        return program
    equations = []
    for e in program.equations:
        run = _called if e.op.name == "call" else _inside
        equations.append(replace(e, params=map_programs(dict(e.params), run)))
    return replace(program, equations=tuple(equations))


def _called(body: Program) -> Program:
    return copy_shared_outputs(_apart(body))


def _apart(body: Program) -> Program:
    """The body with a number taken out of each 0-d input that it hands back: the input may be an array."""
    builder = Builder()
    outputs = [
        builder.emit(BY_NAME["getitem"], output, index=()).atom
        if output in body.inputs and not output.type.shape and not output.type.weak
        else output
        for output in body.outputs
    ]
    return replace(body, equations=(*body.equations, *builder.equations), outputs=tuple(outputs))
