"""A function within generated text, as a pickle holds it: the text, the arrays around it and what it closes over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import CellType, CodeType, FunctionType
from typing import Any

from ..codegen.module import Generated
from .loading import load


@dataclass(frozen=True, slots=True)
class Nested:
    """A function that the generated function `outer` has returned; to restore it, nothing is traced or run again.

    What is restored runs from the text alone: with debug="nan" it is no longer under watch.
    """

    function: Callable[..., Any]
    generated: Generated
    outer: str

    def __reduce__(self) -> Any:
        assert isinstance(self.function, FunctionType)
        code, names = self.function.__code__, self.function.__globals__
        cells = zip(code.co_freevars, self.function.__closure__ or (), strict=True)
        closed = {name: cell.cell_contents for name, cell in cells if name.isidentifier()}  # the watch is not
        captured = tuple(names[name] for name in self.generated.captures)
        return _restored, (replace(self.generated, positions={}), self.outer, code.co_name, captured, closed)


def _restored(
    generated: Generated, outer: str, inner: str, captured: tuple[Any, ...], closed: dict[str, Any]
) -> Nested:
    made = load(generated, outer, captured)
    assert isinstance(made, FunctionType)
    code = next(one for one in made.__code__.co_consts if isinstance(one, CodeType) and one.co_name == inner)
    cells = tuple(CellType(closed[name]) for name in code.co_freevars)
    return Nested(FunctionType(code, made.__globals__, inner, None, cells), generated, outer)
