"""Large matrices that differ in a few elements, as `K` and `K + noise * np.eye(n)`, in one buffer.

What is added to the diagonal is written there. Where the matrix without it is read again, and the other one is not, the
old diagonal is put back, rather than a whole matrix copied before the write.
"""

from __future__ import annotations

from dataclasses import replace

from ..builder import Builder, Value, literal
from ..indexing import SLOT, Index
from ..op import BY_NAME
from ..program import Atom, Equation, Program, Var
from .dead_code import eliminate_dead_code, guards_only

LARGE = 1 << 20  # bytes of a matrix that is worth it
FEWER = 16  # times fewer elements that are put back
READERS = {"cholesky", "diagonal_add", "inv", "inverse_of_symmetric", "matmul", "slogdet", "solve", "trace"}
# To these 0.0 and -0.0 are the same.


def write_diagonals(program: Program, closure: bool = False) -> Program:
    """The program with numbers added to large diagonals in place, and these put back where that saves a copy."""
    return _put_back(_added(program), closure)


def _is_large(var: Var) -> bool:
    known = -1 not in var.type.shape and all(isinstance(n, int) for n in var.type.shape)
    return known and bool(var.type.size * var.type.dtype.itemsize >= LARGE)


def _added(program: Program) -> Program:
    definition = program.definitions()
    readers: dict[Var, list[str]] = {}
    for equation in program.equations:
        for operand in equation.operands:
            if isinstance(operand, Var):
                readers.setdefault(operand, []).append(equation.op.name)
    guarding = {id(e) for e in guards_only(program).equations}
    equations: list[Equation] = []
    for equation in reversed(program.equations):  # the last of several first, so that those before see who reads them
        if equation.op.name == "add" and id(equation) not in guarding and _is_large(equation.out):
            if equation.out not in program.outputs and READERS.issuperset(readers.get(equation.out, ())):
                found = _with_number(equation, definition)
                if found is not None:
                    equation = replace(equation, op=BY_NAME["diagonal_add"], operands=found)
                    equation.out.name = equation.out.name or "shifted"
                    if isinstance(found[0], Var) and readers[found[0]] == ["add"]:
                        readers[found[0]] = ["diagonal_add"]
        equations.append(equation)
    return eliminate_dead_code(replace(program, equations=tuple(reversed(equations))))


def _with_number(total: Equation, definition: dict[Var, Equation]) -> tuple[Atom, Atom] | None:
    """A matrix and c where the sum is the matrix + c * np.eye(n), or the matrix + np.diag(c)."""
    for matrix, other in (total.operands, total.operands[::-1]):
        if matrix.type != total.out.type or not isinstance(matrix, Var) or matrix.type.dtype.kind != "f":
            continue
        made = definition.get(other) if isinstance(other, Var) else None
        if made is None:
            continue
        if made.op.name == "multiply":
            for number, identity in (made.operands, made.operands[::-1]):
                if not number.type.shape and _is_identity(identity, definition):
                    return matrix, number
        elif made.op.name == "diagonal_matrix" and made.params["offset"] == 0:
            return matrix, made.operands[0]
        elif _is_identity(other, definition):
            return matrix, literal(1.0)
    return None


def _is_identity(atom: Atom, definition: dict[Var, Equation]) -> bool:
    made = definition.get(atom) if isinstance(atom, Var) else None
    return made is not None and made.op.name == "identity_matrix" and made.params["offset"] == 0


def _put_back(program: Program, closure: bool) -> Program:
    for number in range(len(program.equations) - 1, -1, -1):
        equation = program.equations[number]
        if equation.op.name in ("diagonal_add", "set_item") and _is_large(equation.out):
            program = _restored(program, number, closure)
    return program


def _restored(program: Program, number: int, closure: bool) -> Program:
    """The program in which what a write overwrote is put back for the later readers of the matrix before."""
    write = program.equations[number]
    before, places = write.operands[0], _places(write)
    uses: dict[Var, list[int]] = {}
    for i, e in enumerate(program.equations):
        for operand in e.operands:
            if isinstance(operand, Var):
                uses.setdefault(operand, []).append(i)
    made = next((e for e in program.equations[:number] if before in e.outs), None)
    outputs = {o for o in program.outputs if isinstance(o, Var)}
    if places is None or not isinstance(before, Var) or made is None or made.op.view or made.op.update is not None:
        return program
    later = [i for i in uses[before] if i > number]
    after = write.out
    while [program.equations[i].op.name for i in uses.get(after, ())] == ["diagonal_add"] == [write.op.name]:
        after = program.equations[uses[after][0]].out
    last = max(uses.get(after, [-1]))
    viewed = any(program.equations[i].op.view for i in (*uses.get(after, ()), *uses[before]))
    if not later or last < number or min(later) <= last or viewed or {before, after} & outputs:
        return program
    level = program.equations[last].level
    if closure and level:
        return program  # the backward part may run again
    builder = Builder()
    with builder.at(write.origin, write.level):
        arrays = places or [builder.emit(BY_NAME["arange"], start=0, stop=before.type.shape[0], step=1)] * 2
        index: Index = (SLOT,) * len(arrays)
        saved = BY_NAME["getitem"](Value(builder, before), *arrays, index=index)
    kept = list(builder.equations)
    with builder.at(write.origin, level):
        back = BY_NAME["set_item"](Value(builder, after), saved, *arrays, index=index)
    again = builder.equations[len(kept) :]
    if isinstance(back.atom, Var):
        back.atom.name, back.atom.named = before.name, before.named
    rest = [
        replace(e, operands=tuple(back.atom if o is before else o for o in e.operands))
        for e in program.equations[last + 1 :]
    ]
    equations = (*program.equations[:number], *kept, *program.equations[number : last + 1], *again, *rest)
    return replace(program, equations=equations)


def _places(write: Equation) -> list[Atom] | None:
    """The index arrays of a write of few elements; none for the diagonal."""
    if write.op.name == "diagonal_add":
        return []
    arrays = write.operands[2:]
    few = all(a.type.ndim == 1 and a.type.size * FEWER <= write.out.type.size for a in arrays)
    plain = len(arrays) == write.out.type.ndim and all(entry is SLOT for entry in write.params["index"])
    return list(arrays) if arrays and few and plain else None
