"""Random programs over the whole registry, together with arguments for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gradcheck import random_like
from samples import NAMES, PLAIN, TABLE, is_ufunc

from tapeless.ir.builder import Builder, Value
from tapeless.ir.grad import NotDifferentiable, backward
from tapeless.ir.op import BY_NAME, Refused
from tapeless.ir.program import Origin, Program
from tapeless.ir.types import parse_type, type_of

LITERALS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 0.0, -0.0, 1.0, -2.5, 0.1, True, 1e300, float("nan"), float("inf"), -float("inf"), 1j, -0.0 - 1j),
    *(
        complex("nan+infj"),
        np.float32(0.1),
        np.float64(-0.0),
        np.int8(-3),
        np.bool_(True),
        np.complex64(1 - 2j),
        np.float16("inf"),
    ),
)
TYPES = (
    "f64[2, 3]",
    "f64[3]",
    "f64",
    "f64[2, 1]",
    "f64[3, 3]",
    "c128[2, 3]",
    "i64[3]",
    "bool[2, 3]",
    "f32[2, 3]",
    "float",
)
# What asks for more than types: a count that a guard has made sure of, the memory layout of an argument; and what is
# only written after every derivative.
ASKING = {"mask_places", "is_contiguous", "has_strides"}
ASKING |= {name for name in NAMES if isinstance(BY_NAME[name].rule, Refused)}
FEW = [n for n in NAMES if not BY_NAME[n].effect and n not in ASKING and not BY_NAME[n].imports]


class Writer:
    """An open random program."""

    def __init__(self, seed: int, strange: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = Builder()
        self.arguments: list[Any] = []
        self.values: list[Value] = []
        self.literals = LITERALS if strange else (1, 2, 0.5, -1.5, 3.0)
        for text in TYPES[: 3 + int(self.rng.integers(len(TYPES) - 2))]:
            type_ = parse_type(text)
            value = random_like(self.rng, type_) if type_.inexact else np.ones(type_.shape, type_.dtype)
            self.input(value)

    def input(self, argument: Any) -> Value:
        name = ["x", "y", "x", "", "_t", "exp", "f64"][len(self.arguments) % 7]
        self.arguments.append(argument)
        value = self.builder.input(type_of(argument), name)
        self.values.append(value)
        return value

    def pick(self) -> Any:
        if self.rng.random() < 0.2:
            return self.literals[int(self.rng.integers(len(self.literals)))]
        recent = max(0, len(self.values) - 12)
        return self.values[int(self.rng.integers(recent, len(self.values)))]

    def write(self) -> None:
        """Append one equation, if the operation takes what was drawn."""
        op = BY_NAME[FEW[int(self.rng.integers(len(FEW)))]]
        if is_ufunc(op):
            operands, params = [self.pick() for _ in range(op.fun.nin)], {}
        else:
            samples = TABLE.get(op.name) or PLAIN.get(op.name, [])
            if not samples:
                return  # test_every_record_has_a_sample says so
            sample = samples[int(self.rng.integers(len(samples)))]
            params = sample.params
            fresh = self.rng.random() < 0.7
            operands = [self.input(x) if fresh else self.pick() for x in sample.operands]
        line = int(self.rng.integers(1, 99))
        try:
            with self.builder.at(Origin("model.py", line, "f", "y = f(x)"), 0):
                result = self.builder.emit(op, *operands, **params)
        except (TypeError, ValueError, IndexError, KeyError):
            return
        if isinstance(result, Value) and result.size <= 200:
            result.atom.name = str(self.rng.choice(["", "a", "b", "out"])) if hasattr(result.atom, "named") else ""
            self.values.append(result)

    def differentiate(self) -> list[Value]:
        """Append the adjoint of the last inexact value with respect to all inputs."""
        inputs = [v for v in self.values if v.atom in self.builder.inputs and v.type.inexact]
        targets = [v for v in self.values[len(inputs) :] if v.type.inexact and v.literal is None]
        if not targets or not inputs:
            return []
        y = targets[-1]
        g = self.input(random_like(self.rng, y.type))
        return [d for d in backward(self.builder, [(y, g)], inputs) if d is not None]


def random_program(seed: int, strange: bool = True, orders: int = 2) -> tuple[Program, list[Any]]:
    """A program with its arguments; `strange` lets nan, inf and other dtypes stand in the text."""
    writer = Writer(seed, strange)
    for _ in range(int(writer.rng.integers(1, 15))):
        writer.write()
    outputs = writer.values[-3:]
    for _ in range(int(writer.rng.integers(orders + 1))):
        try:
            found = writer.differentiate()
        except (TypeError, NotDifferentiable) as error:
            if "complex numbers" not in str(error):  # Python's have no order, and many of SciPy's slopes are of floats
                raise
            found = []
        writer.values += found
        outputs = outputs + found
    return writer.builder.program("f", outputs), writer.arguments
