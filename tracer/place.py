"""Storage as values: a place is what a handle points to; a write gives it, and all that share it, a new value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..ir.builder import Value
from ..ir.indexing import Index
from ..ir.ops.convolution import sliding_window_view
from ..ir.ops.indexing import getitem, set_item
from ..ir.ops.shape import broadcast_to, expand_dims, flip, reshape, squeeze, transpose


class Root:
    """One buffer of its own."""

    __slots__ = ("contiguous", "first", "like", "value", "version")

    def __init__(self, value: Value, contiguous: bool = False, like: Place | None = None) -> None:
        self.value = value
        self.first = value  # what it was made with: that fixed its layout
        self.like = like  # the place whose layout it was made in
        self.version = 0
        self.contiguous: bool = contiguous or (
            like is not None and like.contiguous
        )  # in C order: a reshape of it is a view

    @property
    def root(self) -> Root:
        return self

    def read(self) -> Value:
        return self.value

    def write(self, value: Value) -> None:
        self.value = value
        self.version += 1


class View:
    """A part or another arrangement of a place: `op(parent, **params)`, read again after every write to the root.

    A reshape may turn out to be a copy; then it is detached and has a buffer of its own.
    """

    __slots__ = ("_own", "_seen", "_value", "decided", "flat", "op", "params", "parent")

    def __init__(self, parent: Place, op: str, flat: bool = False, **params: Any) -> None:
        self.parent = parent
        self.op = op
        self.flat = flat  # a reshape as ravel does it: a copy of whatever is not in C order
        self.params = params
        self.decided = False  # an uncertain view was found to share memory
        self._own: Root | None = None
        self._seen = -1
        self._value: Value | None = None

    @property
    def root(self) -> Root:
        return self._own or self.parent.root

    @property
    def contiguous(self) -> bool:
        if self._own:
            return True
        if self.op in ("reshape", "expand_dims", "squeeze"):
            return self.parent.contiguous
        if self.op == "getitem":
            return self.parent.contiguous and all(isinstance(e, int) for e in self.params["index"])  # type: ignore[attr-defined]
        return False

    def uncertain(self) -> Iterator[View]:
        """The views from here to the root of which it is not known whether they share memory, the outermost first."""
        if self._own is None:
            if isinstance(self.parent, View):
                yield from self.parent.uncertain()
            if self.op == "reshape" and not self.decided and not self.parent.contiguous:
                yield self

    def detach(self) -> None:
        """This view is a copy of what its parent was when it was made."""
        assert self._value is not None
        self._own = Root(self._value, contiguous=True)

    def stale(self) -> bool:
        """Whether the root was written after this view was first read."""
        return self._value is not None and self._seen != self.root.version

    def read(self) -> Value:
        if self._own:
            return self._own.value
        if self._value is None or self._seen != self.root.version:
            self._value = _FORWARD[self.op](self.parent.read(), **self.params)
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
            index: Index = self.params["index"]  # type: ignore[assignment]
            self.parent.write(set_item(parent, value, index=index))
        elif self.op == "transpose":
            axes: tuple[int, ...] = self.params["axes"]  # type: ignore[assignment]
            inverse = tuple(sorted(range(len(axes)), key=axes.__getitem__))
            self.parent.write(transpose(value, axes=inverse))
        elif self.op == "flip":
            self.parent.write(flip(value, axis=self.params["axis"]))
        else:
            self.parent.write(reshape(value, shape=parent.shape))
        self._value, self._seen = value, self.root.version


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
    "broadcast_to": broadcast_to,
    "sliding_window_view": sliding_window_view,
    "getitem": getitem,
    "reshape": reshape,
    "transpose": transpose,
    "expand_dims": expand_dims,
    "flip": flip,
    "squeeze": squeeze,
}
