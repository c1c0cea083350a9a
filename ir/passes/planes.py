"""Large arrays of points and their differences, `x[:, None] - x`, coordinate by coordinate in memory.

NumPy's loops run along the last axis, which is a short one there. An array that is computed from tables in columns is
laid out like these, and so is what is computed from it: the loops run along the points. Sums may round differently.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ..builder import Builder, Value
from ..op import BY_NAME
from ..program import Atom, Equation, Program, Var
from ..types import normalize_axes
from .dead_code import eliminate_dead_code, guards_only

LARGE = 1 << 20  # bytes of an array that is worth it
NARROW = 16  # coordinates at most: along more of them NumPy's loops are long enough
TALL = 64  # points at least
DEEPEST = 4  # operations that are looked back through
SMALLER = 8  # times fewer elements make an operand one that is broadcast
KEPT = -1  # for an axis: nothing is turned
_REDUCTIONS = {"all", "any", "einsum", "max", "mean", "min", "sum", "vecdot"}


def keep_planes(program: Program) -> Program:
    """The program with tables of points in columns where large arrays are made from these, point against point."""
    guarding = {id(e) for e in guards_only(program).equations}
    definition = program.definitions()
    readers: dict[Var, list[Equation]] = {}
    for equation in program.equations:
        for operand in {o for o in equation.operands if isinstance(o, Var)}:
            readers.setdefault(operand, []).append(equation)
    planes = _Planes(program, definition, readers, guarding)
    for equation in program.equations:
        planes.begin(equation)
    return planes.written() if planes.turned else program


class _Planes:
    def __init__(
        self, program: Program, definition: dict[Var, Equation], readers: dict[Var, list[Equation]], guarding: set[int]
    ) -> None:
        self.program = program
        self.definition = definition
        self.readers = readers
        self.guarding = guarding
        self.turned: set[Var] = set()  # arrays that lie coordinate by coordinate
        self.transposed: set[int] = set()  # equations that are written with their last two axes swapped
        self.tables: dict[int, dict[Var, Var]] = {}  # by equation: what it reads, and the table that this is a view of

    def begin(self, equation: Equation) -> None:
        """Turn an array that is made of tables alone, if everything that is made of it can be turned, too."""
        if not self._is_wide(equation) or any(o in self.turned for o in equation.operands if isinstance(o, Var)):
            return
        tables = {o: t for o in equation.operands if isinstance(o, Var) and (t := _table(self.definition, o, equation))}
        if not tables or not all(_fits(o, equation.out, self.turned) for o in equation.operands):
            return
        ndim = equation.out.type.ndim
        points = max(ndim - o.type.ndim + o.type.shape.index(t.type.shape[0]) for o, t in tables.items())
        found = self._followed(equation, points)
        if found is not None:
            turned, rewritten = found
            self.turned |= turned
            self.transposed |= rewritten
            self.tables[id(equation)] = tables

    def _is_wide(self, equation: Equation) -> bool:
        """Whether it computes a large array with a short last axis, element by element."""
        if not equation.op.elementwise or len(equation.outs) != 1 or id(equation) in self.guarding:
            return False
        type_ = equation.out.type
        if type_.ndim < 3 or not all(isinstance(n, int) and n > 0 for n in type_.shape) or type_.dtype.kind != "f":
            return False
        return bool(2 <= type_.shape[-1] <= NARROW and type_.size * type_.dtype.itemsize >= LARGE)

    def _followed(self, equation: Equation, points: int) -> tuple[set[Var], set[int]] | None:
        """What is turned with an array, and what must be written transposed; None where something cannot be turned.

        `points` is the axis along which the elements of the array lie side by side.
        """
        found, transposed, waiting = {equation.out: points}, set[int](), [equation.out]
        while waiting:
            var = waiting.pop()
            if var in self.program.outputs:
                return None
            for reader in self.readers.get(var, ()):
                along = self._of_reader(reader, var, found[var])
                if along is None:
                    return None
                if along == KEPT:
                    continue
                if reader.op.name == "matmul" and along == var.type.ndim - 2:
                    transposed.add(id(reader))
                made = [reader]
                if reader.op.elementwise and along == reader.out.type.ndim - 2:
                    others = self._made_of_small(reader, found, DEEPEST)
                    transposed |= {id(e) for e in others if all(_fits(o, e.out, ()) for o in e.operands)}
                    made += others
                for out in (e.out for e in made if e.out not in found):
                    found[out] = along
                    waiting.append(out)
        mixed = [e for v, along in found.items() for e in self.readers.get(v, ()) if e.op.elementwise]
        mixed = [e for e in mixed if found.get(e.out, 0) < e.out.type.ndim - 1]  # along the last axis all is well
        fitting = all(_fits(o, e.out, {*found, *self.turned}) for e in mixed for o in e.operands)
        return (set(found), transposed) if fitting else None

    def _made_of_small(self, reader: Equation, found: Mapping[Var, int], left: int) -> list[Equation]:
        """What else a reader computes with that lies row by row, but is made of small arrays, or of such again."""
        others = [o for o in reader.operands if not _fits(o, reader.out, {*found, *self.turned})]
        made = [self.definition.get(o) if isinstance(o, Var) else None for o in others]
        wide = [e for e in made if e is not None and self._is_wide(e)]
        if len(wide) < len(made) or not left:
            return []  # the check at the end tells
        return [*wide, *(e for one in wide for e in self._made_of_small(one, found, left - 1))]

    def _of_reader(self, reader: Equation, var: Var, points: int) -> int | None:
        """Along which axis that lies which a reader makes of a turned array; None if that must not be turned then."""
        if id(reader) in self.guarding or reader.op.update is not None or len(reader.outs) != 1:
            return None
        out, name, n = reader.out, reader.op.name, var.type.ndim
        if name in _REDUCTIONS and out.type.size * 2 <= var.type.size:
            return KEPT
        if name == "transpose":
            return int(reader.params["axes"].index(points))
        if name == "expand_dims":
            added = normalize_axes(reader.params["axis"], out.type.ndim)
            return [i for i in range(out.type.ndim) if i not in added][points]
        if reader.op.elementwise:
            return points if out.type.ndim == n else None
        if name != "matmul" or points < n - 2:
            return None  # no axis of its matrices has its elements side by side
        if out.type.size * 2 <= var.type.size:
            return KEPT
        if points == n - 1:
            return points if reader.operands[1] is var else None
        return points if reader.operands[0] is var and 2 <= out.type.shape[-1] <= NARROW else None

    def written(self) -> Program:
        builder = Builder()
        copies: dict[Var, Value] = {}
        equations: list[Equation] = []
        for equation in self.program.equations:
            first = len(builder.equations)
            operands = list(equation.operands)
            with builder.at(equation.origin, equation.level):
                for place, operand in enumerate(operands):
                    table = self.tables.get(id(equation), {}).get(operand) if isinstance(operand, Var) else None
                    if table is not None and isinstance(operand, Var):
                        operands[place] = self._in_columns(builder, operand, table, copies)
                if id(equation) in self.transposed:
                    self._write_transposed(builder, equation)
            equations += builder.equations[first:]
            if id(equation) in self.transposed:
                equations[-1] = replace(equations[-1], outs=equation.outs)
            else:
                equations.append(replace(equation, operands=tuple(operands)))
        outputs = self._handed_out(builder, equations)
        return eliminate_dead_code(replace(self.program, equations=tuple(equations), outputs=outputs))

    def _handed_out(self, builder: Builder, equations: list[Equation]) -> tuple[Atom, ...]:
        """The outputs; what may have been laid out like the arrays that it was computed from is copied."""
        touched = set(self.turned)
        for equation in self.program.equations:
            alike = equation.op.elementwise or equation.op.view or equation.op.name in _REDUCTIONS
            if alike and not touched.isdisjoint(equation.operands):
                touched.update(out for out in equation.outs if out.type.ndim > 1)
        outputs = list(self.program.outputs)
        for place, output in enumerate(outputs):
            if isinstance(output, Var) and output in touched:
                made = self.definition[output]
                with builder.at(made.origin, made.level):
                    copy = BY_NAME["copy"](Value(builder, output))
                copy.atom.name, copy.atom.named = output.name, output.named
                equations.append(builder.equations[-1])
                outputs[place] = copy.atom
        return tuple(outputs)

    def _in_columns(self, builder: Builder, operand: Var, table: Var, copies: dict[Var, Value]) -> Atom:
        if table not in copies:
            copy = BY_NAME["in_columns"](Value(builder, table))
            copy.atom.name = f"{table.name or 'points'}_in_columns"
            copies[table] = copy
        if operand is table:
            return copies[table].atom
        made = self.definition[operand]
        view: Value = builder.emit(made.op, copies[table], **made.params)
        return view.atom

    def _write_transposed(self, builder: Builder, equation: Equation) -> None:
        """A @ B as (B.T @ A.T).T, u[..., None] * v[:, None] as (u[:, None] * v[..., None]).T of the last two axes."""
        values = [self._swapped(builder, o, equation.out.type.ndim) for o in equation.operands]
        if equation.op.name == "matmul":
            values.reverse()
        _swap(builder.emit(equation.op, *values, **equation.params))

    def _swapped(self, builder: Builder, atom: Atom, ndim: int) -> Value:
        """An operand as it broadcasts where the last two axes are swapped."""
        value = Value(builder, atom)
        made = self.definition.get(atom) if isinstance(atom, Var) else None
        n = atom.type.ndim
        if made is not None and made.op.name == "transpose" and made.params["axes"] == (*range(n - 2), n - 1, n - 2):
            return Value(builder, made.operands[0])
        if made is not None and made.op.name == "expand_dims" and made.params["axis"] in ((n - 2,), (n - 1,)):
            other = 2 * n - 3 - made.params["axis"][0]
            swapped: Value = builder.emit(made.op, Value(builder, made.operands[0]), axis=(other,))
            return swapped
        if n == 1:
            column: Value = BY_NAME["expand_dims"](value, axis=(1,))
            return column
        return _swap(value) if n else value


def _swap(x: Value) -> Value:
    swapped: Value = BY_NAME["transpose"](x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))
    return swapped


def _table(definition: dict[Var, Equation], operand: Var, reader: Equation) -> Var | None:
    """The tall table that an operand is a view of, perhaps with axes of length 1 put in before its coordinates."""
    made, out = definition.get(operand), reader.out.type
    table: Atom = operand
    if made is not None and made.op.name == "expand_dims":
        table = made.operands[0]
    if not isinstance(table, Var) or table.type.ndim != 2 or table.type.dtype != out.dtype or table.type.weak:
        return None
    rows, columns = table.type.shape
    fitting = columns == out.shape[-1] == operand.type.shape[-1]
    return table if fitting and rows >= TALL and rows * columns * SMALLER <= out.size else None


def _fits(operand: Atom, out: Var, turned: Collection[Var]) -> bool:
    """Whether an operand does not make NumPy go along the coordinates: it has none, is small, or is turned itself."""
    if not isinstance(operand, Var) or operand in turned or not operand.type.shape:
        return True
    return bool(operand.type.shape[-1] == 1 or operand.type.size * SMALLER <= out.type.size)
