"""Operands for what stands around rules of the user's."""

from __future__ import annotations

from typing import Any


def around_rules(sample: Any, numbers: Any, complexes: Any) -> dict[str, list[Any]]:
    """The table of samples; the arguments are what samples.py makes them with."""
    return {"passed": [sample((x,)) for x in (numbers(2, 3), numbers(), numbers(0), complexes(2))]}
