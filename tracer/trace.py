"""One trace: the program that is being recorded, what it captured, and what it had to know about actual values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..ir.assumptions import is_symbolic
from ..ir.builder import Builder, RemovedError, Value
from ..ir.dims import equals, holds_symbols, is_symbolic_number
from ..ir.interp import evaluate_equation
from ..ir.op import BY_NAME, Op
from ..ir.ops.effects import guard, has_strides, is_contiguous
from ..ir.program import Atom, Equation, Literal, Origin, Var
from ..ir.types import ArrayType, dtype_name, type_of
from .decisions import decided
from .errors import LeakedTracerError, TracingError, UnsupportedError, dtype_fix, explain
from .place import Place, Root, View, moment
from .site import current_site, name_of, user_frame

ACTIVE: ContextVar[Trace | None] = ContextVar("tapeless_trace", default=None)

_FOR_A_BATCH = {  # what to write under vmap where Python needs a number
    "an integer": "in_axes=(0, None), with None for a number that is the same for every example",
    "the number of true entries": "np.where(mask, x, 0): every example keeps its length",
    "the greatest place": "np.bincount(x, minlength=n): every example has n bins",
    "the number of bins": "np.histogram(x, edges): every example has the same bins",
    "to know whether eigenvalues are complex": "np.linalg.eigvals(a.astype(complex)), or eigvalsh(a)",
}


class Trace:
    """A program under construction. `actual` holds the call's arguments, if there are any to look at."""

    def __init__(self) -> None:
        self.builder = Builder()
        self.arrays: list[np.ndarray[Any, Any]] = []  # captured arrays, in the order of builder.captures
        self._captured: dict[int, Value] = {}
        self._contents: list[tuple[bytes, Origin | None]] = []  # what was in each captured array, and where
        self.closed = False
        self.decides = False  # whether a comparison of Python numbers is answered with a bool of Python's, and guarded
        self.names_steps = True
        self.examples: set[Var] = set()  # variables that stand for one example of a batch
        self.examples_since = 0  # what was made before is not of an example
        self.debug: str | None = None  # what a gradient taken inside asks for, since its text is that of the whole
        self.found: dict[int, Any] = {}  # stand-ins for plain arrays, in a second look
        self._known: dict[Var, tuple[Any, bool]] = {}
        self.roots: dict[Atom, Root] = {}  # the storage behind each input
        self._guarded: set[Atom] = set()
        self.owners: dict[Atom, Place] = {}  # what decides how a matrix lies, where its operation does not

    # --------------------------------------------------------------------------------------------- inputs

    def input(self, type_: ArrayType, name: str, actual: Any) -> Value:
        """A new input; `actual` is its value in this call, or None when only its type is known."""
        value = self.builder.input(type_, name)
        assert isinstance(value.atom, Var)
        if actual is not None:
            self._known[value.atom] = (actual, True)
        return value

    def capture(self, array: np.ndarray[Any, Any]) -> Value:
        """An array that the function found around it: passed by reference, so that later writes to it are seen."""
        known = self._captured.get(id(array))
        if known is None:
            self.check_array(array)
            known = self.builder.capture(type_of(np.asarray(array)), name_of(array))
            self._captured[id(array)] = known
            self.arrays.append(array)
            self._contents.append((array.tobytes(), self.origin()))
            assert isinstance(known.atom, Var)
            self._known[known.atom] = (array, True)
        return known

    def check_array(self, array: Any) -> None:
        """Refuse arrays that are not plain numeric ndarrays, by name."""
        if type(array) is not np.ndarray:
            raise UnsupportedError(
                explain(
                    f"{type(array).__module__}.{type(array).__qualname__} is not supported: its operations mean "
                    "something else than an ndarray's",
                    self.origin(),
                    "np.asarray(x), or x.filled(0) of a masked array, before the call",
                    "array-subclasses",
                )
            )
        try:
            dtype_name(array.dtype)
        except TypeError:
            name = name_of(array) or "array"
            cause = f"an array of dtype {array.dtype} cannot be traced"
            raise UnsupportedError(explain(cause, self.origin(), dtype_fix(name, array.dtype), "dtypes")) from None

    def is_inside(self, other: Trace) -> bool:
        """Whether this is the trace of a loop's body, somewhere within the other trace."""
        return False

    def is_repeated(self) -> bool:
        """Whether what is recorded here is run many times, or perhaps not at all: a loop's body, a branch."""
        return False

    def take_from(self, other: Trace, value: Value) -> Value:
        """A value of an enclosing trace as one of this trace."""
        raise NotImplementedError

    def check_captured(self) -> None:
        """Refuse writes into plain arrays between uses: the text reads them as they are when it is called."""
        for array, (content, origin) in zip(self.arrays, self._contents, strict=True):
            if array.tobytes() != content:
                raise TracingError(
                    explain(
                        "the function writes into a plain array after it was used with traced values",
                        origin,
                        "scale = scale.copy() in the function before the write, or write before the first use",
                        "writes-into-plain-arrays",
                    )
                )

    # ------------------------------------------------------------------------------------------- emission

    def origin(self) -> Origin | None:
        site = current_site()
        return site.origin if site else None

    def emit(self, op: Op, *operands: Any, **params: Any) -> Any:
        """Record one operation at the user's current line and give its result the name it has there."""
        self.check_open()
        site = current_site()
        self.builder.origin = site.origin if site else None
        if site is not None and site.reads and self.names_steps:
            self._name_operands(site.reads, operands)
        try:
            result = self.builder.emit(op, *operands, **params)
        except RemovedError:
            raise self.used_outside() from None
        if site is not None and site.name and isinstance(result, Value) and self.names_steps:
            self.name(result, site.name)
        return result

    @contextmanager
    def one_of_many(self, examples: Iterable[Var]) -> Iterator[None]:
        """While a function is recorded for one example of a batch, which these variables stand for."""
        before = self.examples, self.examples_since
        self.examples, self.examples_since = self.examples | set(examples), moment()
        try:
            yield
        finally:
            self.examples, self.examples_since = before

    def used_outside(self) -> TracingError:
        """The error for a value of one example after the batch has taken its place."""
        return TracingError(
            explain(
                "a value of one example is used outside of the function that vmap does for all of them",
                self.origin(),
                "return it from that function: vmap then gives it for every example",
                "batches",
            )
        )

    def check_written(self, root: Root) -> None:
        """A function that is recorded for one example writes only into what it made: each example has its own."""
        if self.examples and root.born < self.examples_since:
            raise TracingError(
                explain(
                    "a function under vmap writes into its argument, or into an array from outside of it",
                    self.origin(),
                    "x = x.copy() before the write, and return x: vmap then gives it for every example",
                    "batches",
                )
            )

    @contextmanager
    def steps_unnamed(self) -> Iterator[None]:
        """While a NumPy function that is made of many steps is answered: the user named its result alone."""
        before, self.names_steps = self.names_steps, False
        try:
            yield
        finally:
            self.names_steps = before

    def emit_unnamed(self, op: Op, *operands: Any, **params: Any) -> Any:
        """As `emit`, for a step on the way to what the user named."""
        before = len(self.builder.equations)
        result = self.emit(op, *operands, **params)
        if len(self.builder.equations) > before and isinstance(result.atom, Var):
            result.atom.name, result.atom.named = "", False
        return result

    def _name_operands(self, names: Iterable[str], operands: Iterable[Any]) -> None:
        """Name what came into a variable by no assignment of its own, as `q, k, v = parts` and loops do."""
        unnamed = [o for o in operands if isinstance(o, Value) and isinstance(o.atom, Var) and not o.atom.name]
        frame = user_frame() if unnamed else None
        if frame is None:
            return
        for name in names:
            place = getattr(frame.f_locals.get(name), "_place", None)
            for value in unnamed:
                if isinstance(place, Root | View) and place.holds(value):
                    self.name(value, name)

    def name(self, value: Value, name: str) -> None:
        """Name a value as the user does, unless it has a name already."""
        if isinstance(value.atom, Var) and not value.atom.named:
            value.atom.name, value.atom.named = name, True

    def check_open(self, place: Place | None = None) -> None:
        """Raise if the call is over; `place` is what the stand-in that is used now stands for."""
        if self.closed:
            raise LeakedTracerError(
                explain(
                    f"a traced value is used after the call that it belongs to has ended{self._made(place)}",
                    self.origin(),
                    "grad(f, has_aux=True) with `return loss, value` in f, instead of storing the value outside",
                    "leaks",
                )
            )

    def _made(self, place: Place | None) -> str:
        """Where the value of a place was made, for a message."""
        value = None if place is None else getattr(place, "_value", None) or place.root.value
        made = self.builder.definition(value) if value is not None else None
        if made is None or made.origin is None:
            name = getattr(value.atom, "name", "") if value is not None else ""
            return f"; it stands for {name}" if name else ""
        return f"; it was made at {made.origin}:  {made.origin.statement}"

    # ------------------------------------------------------------------------------------ concrete values

    def concrete(self, value: Value) -> tuple[Any, bool]:
        """The value in this call, and whether it depends on an argument or a captured array.

        Evaluates what has been recorded so far, each equation once. Raises TracingError when the arguments are only
        known by their types.
        """
        if isinstance(value.atom, Literal):
            if is_symbolic_number(value.atom.value):
                raise _NeedsValue
            return value.atom.value, False
        todo: list[Equation] = []
        self._collect(value.atom, todo)
        with np.errstate(all="ignore"):
            for equation in todo:
                operands = [self._read(o) for o in equation.operands]
                results = evaluate_equation(equation, [o[0] for o in operands])
                depends = any(o[1] for o in operands)
                for out, result in zip(equation.outs, results, strict=True):
                    self._known[out] = (self._as_stored(out, result), depends)
        return self._known[value.atom]

    def _read(self, atom: Atom) -> tuple[Any, bool]:
        return (atom.value, False) if isinstance(atom, Literal) else self._known[atom]

    def _collect(self, var: Var, todo: list[Equation]) -> None:
        """Append the equations that are needed for var and not evaluated yet, operands first."""
        stack: list[tuple[Var, bool]] = [(var, False)]
        planned: set[Var] = set()
        while stack:
            current, ready = stack.pop()
            if current in self._known or current in planned:
                continue
            equation = self.builder.definitions.get(current)
            if equation is None:
                self._known[current] = self.outside_value(current)
                continue
            if is_symbolic() and depends_on_lengths(equation):
                raise _NeedsValue
            if ready:
                planned.update(equation.outs)
                todo.append(equation)
                continue
            stack.append((current, True))
            stack.extend((o, False) for o in equation.operands if isinstance(o, Var))

    def outside_value(self, var: Var) -> tuple[Any, bool]:
        """As `concrete`, of an input or capture that comes from an enclosing trace; raises what `is_known` catches."""
        raise _NeedsValue

    def is_known(self, value: Value) -> bool:
        """Whether the value in this call can be looked at."""
        try:
            self.concrete(value)
        except _NeedsValue:
            return False
        return True

    def number(self, value: Value, what: str) -> Any:
        """The Python value of a 0-d value for Python's own use (a branch, a count); guarded if it can change."""
        result, depends = self.actual(value, what)
        result = result.item() if hasattr(result, "item") else result
        if depends and value.atom not in self._guarded:
            self._guarded.add(value.atom)
            self.emit(guard, value, expected=result)
        return result

    def actual(self, value: Value, what: str) -> tuple[Any, bool]:
        """As `concrete`, or as an example decides, with an error that says what Python needs the value for."""
        return decided(self, value, what)

    def seen(self, value: Value, what: str) -> tuple[Any, bool]:
        """As `actual`, of what this call knows."""
        self.check_open()
        try:
            return self.concrete(value)
        except _NeedsValue:
            if self.is_repeated():
                raise TracingError(
                    explain(
                        f"Python needs {what} here, in a body that is recorded once for all rounds",
                        self.origin(),
                        "np.where(condition, a, b), or cond(pred, f, g, x) within the body",
                        "loops",
                    )
                ) from None
            if self.is_of_an_example(value):
                raise TracingError(
                    explain(
                        f"Python needs {what} here, which differs from example to example of the batch",
                        self.origin(),
                        _FOR_A_BATCH.get(what, "np.where(condition, a, b), or cond(pred, f, g, x) for each example"),
                        "batches",
                    )
                ) from None
            raise TracingError(
                explain(
                    f"Python needs {what} here, and only the types of the arguments are known",
                    self.origin(),
                    "np.where(condition, a, b) or cond(pred, f, g, x) instead of a branch, or --example data.npz, an "
                    "example whose path is taken and guarded",
                    "branches-ahead-of-time",
                )
            ) from None

    def is_of_an_example(self, value: Value) -> bool:
        """Whether the value is computed from one example of a batch."""
        stack: list[Atom] = [value.atom]
        seen: set[Atom] = set()
        while stack and self.examples:
            current = stack.pop()
            if current in self.examples:
                return True
            made = self.builder.definitions.get(current) if isinstance(current, Var) else None
            if made is not None and current not in seen:
                seen.add(current)
                stack.extend(made.operands)
        return False

    def shares_memory(self, view: View) -> bool:
        """Whether a reshape is a view in this call; the layout of every argument that decides it is guarded.

        Raises TracingError when the arguments are only known by their types.
        """
        try:
            array = self._layout(view.parent)
        except _NeedsValue:
            raise TracingError(
                explain(
                    "whether this reshaped array shares memory with the array that is written depends on its layout",
                    self.origin(),
                    "x.reshape(...).copy(), or write before the reshape",
                    "views-of-reshapes",
                )
            ) from None
        shared = array.flags.c_contiguous
        if not view.flat:
            shared = np.shares_memory(array, array.reshape(view.params["shape"]))
        if not shared:  # how an axis of length 1 lies does not matter
            for n in view.parent.type.shape:
                equals(n, 1)
        return bool(shared)

    def layout(self, place: Place) -> np.ndarray[Any, Any]:
        """An array that lies in memory as the place does in this call, for the user's order= to ask; guarded."""
        try:
            return self._layout(place)
        except _NeedsValue:
            cause = "what this order means depends on the layout of an argument, of which only the type is known"
            raise TracingError(explain(cause, self.origin(), "order='C'", "views-of-reshapes")) from None

    def _as_stored(self, out: Var, result: Any) -> Any:
        """What was written whole lies as the buffer that it was written into."""
        owner = self.owners.get(out)
        if owner is None or not isinstance(result, np.ndarray):
            return result
        if isinstance(owner, Root) and owner.first.atom is out and not owner.contiguous and owner.like is None:
            return result  # its layout is that of this result
        stored = np.empty_like(self._layout(owner, guarded=False), dtype=result.dtype)
        stored[...] = result
        return stored

    def _layout(self, place: Place, guarded: bool = True) -> np.ndarray[Any, Any]:
        """An array that lies in memory as the place does in this call. Its numbers mean nothing."""
        if place.contiguous:
            return np.empty(place.type.shape, place.type.dtype)
        if isinstance(place, View):
            parent = self._layout(place.parent, guarded)
            if place.op == "look":
                made = self.builder.definition(place.read())
                assert made is not None
                look: np.ndarray[Any, Any] = made.op.fun(parent, *[0] * (len(made.operands) - 1), **made.params)
                return look
            arranged: np.ndarray[Any, Any] = BY_NAME[place.op].fun(parent, *[0] * len(place.arrays), **place.params)
            return arranged
        if place.like is not None:
            return np.empty_like(self._layout(place.like, guarded), place.type.dtype)
        array = np.asarray(self.concrete(place.first)[0])
        made = self.builder.definition(place.first)
        if made is not None and made.op.may_alias and not array.flags.c_contiguous:
            raise _NeedsValue  # what the body of a loop did to the layout is not recorded
        for var in self._sources(place.first.atom) if guarded else ():
            if var.type.ndim > 1 or var is place.first.atom:
                actual = self._known[var][0]
                ordered = actual.flags.c_contiguous
                test = self.emit(is_contiguous, var) if ordered else self.emit(has_strides, var, strides=actual.strides)
                self.number(test, "the layout of an argument")
        return array

    def _sources(self, atom: Atom) -> list[Var]:
        """The inputs and captures that a value is computed from."""
        found: list[Var] = []
        stack, seen = [atom], set()
        while stack:
            current = stack.pop()
            if not isinstance(current, Var) or current in seen:
                continue
            seen.add(current)
            owner = self.owners.get(current)
            if isinstance(owner, Root) and owner.like is not None and isinstance(owner.like.root, Root):
                stack.append(owner.like.root.first.atom)  # which decides the layout, if not the numbers
            equation = self.builder.definitions.get(current)
            if equation is None:
                found.append(current)
            else:
                stack.extend(equation.operands)
        return sorted(found, key=[*self.builder.inputs, *self.builder.captures].index)

    def known(self, value: Value) -> np.ndarray[Any, Any] | None:
        """An array that does not depend on any argument, else None."""
        try:
            result, depends = self.concrete(value)
        except _NeedsValue:
            return None
        return None if depends else np.asarray(result)

    def constant(self, value: Value) -> Any:
        """The number, if the value is an integer that does not depend on any argument, else None."""
        if value.ndim or value.dtype.kind not in "biu":
            return None
        try:
            result, depends = self.concrete(value)
        except _NeedsValue:
            return None
        return None if depends else value.dtype.type(result)


def depends_on_lengths(equation: Equation) -> bool:
    """Whether a length in symbols, or a number made of such, is among what the equation is given."""
    numbers = [o.value for o in equation.operands if isinstance(o, Literal)]
    return any(map(holds_symbols, (*numbers, *equation.params.values())))


class _NeedsValue(Exception):
    """An input's value is needed that is known only by its type."""


@contextmanager
def tracing(trace: Trace) -> Iterator[Trace]:
    """Make the trace the active one of this context, and close it at the end."""
    token = ACTIVE.set(trace)
    try:
        yield trace
    finally:
        ACTIVE.reset(token)
        trace.closed = True
