"""Operands for the writes into the parts of complex arrays."""

from __future__ import annotations

from typing import Any


def parts(sample: Any, numbers: Any, complexes: Any) -> dict[str, list[Any]]:
    """The table of samples; the arguments are what samples.py makes them with."""
    plane = complexes(2, 3)
    values = (numbers(2, 3, seed=5), numbers(3, seed=6), numbers(2, 1, seed=7), numbers(seed=8), 1.5)
    made = [sample((plane, value)) for value in values] + [sample((complexes(0), numbers(0)))]
    return {"set_real": made, "set_imag": made}
