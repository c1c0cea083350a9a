"""The record of an operation: its type rule, its meaning, its adjoint and its text, in one place."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .types import ArrayType

if TYPE_CHECKING:
    from .builder import Value

TypeRule = Callable[..., Any]
Vjp = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Nondifferentiable:
    """The result is piecewise constant or not a float: its cotangent goes nowhere, and that is the right answer."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A derivative exists or may exist, but is not given here; `reason` is what the user is told, `fix` what to try."""

    reason: str
    fix: str = ""


NONDIFF = Nondifferentiable()


@dataclass(frozen=True, slots=True)
class Masked:
    """A cotangent that is zero wherever `mask` is false, whatever `value` holds there (inf and nan included)."""

    value: Value
    mask: Value


def _parameters(infer: TypeRule) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """The operands and the keywords of a type rule, a plain function, and whether it takes any number of operands.

    inspect.signature says the same in ten times as long, and there are hundreds of operations to import.
    """
    code = infer.__code__
    names, positional = code.co_varnames, code.co_argcount
    end = positional + code.co_kwonlyargcount
    variadic = bool(code.co_flags & inspect.CO_VARARGS)
    return names[:positional] + names[end : end + variadic], names[positional:end], variadic


@dataclass(eq=False)
class Op:
    """One operation.

    `fun` is what it means: NumPy's own function, or an ordinary function of ours; the interpreter calls it.
    `infer` maps operand types and params to the result type; its signature lists operands and keywords.
    `python` is the expression that codegen prints, with {0}, {1} ... for the operands, or a function from
    (types, params) to it.
    """

    name: str
    fun: Callable[..., Any]
    infer: TypeRule
    python: str | Callable[..., str]
    rule: Vjp | tuple[Vjp | Refused | None, ...] | Nondifferentiable | Refused | None = None
    batch: Callable[..., Any] | Refused | None = None  # how it is done for a batch (ir/batching.py); see `elementwise`
    elementwise: bool = False  # result[i] depends on operand[i] alone, up to broadcasting
    rearranges: bool = False  # it only moves elements: one number for all results is one number for all operands
    uniform: bool = False  # its rule takes one number for a cotangent that is the same everywhere
    view: bool = False  # the result may share memory with the first operand
    owns: bool = True  # the result has a buffer of its own (a kernel may return a view of its result)
    may_alias: bool = False  # a result may be one of the operands itself
    several: bool = False  # the results come as a tuple, also a single one
    results: tuple[str, ...] = ()  # what several results are called where the user gives them no names
    update: str | Callable[..., str] | None = None  # the statement that does it in place on the first operand
    numbered: bool = True  # equal equations are one value; not so for new buffers and effects
    effect: bool = False  # kept although nobody reads a result
    helpers: tuple[Callable[..., Any], ...] = ()  # our functions that the printed text calls
    imports: tuple[str, ...] = ()  # modules besides numpy that the printed text needs
    domain: Any = None  # where tests may draw the operands from
    keywords: tuple[str, ...] = field(init=False)
    defaults: dict[str, Any] = field(init=False)
    operand_names: tuple[str, ...] = field(init=False)
    variadic: bool = field(init=False)

    def __post_init__(self) -> None:
        self.operand_names, self.keywords, self.variadic = _parameters(self.infer)
        self.defaults = self.infer.__kwdefaults__ or {}

    def vjp(self, *rules: Vjp | Refused | None) -> Any:
        """Register the adjoint: one function for all operands (also as a decorator), or one for each operand.

        A function gets (cotangent, result, *operands, **params) and returns a cotangent that may merely broadcast
        to its operand; with one function for several operands, a tuple of them. None stands for zero.
        """
        if self.rule is not None:
            raise ValueError(f"{self.name} has a vjp already")
        self.rule = rules[0] if len(rules) == 1 and callable(rules[0]) else tuple(rules)
        return rules[0]

    def __call__(self, *operands: Any, **params: Any) -> Any:
        """Emit this operation into the program that the operands belong to."""
        for operand in operands:
            if hasattr(operand, "builder"):
                return operand.builder.emit(self, *operands, **params)
        raise TypeError(f"{self.name}: no operand belongs to a program")

    def complete(self, params: dict[str, Any]) -> dict[str, Any]:
        """The params in the order of the signature with defaults filled in; TypeError for an unknown or missing one."""
        if tuple(params) == self.keywords:
            return params
        if params.keys() == set(self.keywords):
            return {k: params[k] for k in self.keywords}
        for name in params:
            if name not in self.keywords:
                raise TypeError(f"{self.name} has no keyword {name!r}; it takes {', '.join(self.keywords) or 'none'}")
        merged = self.defaults | params
        for name in self.keywords:
            if name not in merged:
                raise TypeError(f"{self.name} needs the keyword {name!r}")
        return {name: merged[name] for name in self.keywords}

    def template(self, types: Sequence[ArrayType], params: dict[str, Any]) -> str:
        """The printed expression for these operand types and params."""
        return self.python if isinstance(self.python, str) else self.python(*types, **params)

    def update_template(self, types: Sequence[ArrayType], params: dict[str, Any]) -> str:
        """The printed statement that performs this operation in place."""
        assert self.update is not None, self.name
        return self.update if isinstance(self.update, str) else self.update(*types, **params)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


class _ByName(dict[str, Op]):
    def __missing__(self, name: str) -> Op:
        """An operation of a family that has not been imported yet."""
        from .ops import load_all

        load_all()
        if name not in self:
            raise KeyError(name)
        return self[name]


BY_NAME: dict[str, Op] = _ByName()


class _ByCallable(dict[Any, Op]):
    def __missing__(self, key: Any) -> Op:
        """What stands in for a NumPy function while a trace is active wraps that function."""
        original = getattr(key, "__wrapped__", None)
        if original is None:
            raise KeyError(key)
        return self[original]


BY_CALLABLE: dict[Any, Op] = _ByCallable()


def register(op: Op, *keys: Any) -> Op:
    """Enter the record; a name or a NumPy callable that is taken already raises ValueError."""
    if op.name in BY_NAME:
        raise ValueError(f"two operations are called {op.name}")
    BY_NAME[op.name] = op
    for key in keys:
        if key in BY_CALLABLE:
            raise ValueError(f"{key} belongs to {BY_CALLABLE[key].name} already")
        BY_CALLABLE[key] = op
    return op


def of_module(module: str, name: str) -> Callable[..., Any]:
    """The function of a module that is imported when the function is first called, not before."""

    def call(*operands: Any, **params: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*operands, **params)

    return call


def op(*keys: Callable[..., Any], name: str | None = None, fun: Any = None, **fields: Any) -> Callable[[TypeRule], Op]:
    """Decorate a type rule into an operation. `keys` are the NumPy callables it answers; the first is its meaning."""

    def define(infer: TypeRule) -> Op:
        meaning = fun if fun is not None else keys[0]
        called = name or keys[0].__name__
        python = fields.pop("python", None)
        if python is None:
            names, _, _ = _parameters(infer)
            python = f"np.{called}({', '.join(f'{{{i}}}' for i in range(len(names)))})"
        return register(Op(called, meaning, infer, python, **fields), *keys)

    return define
