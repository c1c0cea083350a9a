"""Sparse derivatives: the structure read from the program, and the elements from a handful of products."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir.colouring import Colours, colour_columns, colour_symmetric, read_directly
from ..ir.program import Program
from ..ir.sparsity import Facts, Patterns
from ..ir.types import ArrayType
from ..tracer.errors import GradientError, UnsupportedError, explain
from ..tracer.locks import Lock
from ..tracer.site import called_at
from ..tracer.structure import flatten
from ..tracer.trace import ACTIVE
from .api import Argnums, grad
from .binding import Parameters, bind, signature_of
from .compilation import Stages
from .gradient import MAXIMUM, GradientFunction
from .request import Request
from .wanted import selected
from .wrapping import Wrapping


@dataclass(frozen=True, slots=True)
class Colouring:
    """Which rows or columns share a product: a colour for each, `count` colours in all.

    `by` is "rows", "columns", or for a hessian "symmetry": rows of which each element can be read off at its own place
    or at the mirrored one.
    """

    by: str
    colours: Colours
    count: int


@dataclass(slots=True)
class Plan:
    """The structure for one compiled path, as long as the facts hold that it was read from."""

    stages: Stages
    facts: Facts
    pattern: Any
    rows: Any  # of its elements
    colouring: Colouring | None = None
    mirrored: Any = None  # with the symmetry, which elements are read off in their own row's product


class SparseDerivative(Wrapping):
    """A function that returns a sparse jacobian; `pattern` is read once for each kind of call and kept.

    `source` is the text that computes one product.
    """

    def __init__(self, fun: Callable[..., Any], argnums: Argnums, name: str, symmetric: bool = False) -> None:
        super().__init__(fun, signature_of(fun))
        function = grad(fun, argnums) if symmetric else fun
        self._name = name
        self._symmetric = symmetric
        self._argnums = tuple(argnums) if isinstance(argnums, list) else argnums
        self._request = Request(function, self._argnums, kind="vjp")
        self._pulled: GradientFunction[..., Any] = GradientFunction(self._request)
        self._pushed: GradientFunction[..., Any] = GradientFunction(Request(function, self._argnums, kind="linearize"))
        self._last: Stages | None = None
        self._plans: OrderedDict[int, list[Plan]] = OrderedDict()
        self._lock = Lock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The derivative at this point, a scipy.sparse.csr_array."""
        parameters = self._bind(args, kwargs)
        stages = self._stages(parameters)
        results, arguments = self._types(stages, parameters)
        for type_ in (*results, *arguments):
            _check_real(type_, self._name)
        plan = self._plan(stages, parameters)
        colouring = self._coloured(plan)
        columns = plan.pattern.indices
        if colouring.by != "columns":
            self._last = stages
            pullback = stages.function(*args, **kwargs)[1]
            products = _products(pullback, colouring, results, arguments)
            data = products[colouring.colours[plan.rows], columns]
            if plan.mirrored is not None:
                data = np.where(plan.mirrored, data, products[colouring.colours[columns], plan.rows])
        else:
            self._last = self._pushed.lower(*args, **kwargs)
            pushforward = self._last.function(*args, **kwargs)[1]
            products = _products(pushforward, colouring, arguments, results)
            data = products[colouring.colours[columns], plan.rows]
        dtype = np.result_type(*(t.dtype for t in (*results, *arguments) if t.inexact))
        return _csr(plan.pattern, data.astype(np.float32 if dtype == np.float16 else dtype))

    def pattern(self, *args: Any, **kwargs: Any) -> Any:
        """The structure alone: a boolean csr_array."""
        parameters = self._bind(args, kwargs)
        pattern = self._plan(self._stages(parameters), parameters).pattern
        return _csr(pattern, np.ones(pattern.nnz, bool))

    def colouring(self, *args: Any, **kwargs: Any) -> Colouring:
        """Which rows or columns share a product at these arguments."""
        parameters = self._bind(args, kwargs)
        return self._coloured(self._plan(self._stages(parameters), parameters))

    @property
    def source(self) -> str:
        """The NumPy source of the products of the last call."""
        return self._pulled.source if self._last is None else self._last.source

    def __repr__(self) -> str:
        return f"<tapeless {self._request.name.removesuffix('_vjp')}_{self._name}>"

    def _parts(self) -> tuple[Any, ...]:
        return type(self), self.__wrapped__, self._argnums, self._name, self._symmetric

    def _for(self, instance: Any) -> Any:
        return type(self)(self.__wrapped__.__get__(instance), *self._parts()[2:])

    # ------------------------------------------------------------------------------------------------- the plan

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Parameters:
        _require_scipy(self._name)
        if ACTIVE.get() is not None:
            raise UnsupportedError(
                explain(
                    f"{self._name} is called inside of a traced function, and a sparse matrix cannot be traced",
                    called_at(),
                    "jacobian(f)(x), which is a plain array, or call it outside of the function",
                    "sparse",
                )
            )
        return bind(signature_of(self._request.function), args, kwargs, self._name)

    def _stages(self, parameters: Parameters) -> Stages:
        stages: Stages = self._pulled._path_for(parameters).stages
        return stages

    def _types(self, stages: Stages, parameters: Parameters) -> tuple[list[ArrayType], list[ArrayType]]:
        inputs = stages.trace.inputs
        return [o.type for o in stages.trace.outputs], [inputs[i].type for i in _places(self._argnums, parameters)]

    def _coloured(self, plan: Plan) -> Colouring:
        if plan.colouring is None:
            plan.colouring = colouring_of(plan.pattern, plan.rows, self._symmetric)
            if plan.colouring.by == "symmetry":
                plan.mirrored = ~read_directly(plan.pattern, plan.rows, plan.colouring.colours)
        return plan.colouring

    def _plan(self, stages: Stages, parameters: Parameters) -> Plan:
        """What is kept for this path, if what was seen of other arguments and captured arrays is still so."""
        places = _places(self._argnums, parameters)
        leaves = [leaf for _, _, value in parameters for leaf in flatten(value)[0]]
        with self._lock:
            known = self._plans.setdefault(id(stages), [])
            self._plans.move_to_end(id(stages))
            while len(self._plans) > MAXIMUM:
                self._plans.popitem(last=False)
            for plan in known:
                if not plan.facts or patterns_of(stages, places, leaves).agrees(plan.facts):
                    return plan
            pattern, facts = read_pattern(stages, places, leaves)
            if self._symmetric:
                pattern = _csr_of(pattern + pattern.T)
            rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
            plan = Plan(stages, facts, pattern, rows)
            same = next((p for p in known if _equal(p.pattern, pattern)), None)
            if same is not None:
                plan.colouring, plan.mirrored = same.colouring, same.mirrored
            known.insert(0, plan)
            del known[8:]
            return plan


class SparsityPattern(SparseDerivative):
    """A function that returns the structure alone."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.pattern(*args, **kwargs)


def patterns_of(stages: Stages, places: Sequence[int], leaves: Sequence[Any]) -> Patterns:
    """The propagation through the traced function, with the wanted arguments' elements as columns."""
    from scipy.sparse import csr_array

    program: Program = stages.trace
    sizes = [program.inputs[i].type.size for i in places]
    width, seeds, start = sum(sizes), {}, 0
    for i, size in zip(places, sizes, strict=True):
        entries = (np.ones(size, bool), np.arange(start, start + size), np.arange(size + 1))
        seeds[program.inputs[i]] = csr_array(entries, shape=(size, width))
        start += size
    values = {var: leaf for i, (var, leaf) in enumerate(zip(program.inputs, leaves, strict=True)) if i not in places}
    values.update(zip(program.captures, stages.captured, strict=True))
    return Patterns(program, seeds, values, width)


def read_pattern(stages: Stages, places: Sequence[int], leaves: Sequence[Any]) -> tuple[Any, Facts]:
    """The pattern of all results, stacked, and the facts that it rests on."""
    from scipy.sparse import csr_array, vstack

    patterns = patterns_of(stages, places, leaves)
    outputs = stages.trace.outputs
    blocks = [
        csr_array((output.type.size, patterns.width), dtype=bool) if found is None else found
        for output, found in zip(outputs, patterns.run(), strict=True)
    ]
    stacked = vstack(blocks, format="csr") if blocks else csr_array((0, patterns.width), dtype=bool)
    return _csr_of(stacked), patterns.facts


def _csr_of(pattern: Any) -> Any:
    from scipy.sparse import csr_array

    made = csr_array(pattern)
    made.sort_indices()
    return made


def _places(argnums: Any, parameters: Parameters) -> list[int]:
    """The wanted leaves among all leaves of the arguments."""
    starts, count = [], 0
    for _, _, value in parameters:
        starts.append(count)
        count += len(flatten(value)[0])
    found: list[int] = []
    for number, path in selected(argnums, parameters):
        name, _, value = parameters[number]
        structure = flatten(value)[1]
        start, size = starts[number], structure.leaf_count
        if path != name:
            place = next(i for i, key in enumerate(structure.keys) if f"{name}[{key!r}]" == path)
            start += sum(child.leaf_count for child in structure.children[:place])
            size = structure.children[place].leaf_count
        found += range(start, start + size)
    return found


# ---------------------------------------------------------------------------------------------------------- products


Side = tuple[str, Callable[[], Colours], int]  # what shares a product, how it is coloured, the fewest colours


def colouring_of(pattern: Any, rows: Any, symmetric: bool) -> Colouring:
    """Rows or columns, or the symmetry, whichever takes the fewest products; the first of these that does."""
    in_column, in_row = (int(np.bincount(i, minlength=1).max()) for i in (pattern.indices, rows))
    by_row: Side = ("rows", lambda: colour_columns(_csr_of(pattern.T)), in_column)
    if symmetric:
        sides = [by_row, ("symmetry", lambda: colour_symmetric(pattern), 2)]
    else:
        sides = sorted([by_row, ("columns", lambda: colour_columns(pattern), in_row)], key=lambda side: side[2])
    found: Colouring | None = None
    for by, colour, fewest in sides:
        if found is None or fewest < found.count:  # it cannot take fewer than that
            colours = colour()
            count = int(colours.max()) + 1 if pattern.nnz else 0
            if found is None or count < found.count:
                found = Colouring(by, colours, count)
    assert found is not None
    return found


def _products(
    multiply: Callable[..., Any], colouring: Colouring, given: Sequence[ArrayType], made: Sequence[ArrayType]
) -> Any:
    """The sum of the rows, or of the columns, of each colour: one product each."""
    products = np.zeros((colouring.count, sum(t.size for t in made)), np.result_type(*(t.dtype for t in made)))
    ends = np.cumsum([t.size for t in given])
    for colour, product in enumerate(products):
        parts = np.split((colouring.colours == colour).astype(float), ends[:-1])
        result = multiply(*(_shaped(part, type_) for part, type_ in zip(parts, given, strict=True)))
        np.concatenate([np.ravel(leaf) for leaf in flatten(result)[0]], out=product, casting="same_kind")
    return products


def _shaped(part: Any, type_: ArrayType) -> Any:
    array = part.reshape(type_.shape).astype(type_.dtype)
    return array.item() if type_.weak else array[()]


def _csr(pattern: Any, data: Any) -> Any:
    from scipy.sparse import csr_array

    return csr_array((data, pattern.indices.copy(), pattern.indptr.copy()), shape=pattern.shape)


def _equal(a: Any, b: Any) -> bool:
    return bool(np.array_equal(a.indptr, b.indptr) and np.array_equal(a.indices, b.indices))


def _require_scipy(name: str) -> None:
    try:
        import scipy.sparse  # noqa: F401
    except ImportError:
        raise ImportError(
            explain(f"{name} returns a scipy.sparse array", called_at(), "pip install tapeless[scipy]", "sparse")
        ) from None


def _check_real(type_: ArrayType, name: str) -> None:
    if type_.dtype.kind == "c":
        raise GradientError(
            explain(
                f"{name} of complex numbers is not given: one complex number for each element would not be enough",
                called_at(),
                "sparse_jacobian of a function of (x.real, x.imag) that returns real arrays",
                "sparse",
            )
        )


# ------------------------------------------------------------------------------------------------- public functions


def sparsity(fun: Callable[..., Any], argnums: Argnums = 0, order: int = 1) -> SparsityPattern:
    """The function of the arguments that returns the structure of fun's jacobian, or with order=2 of its hessian.

    The result is a boolean scipy.sparse.csr_array, one row for each element of the results and one column for each
    element of the wanted arguments, all flattened in C order and one after the other; for the hessian both are those
    of the wanted arguments. It holds wherever the arguments take the same branches; elements where it is False are
    exactly zero. Raises ImportError without scipy, ValueError for another order, else as `grad`.
    """
    if order not in (1, 2):
        raise ValueError(explain(f"order must be 1 or 2, not {order!r}", called_at(), "order=2, the hessian", "sparse"))
    return SparsityPattern(fun, argnums, "sparsity", symmetric=order == 2)


def sparse_jacobian(fun: Callable[..., Any], argnums: Argnums = 0) -> SparseDerivative:
    """The function of the arguments that returns fun's jacobian as a scipy.sparse.csr_array of floats.

    Its dtype is that of arguments and results together (float32 for float16, which scipy.sparse has not). Rows and
    columns as in `sparsity`. The structure is read from the program and coloured at the first call of each kind; every
    call then takes one product for each colour (Curtis, Powell and Reid, 1974). The result's `colouring` tells which
    rows or columns share one, its `source` is their text. Raises as `sparsity`, and GradientError for complex
    arguments or results.
    """
    return SparseDerivative(fun, argnums, "sparse_jacobian")


def sparse_hessian(fun: Callable[..., Any], argnums: Argnums = 0) -> SparseDerivative:
    """The function of the arguments that returns the hessian of fun, which returns one number, as a csr_array.

    The structure is that of the gradient's program: what enters linearly leaves no element. Where the symmetry saves
    products it is used (Coleman and More, 1984). Raises as `sparse_jacobian`.
    """
    return SparseDerivative(fun, argnums, "sparse_hessian", symmetric=True)
