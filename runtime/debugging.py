"""debug="nan": which operation, forwards or backwards, made the first nan or infinity that reached the result.

The generated text itself is run, with every operation under watch (see codegen/watched.py). A value that is not finite
is remembered with the operation that made it out of finite ones, and whatever is computed from it inherits that cause.
What a mask discards does no harm, so the error comes when the result is returned: it names the cause of what is in it.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from ..codegen.module import Generated
from ..codegen.watched import WATCH, Step, watched
from ..ir.ops.effects import GuardMiss
from ..tracer.errors import NonFiniteError, explain
from ..tracer.site import called_at
from ..tracer.structure import flatten

MODES = ("nan",)


def check_debug(debug: Any) -> None:
    """ValueError for a way to debug that there is not."""
    if debug is not None and debug not in MODES:
        raise ValueError(
            explain(f"debug may be 'nan' or None, not {debug!r}", called_at(), "grad(f, debug='nan')", "debug")
        )


def watch(generated: Generated) -> tuple[ast.Module, dict[str, Any]]:
    """The watched text as a tree, and what its globals must hold besides those of the text."""
    modules = {module.partition(".")[0] for module in generated.imports}
    tree, steps = watched(generated.text, generated.positions, modules, generated.captures)

    def opened(names: Sequence[str], values: Sequence[Any], captures: Sequence[str], captured: Sequence[Any]) -> Watch:
        outer = _RUNNING.get()
        if outer is not None and outer.steps is steps:  # a function of the text that another one of it calls
            return Watch(steps, outer.known, inside=True)
        new = Watch(steps)
        new.given("argument", names, values)
        new.given("captured array", captures, captured)
        return new

    return tree, {WATCH: opened}


@dataclass(slots=True)
class Cause:
    """Where a value stopped being finite: in a step, in an argument, or in a number that the text spells out."""

    kind: str  # operation, number, argument, captured array
    order: int
    name: str  # the operation, or what reaches the argument
    value: Any  # one of the values that are not finite
    index: tuple[int, ...]
    step: Step | None = None
    operands: list[str] = field(default_factory=list)
    later: Step | None = None  # the operation that made nan of an infinity


_RUNNING: ContextVar[Watch | None] = ContextVar("tapeless_running_watch", default=None)


class Watch:
    """One call of the watched text. `known` are the values that are not finite, each with its cause."""

    def __init__(
        self, steps: Sequence[Step], known: dict[int, tuple[Any, Cause]] | None = None, inside: bool = False
    ) -> None:
        """With `inside`, what is seen is the caller's too, and so is the judgement of what is returned."""
        self.steps = steps
        # by identity; the value is held, so that its identity is not given away
        self.known: dict[int, tuple[Any, Cause]] = {} if known is None else known
        self.count = itertools.count(1 + max((cause.order for _, cause in self.known.values()), default=0))
        self.inside = inside
        self._tokens: list[Token[Watch | None]] = []
        self._quiet = np.errstate(all="ignore")  # NumPy's warnings would come first, and name no line of the user's

    def again(self, names: Sequence[str], values: Sequence[Any]) -> Watch:
        """A watch of its own for one call of a nested function."""
        inner = Watch(self.steps, dict(self.known))
        inner.given("argument", names, values)
        return inner

    def __enter__(self) -> Watch:
        self._quiet.__enter__()
        self._tokens.append(_RUNNING.set(self))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _RUNNING.reset(self._tokens.pop())
        self._quiet.__exit__(kind, error, at)
        if not self.inside and isinstance(error, Exception) and not isinstance(error, GuardMiss | NonFiniteError):
            causes = [cause for _, cause in self.known.values() if cause.kind != "number"]
            if causes:  # what made the operation fail: `svd` of an array with nan in it
                raise _error(min(causes, key=lambda cause: cause.order)) from error

    def given(self, kind: str, names: Sequence[str], values: Sequence[Any]) -> None:
        """Remember the arguments that are not finite from the beginning."""
        for name, value in zip(names, values, strict=True):
            leaves, structure = flatten(value)
            for leaf, (path, _) in zip(leaves, structure.paths(name), strict=True):
                place = _place(leaf)
                if place is not None:
                    self._know(leaf, Cause(kind, next(self.count), path, _item(leaf, place), place))

    # ------------------------------------------------------------------------ asked by the watched text

    def __call__(self, number: int, value: Any, *operands: Any) -> Any:
        """The value that an operation made of its operands."""
        if id(value) not in self.known and not _finite(value):
            self._know(value, self._cause(self.steps[number], value, operands))
        return value

    def before(self, value: Any) -> Any:
        """What a target held before it was written to."""
        return self.keep(value)[1]

    def keep(self, value: Any) -> tuple[Any, Any]:
        """An operand, and a copy of it for when it may have been overwritten."""
        kept = value.copy() if isinstance(value, np.ndarray) else list(value) if isinstance(value, list) else value
        if not _finite(kept):
            self._know(kept, self._inherited([value]))
        return value, kept

    def wrote(self, number: int, root: Any, now: Any, before: Any, *operands: Any) -> None:
        """A statement wrote into `root`; the part that it wrote is `now`, and was `before`."""
        if _finite(now):
            return
        cause = self._cause(self.steps[number], now, (before, *operands) if before is not None else operands)
        self._know(now, cause)
        self._know(root, cause)

    def result(self, number: int, value: Any) -> Any:
        """What is returned: the end, if it is not finite."""
        bad = [leaf for leaf in _leaves(value) if not _finite(leaf)]
        if bad and not self.inside:
            raise _error(self._inherited(bad, self.steps[number]))
        return value

    # ------------------------------------------------------------------------------------------- causes

    def _know(self, value: Any, cause: Cause) -> None:
        self.known[id(value)] = (value, cause)
        if isinstance(value, tuple | list | dict):
            for leaf in _leaves(value):
                if not _finite(leaf):
                    self.known[id(leaf)] = (leaf, cause)

    def _cause(self, step: Step, value: Any, operands: Sequence[Any]) -> Cause:
        """Why an operation's result is not finite: by itself, or because an operand was not."""
        if isinstance(value, tuple) and (seen := [leaf for leaf in _leaves(value) if id(leaf) in self.known]):
            return self._inherited(seen, step)  # what a function of the text returns, and has made inside
        bad = [operand for operand in operands if not _finite(operand)]
        fresh = _fresh(value, operands) if step.elementwise else None
        written = all(text for operand, text in zip(operands, step.literal, strict=True) if not _finite(operand))
        if not bad:
            return self._made(step, value, operands, _place(value) or ())
        inherited = self._number(step, value) if written else self._inherited(bad, step)
        new_nan = _holds_nan(value) and not any(map(_holds_nan, bad))
        if inherited.kind == "number" and (new_nan or fresh is not None):
            return self._made(step, value, operands, fresh if fresh is not None else _place(value, np.isnan) or ())
        if new_nan and inherited.later is None and inherited.step is not step:
            inherited.later = step
        return inherited

    def _inherited(self, values: Sequence[Any], step: Step | None = None) -> Cause:
        """The earliest cause of values that are not finite."""
        causes = []
        for value in values:
            seen = value
            while seen is not None and id(seen) not in self.known:
                seen = seen.base if isinstance(seen, np.ndarray) else None
            if seen is not None:
                causes.append(self.known[id(seen)][1])
        causes = causes or [cause for _, cause in self.known.values()]
        if causes:
            return min(causes, key=lambda cause: cause.order)
        return self._number(step, values[0])

    def _number(self, step: Step | None, value: Any) -> Cause:
        place = _place(value) or ()
        name = "a number in its text"
        if step is not None:
            name = next((o for o, is_literal in zip(step.operands, step.literal) if is_literal and "n" in o), name)
        return Cause("number", next(self.count), name, _item(value, place), place, step)

    def _made(self, step: Step, value: Any, operands: Sequence[Any], place: tuple[int, ...]) -> Cause:
        shown = [
            f"{text} = {_shown(operand, np.shape(_first_bad(value)), place, step.elementwise)}"
            for text, literal, operand in zip(step.operands, step.literal, operands, strict=True)
            if not literal and isinstance(operand, np.ndarray | np.generic | float | complex)
        ]
        item = _item(value, place)
        return Cause("operation", next(self.count), step.expression, item, place, step, list(dict.fromkeys(shown)))


def _error(cause: Cause) -> NonFiniteError:
    """What the user is told."""
    what = "nan" if np.isnan(cause.value) else "infinity"
    where = f" at [{', '.join(map(str, cause.index))}]" if cause.index else ""
    step = cause.step
    details = []
    if step is not None:
        details.append(f"generated line {step.line}: {step.statement}")
    if cause.operands:
        details.append(f"operands: {', '.join(cause.operands)}")
    if cause.later is not None:
        details.append(f"it becomes nan in generated line {cause.later.line}: {cause.later.statement}")
    if cause.kind == "operation":
        assert step is not None
        said = f"the first {what} ({cause.value}{where}) is made in the {step.part} pass, by {cause.name}"
        fix = _advice(step, cause.operands)
    elif cause.kind == "number":
        said = f"the first {what} is written in the function itself, {cause.name}, and reaches the result"
        fix = "np.finfo(float).max, or a mask: np.where(valid, x, 0.0)"
    else:
        said = f"the {cause.kind} {cause.name} holds {cause.value}{where} already when the function is called"
        fix = f"np.isfinite({cause.name}).all() before the call, or np.nan_to_num({cause.name})"
    origin = (step.origin if step is not None else None) or called_at()
    return NonFiniteError(explain(said, origin, fix, "not-finite", details))


def _advice(step: Step, operands: Sequence[str]) -> str:
    """The nearest way out that code can show."""
    text = step.expression
    names = [operand.split(" = ")[0] for operand in reversed(operands)]
    of = next((name for name in names if len(name) <= 30), "x")
    if any(word in text for word in ("exp", "sinh", "cosh")):
        return f"np.exp(np.minimum({of}, 700.0)), or np.logaddexp: numbers that stay below the largest one"
    if "log" in text or "/" in text or "sqrt" in text or "power" in text:
        return f"np.where({of} > 0, {of}, 1.0) before the operation, for the elements where it has no finite result"
    return f"print({of}) before the line: its numbers are outside of where the operation has a finite result"


# ---------------------------------------------------------------------------------------------------- looking at values


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        for part in value:
            yield from _leaves(part)
    elif hasattr(value, "__dataclass_fields__"):
        yield from flatten(value)[0]
    else:
        yield value


def _finite(value: Any) -> bool:
    """Whether there is no nan and no infinity in it; what is not a floating-point number is finite."""
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    if isinstance(value, float | complex):
        return bool(np.isfinite(value))
    if isinstance(value, tuple | list | dict):
        return all(map(_finite, _leaves(value)))
    return True


def _holds_nan(value: Any) -> bool:
    if isinstance(value, tuple | list | dict):
        return any(map(_holds_nan, _leaves(value)))
    return not _finite(value) and bool(np.isnan(value).any())


def _first_bad(value: Any) -> Any:
    """The first leaf that is not finite."""
    return next((leaf for leaf in _leaves(value) if not _finite(leaf)), value)


def _place(value: Any, test: Callable[[Any], Any] = lambda x: ~np.isfinite(x)) -> tuple[int, ...] | None:
    """The index of the first element that is not finite."""
    leaf = _first_bad(value)
    if _finite(leaf):
        return None
    found = np.argwhere(test(leaf))
    return tuple(map(int, found[0])) if len(found) else None


def _item(value: Any, place: tuple[int, ...]) -> Any:
    item = np.asarray(_first_bad(value))[place]
    return item.item() if item.ndim == 0 else item


def _fresh(value: Any, operands: Sequence[Any]) -> tuple[int, ...] | None:
    """The first element that is not finite although those that it was made from are."""
    bad = ~np.isfinite(value)
    for operand in operands:
        if not _finite(operand):
            try:
                bad &= np.broadcast_to(np.isfinite(operand), bad.shape)
            except ValueError:
                return None
    found = np.argwhere(bad)
    return tuple(map(int, found[0])) if len(found) else None


def _shown(operand: Any, shape: tuple[int, ...], place: tuple[int, ...], elementwise: bool) -> str:
    """The element that the bad one was made from; where there is none, what the operand is and its range."""
    array = np.asarray(operand)
    if elementwise or not array.ndim:
        try:
            return str(np.broadcast_to(array, shape)[place] if array.ndim else array)
        except ValueError:
            pass
    kind = f"{array.dtype}[{', '.join(map(str, array.shape))}]"
    if array.size == 0 or array.dtype.kind != "f":
        return kind
    return f"{kind} from {array.min()} to {array.max()}"
