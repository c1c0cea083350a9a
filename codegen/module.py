"""The whole generated text: a function with its docstring, or a module that needs only numpy."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..ir.assumptions import assumed, is_symbolic
from ..ir.ops.custom import External
from ..ir.program import Program, Var
from .annotations import annotated, leaf_annotation, result_annotation
from .arguments import check_arguments
from .calls import local_functions, programs_within
from .door import Leaf, condition, door, plain_door
from .externals import Named, externals
from .hidden import hides_a_name, other_names, parameter_names, under
from .lengths import opening as lengths_opening
from .lengths import symbols_within
from .lower import Lowering
from .names import legal
from .positions import Positions, positions
from .short_names import short_names
from .source import WIDTH, Comment, Function, Item, Verbatim, print_items
from .target import Target
from .templates import expression

_UNNAMED = {"i": "indices", "u": "indices", "b": "mask"}  # captured arrays that no variable holds, by kind


@dataclass(frozen=True, slots=True)
class Signature:
    """How the generated function is called, and what it returns.

    `parameters` is the text between the parentheses; `leaves` reaches each input from a parameter (`params['w']`);
    `checks` are static arguments with the value that the text was made for; `result` is an expression over the
    program's outputs {0}, {1} ...; `describes` is the first line of the docstring, `types` the second.
    """

    name: str
    parameters: str
    leaves: Sequence[str]
    checks: Sequence[tuple[str, Any]]
    result: str
    describes: str
    types: str
    closure: tuple[str, str] | None = None  # (name, result expression) of the nested function of a vjp
    alone: bool = False  # no cache chose this text by its arguments: it checks them by itself
    written: Sequence[tuple[str, Sequence[str]]] = ()  # arrays that are written into, each with the other arrays
    headings: Sequence[tuple[int, str]] = ()  # what the part of each level is called; forward and backward by default
    annotations: Mapping[str, str] = field(default_factory=dict)  # of parameters, in the text of a module
    containers: Sequence[tuple[str, int | list[Any]]] = ()  # with lengths or keys, in the text of a module
    inner: Mapping[str, str] = field(default_factory=dict)  # other names of parameters that hide what the text calls


@dataclass(frozen=True, slots=True)
class Generated:
    """The text of the function, what it needs besides numpy, and the names under which it reads captured arrays."""

    text: str
    helpers: tuple[Callable[..., Any], ...]
    captures: tuple[str, ...]
    guarded: bool
    imports: tuple[str, ...] = ()  # modules besides numpy
    positions: Positions = field(default_factory=dict)  # the equation of each line and expression, if asked for
    externals: tuple[Named, ...] = ()  # functions that the text calls by name
    name: str = ""
    header: str = ""  # the line of the text that begins the function, and what a module writes instead
    annotated: str = ""


def generate(
    program: Program,
    signature: Signature,
    home: str,
    cotangents: int = 0,
    last: int | None = None,
    located: bool = False,
    target: Target | None = None,
    reuse: bool = False,
) -> Generated:
    """The function's text. `home` is the file of the user's function; `last` is the level of the nested function's
    equations, by default the highest that there is; `located` asks for `positions` too."""
    everywhere = [e for inner in programs_within(program) for e in inner.equations]
    helper_names = {h.__name__ for e in everywhere for h in e.op.helpers} | {check_arguments.__name__}
    libraries = {module.partition(".")[0] for e in everywhere for module in e.op.imports}
    lengths = symbols_within(program.inputs)
    module_names = {"np", "NDArray", "GuardMiss", signature.name, *helper_names, *libraries, *lengths}
    if signature.closure:
        module_names.add(signature.closure[0])
    given: dict[Var, str] = {}
    opening: list[Item] = []
    own = parameter_names(signature.parameters)
    taken = {legal(signature.inner.get(p, p)) for p in own}
    arguments = program.inputs[: len(program.inputs) - cotangents]
    reached = [under(leaf, signature.inner) for leaf in signature.leaves]
    for var, leaf in zip(arguments, reached, strict=True):
        if leaf.isidentifier():
            given[var] = leaf
    uses = program.use_counts()
    unpacked: list[tuple[str, str]] = []
    for var, leaf in zip(arguments, reached, strict=True):
        if var not in given and var in uses:
            given[var] = _free(legal(var.name or "x"), taken | module_names | set(given.values()))
            unpacked.append((given[var], leaf))
    opening += _unpack(unpacked)
    for var in program.inputs[len(arguments) :]:
        given[var] = _free(legal(var.name or "dy"), taken | module_names | set(given.values()))
    captures = []
    for var in program.captures:
        wish = var.name or _UNNAMED.get(var.type.dtype.kind, "table")
        given[var] = _free(legal(wish), taken | module_names | set(given.values()))
        captures.append(given[var])
        if target and target.parameter:
            given[var] = _free(f"{captures[-1]}_", taken | module_names | set(given.values()) | set(captures))
            opening += [ast.parse(f"{given[var]} = {target.parameter}.asarray({captures[-1]})").body[0]]
    others = {*taken, *given.values()}
    outside = externals(program, module_names | others)
    module_names |= {named.name for named in outside.values()}
    called: dict[Program | External, str] = {external: named.name for external, named in outside.items()}
    functions = local_functions(program, module_names, others, home, called, reuse, lengths)
    reserved = {*functions.reserved, *captures, *lengths} | (taken - set(given.values()))
    closure = signature.closure is not None
    lowering = Lowering(
        program, given, reserved, closure=closure, functions=functions.names, last=last, target=target, reuse=reuse
    )
    lowering.helpers.update(functions.helpers)
    lowering.imports.update(functions.imports)
    headings = bool(signature.headings)
    lowering.headings = dict(signature.headings)
    forward, backward = lowering.body(home)
    items = [] if signature.inner else _docstring(signature)
    items += _containers(signature) + opening
    if signature.alone:
        items += _door(lowering, arguments, signature.leaves, reached, [path for path, _ in signature.written])
    cotangent_names = [lowering.names[v] for v in program.inputs[len(arguments) :]]
    checked: list[Item] = []
    if signature.alone:
        around = symbols_within(arguments)
        checked = _door(lowering, program.inputs[len(arguments) :], cotangent_names, cotangent_names, (), around)
    if is_symbolic():
        items += _opening(lowering, arguments, reached, signature, [*forward, *checked, *backward], program)
    items += _checks(signature) + _apart(signature, captures)
    converted = any(e.op.name == "python_number" for e in everywhere)
    if converted and not located and not target:  # what watches the text, and other readers, know `np.sin`
        items += short_names([*forward, *backward], {*module_names, *others, *reserved})
    lowering.guarded = lowering.guarded or bool(signature.checks and not signature.alone)
    if signature.closure:
        items += _closure(program, signature, lowering, forward, [*checked, *backward], cotangent_names)
    else:
        begun, ended = _together(program)
        if forward:
            title = "forward and backward" if begun else "forward"
            items += [Comment(title), *forward] if backward and not headings else forward
        if backward:
            title = "forward and backward" if ended else "backward"
            named = [] if headings else [*([Comment("")] if forward else []), Comment(title)]
            items += [*named, *backward]
        outputs = [lowering.expression(o) for o in program.outputs]
        items.append(ast.Return(expression(_result(signature), outputs)))
    header = f"def {signature.name}({signature.parameters}):"
    function = Function(header, items)
    whole = [*functions.items, *(_passed_on(signature, function) if signature.inner else [function])]
    text = print_items(whole)
    if not signature.inner and hides_a_name(own, helper_names, text):
        apart = replace(signature, inner=other_names(own, module_names))
        return generate(program, apart, home, cotangents, last, located, target, reuse)
    helpers = tuple(lowering.helpers[name] for name in sorted(lowering.helpers))
    found = positions(whole, text) if located else {}
    imports = tuple(sorted(lowering.imports))
    from_elsewhere = tuple(dict.fromkeys(outside.values()))
    typed = ""
    if signature.alone and not (target and target.parameter):
        typed = annotated(signature.name, signature.parameters, signature.annotations, _returns(program, signature))
    return Generated(
        text, helpers, tuple(captures), lowering.guarded, imports, found, from_elsewhere, signature.name, header, typed
    )


def _returns(program: Program, signature: Signature) -> str | None:
    """The annotation of what is returned."""
    if signature.closure or not signature.alone:
        return None
    made = {out: e.op.name for e in program.equations for out in e.outs}
    names = [ast.Name(f"_{i}", ast.Load()) for i in range(len(program.outputs))]
    arrays = [isinstance(o, Var) and made.get(o) in ("as_array", "filled") for o in program.outputs]
    leaves = {n.id: leaf_annotation(o.type, a) for n, o, a in zip(names, program.outputs, arrays)}
    return result_annotation(expression(signature.result, names), leaves)


def _result(signature: Signature) -> str:
    """The returned expression over the outputs."""
    result = signature.result
    for name, other in signature.inner.items():
        result = re.sub(rf"\btype\({re.escape(name)}(?!\w)", f"type({other}", result)
    return result


def _passed_on(signature: Signature, function: Function) -> list[Item]:
    """The function under another name, and one with the parameters' own names that calls it."""
    behind = Function(f"def _{signature.name}({', '.join(signature.inner.values())}):", function.body)
    call = ast.parse(f"return _{signature.name}({', '.join(signature.inner)})").body[0]
    return [behind, Comment(""), Comment(""), Function(function.header, [*_docstring(signature), call])]


def _together(program: Program) -> tuple[bool, bool]:
    """Whether a loop over blocks goes through steps of the function itself and of the backward pass: before the last
    step of the function, and after it."""
    highest = max((e.level for e in program.equations), default=0)
    last = max((n for n, e in enumerate(program.equations) if e.level < highest), default=-1)
    loops = [(n, e) for n, e in enumerate(program.equations) if e.op.name == "blocks" and e.level]
    both = [n > last for n, e in loops if any(inner.level < e.level for inner in e.params["body"].equations)]
    return False in both, True in both


def _closure(
    program: Program,
    signature: Signature,
    lowering: Lowering,
    forward: Sequence[Item],
    backward: Sequence[Item],
    cotangents: Sequence[str],
) -> list[Item]:
    """A function that returns its result and the pullback."""
    assert signature.closure is not None
    name, result = signature.closure
    outputs = [lowering.expression(o) for o in program.outputs]
    inner = Function(f"def {name}({', '.join(cotangents)}):", [*backward, ast.Return(expression(result, outputs))])
    part = "backward" if name == "pullback" else "tangents"
    items: list[Item] = [Comment("forward"), *forward, Comment(""), Comment(part), inner, Comment("")]
    items.append(ast.Return(expression(f"{_result(signature)}, {name}", outputs)))
    return items


def _free(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        candidate = f"{name}_{number}"
        number += 1
    return candidate


def _unpack(pairs: list[tuple[str, str]]) -> list[Item]:
    """`w, b = params['w'], params['b']`, a few on each line."""
    items: list[Item] = []
    for i in range(0, len(pairs), 4):
        some = pairs[i : i + 4]
        left = ", ".join(name for name, _ in some)
        right = ", ".join(leaf for _, leaf in some)
        items.append(ast.parse(f"{left} = {right}").body[0])
    return items


def _docstring(signature: Signature) -> list[Item]:
    return [Verbatim(f'"""{signature.describes}\n\n{folded(signature.types)}\n"""')]


def folded(types: str) -> str:
    """The line with the types, broken between arguments where it is long."""
    lines = [""]
    for part in re.split(r"(?<=,) (?![^\[]*\])|(?=  ->)", types):
        longer = f"{lines[-1]} {part}" if lines[-1] and not part.startswith(" ") else lines[-1] + part
        if len(longer) > WIDTH - 4 and lines[-1]:
            lines.append(f"    {part.strip()}")
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _containers(signature: Signature) -> list[Item]:
    """More in a container than the text knows of, and another order of keys, would go unseen."""
    lines = []
    every = [("list" if isinstance(held, list) else "len", path, held) for path, held in signature.containers]
    for i in range(0, len(every), 3):
        some = every[i : i + 3]
        tests = [f"{called}({under(path, signature.inner)}) == {held!r}" for called, path, held in some]
        wanted = " and ".join(f"{called}({path}) == {held!r}" for called, path, held in some)
        lines += [*condition(tests), f"    raise ValueError({f'this was made for {wanted}'!r})"]
    return [Verbatim("\n".join(lines))] if lines else []


def _checks(signature: Signature) -> list[Item]:
    """Static arguments are part of the text: another value is another path."""
    items: list[Item] = []
    for path, value in signature.checks:
        held = under(path, signature.inner)
        test = f"{held} is not {value!r}" if value is None or isinstance(value, bool) else f"{held} != {value!r}"
        miss = f"GuardMiss({path!r})"
        if signature.alone:
            message = f"{path} must be {value!r}: this was made for that value alone"
            miss = f"ValueError({message!r})"
        items.append(ast.parse(f"if {test}: raise {miss}").body[0])
    return items


def _door(
    lowering: Lowering,
    inputs: Sequence[Var],
    paths: Sequence[str],
    reached: Sequence[str],
    written: Sequence[str],
    around: Collection[str] = (),
) -> list[Item]:
    """The test of the inputs. A value that the text does not read has no name of its own."""
    names = [lowering.names.get(var, leaf) for var, leaf in zip(inputs, reached, strict=True)]
    leaves = [Leaf(path, name, var.type) for path, name, var in zip(paths, names, inputs)]
    if lowering.target:
        return plain_door(leaves, lowering.target.dtype, lowering.target.scalar)
    items = door(leaves, written, around)
    if items:
        lowering.helpers[check_arguments.__name__] = check_arguments
    return items


def _opening(
    lowering: Lowering, inputs: Sequence[Var], reached: Sequence[str], signature: Signature, body: Sequence[Item],
    program: Program,
) -> list[Item]:  # fmt: skip
    """The lengths in symbols that the body reads. Who chose this text by its arguments has tested the assumptions."""
    leaves = [Leaf(p, lowering.names.get(v, p), v.type) for v, p in zip(inputs, reached, strict=True)]
    outputs = [ast.Expr(lowering.expression(o)) for o in program.outputs]
    return lengths_opening(leaves, [*body, *outputs], assumed() if signature.alone else ())


def _apart(signature: Signature, captures: Sequence[str]) -> list[Item]:
    """What is written into was traced as memory of its own: an array that shares it would not see the writes."""
    items: list[Item] = []
    for path, arrays in signature.written:
        others = [*arrays, *captures]
        if not others:
            continue
        held, found = under(path, signature.inner), [under(other, signature.inner) for other in others]
        test = f"np.shares_memory({held}, {found[0]})"
        if len(found) > 1:
            test = f"any(np.shares_memory({held}, other) for other in ({', '.join(found)}))"
        message = f"{path} is written into and must not share memory with {' or '.join(others)}: pass {path}.copy()"
        items.append(ast.parse(f"if {test}: raise ValueError({message!r})").body[0])
    return items
