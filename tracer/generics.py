"""Type variables for what is made from a function: its parameters and its result."""

from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
