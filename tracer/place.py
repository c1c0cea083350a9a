"""Storage as values: a place is what a handle points to; a write gives it, and all that share it, a new value."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..ir.builder import Value
from ..ir.indexing import Index, Slice, Slot, full_index, index_of_part
from ..ir.op import Op
from ..ir.ops.convolution import sliding_window_view
from ..ir.ops.elementwise import imag, real
from ..ir.ops.indexing import getitem, set_item
from ..ir.ops.parts import set_imag, set_real
from ..ir.ops.shape import broadcast_to, expand_dims, flip, reshape, squeeze, transpose
from ..ir.program import Var
from ..ir.types import ArrayType

_versions = itertools.count(1)  # of all storage: a state of one buffer is not taken for one of another
Emit = Callable[..., Value]


def moment() -> int:
    """Later than all storage that there is, and than all writes to it."""
    return next(_versions)


PARTS = {"real": set_real, "imag": set_imag}  # of complex arrays: views that a write goes through


def write_complex_part(x: Value, part: str, value: Value) -> Value:
    """x with another real or imaginary part, under its own name."""
    return _under_name(PARTS[part](x, value), "", x)


def _under_name(new: Value, name: str, old: Value) -> Value:
    """What was written, under the name of its buffer or of the value before."""
    made = new.atom
    name = name or (old.atom.name if isinstance(old.atom, Var) else "")
    if isinstance(made, Var) and name and not made.named:
        made.name, made.named = name, True
    return new


class Root:
    """One buffer of its own."""

    __slots__ = ("born", "contiguous", "first", "like", "name", "value", "version")

    def __init__(self, value: Value, contiguous: bool = False, like: Place | None = None) -> None:
        self.value = value
        self.first = value  # what it was made with: that fixed its layout
        self.like = like  # the place whose layout it was made in
        self.name = ""  # the user's, where it is not that of the value
        self.version = 0  # not written yet
        self.born = moment()
        self.contiguous: bool = contiguous or (
            like is not None and like.contiguous
        )  # in C order: a reshape of it is a view

    @property
    def root(self) -> Root:
        return self

    @property
    def type(self) -> ArrayType:
        return self.value.type

    def read(self) -> Value:
        return self.value

    def holds(self, value: Value) -> bool:
        """Whether it was read to give this value."""
        return self.value.atom is value.atom

    def write(self, value: Value) -> None:
        self.value = value
        self.version = next(_versions)

    def write_part(self, emit: Emit, op: Op, item: Value, arrays: Sequence[Value], index: Index, **params: Any) -> None:
        """Write `item` at the index, by set_item, index_add or extreme_at."""
        new = emit(op, self.value, item, *arrays, index=index, **params)
        self.write(_under_name(new, self.name, self.value))


class View:
    """A part or another arrangement of a place: `op(parent, **params)`, read again after every write to the root.

    A reshape may turn out to be a copy; then it is detached and has a buffer of its own.
    """

    __slots__ = ("_own", "_seen", "_value", "arrays", "decided", "flat", "op", "params", "parent")

    def __init__(self, parent: Place, op: str, flat: bool = False, arrays: Sequence[Value] = (), **params: Any) -> None:
        self.parent = parent
        self.op = op
        self.flat = flat  # a reshape as ravel does it: a copy of whatever is not in C order
        self.params = params
        self.arrays = tuple(arrays)  # integers in an index that are computed
        self.decided = False  # an uncertain view was found to share memory
        self._own: Root | None = None
        self._seen = -1
        self._value: Value | None = None

    @property
    def root(self) -> Root:
        return self._own or self.parent.root

    @property
    def type(self) -> ArrayType:
        """What no write changes; the value itself is only to be read once it is known what shares memory."""
        assert self._value is not None
        return self._value.type

    @property
    def contiguous(self) -> bool:
        if self._own or self.flat:
            return True
        if self.op in ("reshape", "expand_dims", "squeeze"):
            return self.parent.contiguous
        if self.op == "getitem":
            return self.parent.contiguous and all(isinstance(e, int | Slot) for e in self.params["index"])  # type: ignore[attr-defined]
        return False

    def uncertain(self) -> Iterator[View]:
        """The views from here to the root of which it is not known whether they share memory, the outermost first."""
        if self._own is None:
            if isinstance(self.parent, View):
                yield from self.parent.uncertain()
            if not self._certain():
                yield self

    def _certain(self) -> bool:
        """Whether it is known that this shares memory, as a reshape of one dimension always does; a ravel may copy."""
        if self.op != "reshape" or self.decided or self.parent.contiguous:
            return True
        return self.parent.type.ndim == 0 or (self.parent.type.ndim == 1 and not self.flat)

    def detach(self) -> None:
        """This view is a copy of what its parent was when it was made."""
        assert self._value is not None
        self._own = Root(self._value, contiguous=True)

    def stale(self) -> bool:
        """Whether the root was written after this view was first read."""
        return self._value is not None and self._seen != self.root.version

    def holds(self, value: Value) -> bool:
        """Whether it was read to give this value."""
        held = self._own.value if self._own else self._value
        return held is not None and held.atom is value.atom

    def read(self) -> Value:
        if self._own:
            return self._own.value
        if self._value is None or self._seen != self.root.version:
            assert self._certain(), "an undecided view is read again"
            self._value = _FORWARD[self.op](self.parent.read(), *self.arrays, **self.params)
            self._seen = self.root.version
        return self._value

    def write(self, value: Value) -> None:
        if self._own:
            self._own.write(value)
            return
        if self.op in ("broadcast_to", "sliding_window_view"):
            raise ValueError("assignment destination is read-only")
        parent = self.parent.read()
        if self.op == "getitem":
            self.parent.write_part(Op.__call__, set_item, value, self.arrays, index=self.params["index"])
        elif self.op == "transpose":
            axes: tuple[int, ...] = self.params["axes"]  # type: ignore[assignment]
            inverse = tuple(sorted(range(len(axes)), key=axes.__getitem__))
            self.parent.write(transpose(value, axes=inverse))
        elif self.op == "flip":
            self.parent.write(flip(value, axis=self.params["axis"]))
        elif self.op in PARTS:
            self.parent.write(write_complex_part(parent, self.op, value))
        else:
            self.parent.write(reshape(value, shape=parent.shape))
        self._value, self._seen = value, self.root.version

    def write_part(self, emit: Emit, op: Op, item: Value, arrays: Sequence[Value], index: Index, **params: Any) -> None:
        """Write into a part, which is one part of the parent where it can be: not at the price of the whole view."""
        if self._own:
            self._own.write_part(emit, op, item, arrays, index, **params)
            return
        op.infer(self.type, item.type, *(a.type for a in arrays), index=index, **params)
        part = None if isinstance(self, Look) else self._part_of_parent(item, arrays, index)
        if part is not None:
            item, arrays, found = part
            if item.ndim and Ellipsis in index and Ellipsis not in found:
                found = (*found, Ellipsis)  # a place of one element, not the element
            self.parent.write_part(emit, op, item, arrays, found, **params)
        else:
            self.write(emit(op, self.read(), item, *arrays, index=index, **params))

    def _part_of_parent(
        self, item: Value, arrays: Sequence[Value], index: Index
    ) -> tuple[Value, Sequence[Value], Index] | None:
        """The same write as one into the parent."""
        shape, types = self.parent.type.shape, [a.type for a in arrays]
        if not shape or self.arrays:
            return None
        if self.op in ("getitem", "flip", "squeeze"):
            if self.op == "getitem":
                outer = full_index(self.params["index"], len(shape), ())
            else:
                entry: Any = Slice(step=-1) if self.op == "flip" else 0
                outer = tuple(entry if i in self.params["axis"] else Slice() for i in range(len(shape)))
            found = index_of_part(outer, index, shape, types)
            return None if found is None else (item, arrays, found)
        entries = full_index(index, self.type.ndim, types)
        if arrays or None in entries:
            return None
        if self.op == "transpose":
            axes: tuple[int, ...] = self.params["axes"]
            ranges = [axis for axis, entry in zip(axes, entries, strict=True) if isinstance(entry, Slice)]
            if item.ndim and ranges != sorted(ranges):
                return None
            return item, (), tuple(entries[axes.index(i)] for i in range(len(axes)))
        if not all(isinstance(entry, int) for entry in entries):
            return None
        if self.op == "expand_dims":
            return item, (), tuple(e for i, e in enumerate(entries) if i not in self.params["axis"])
        if self.op == "reshape":
            places = [e % n for e, n in zip(entries, self.type.shape, strict=True)]
            flat = np.ravel_multi_index(places, self.type.shape) if places else 0
            return item, (), tuple(int(i) for i in np.unravel_index(flat, shape))
        return None


class Look(View):
    """A view that no operation of View describes: it follows writes to its root, and is not written through."""

    __slots__ = ("_look", "_refusal")

    def __init__(
        self, parent: Place, value: Value, look: Callable[[], Value], refusal: Callable[[], Exception] | None = None
    ) -> None:
        super().__init__(parent, "look")
        self._look = look
        self._refusal = refusal  # the error for a write, where NumPy would allow it
        self._value, self._seen = value, parent.root.version

    def read(self) -> Value:
        if self._seen != self.root.version:
            assert self._value is not None
            self._value, self._seen = self._look(), self.root.version
        assert self._value is not None
        return self._value

    def write(self, value: Value) -> None:
        raise self._refusal() if self._refusal else ValueError("assignment destination is read-only")


Place = Root | View
_FORWARD = {
    "real": real,
    "imag": imag,
    "broadcast_to": broadcast_to,
    "sliding_window_view": sliding_window_view,
    "getitem": getitem,
    "reshape": reshape,
    "transpose": transpose,
    "expand_dims": expand_dims,
    "flip": flip,
    "squeeze": squeeze,
}
