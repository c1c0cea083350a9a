"""Einsum subscripts in their explicit form, without spaces and ellipsis."""

from __future__ import annotations

import operator
from typing import Any

_CAPITALS, _SMALL = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"


def explicit_subscripts(subscripts: str, ranks: list[int]) -> str:
    """`...ij,jk` with the ranks of the operands as `abij,jk->abik`: what NumPy's conventions make of it.

    Raises ValueError for subscripts that do not fit the operands.
    """
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f"einsum: {len(terms)} subscripts for {len(ranks)} operands")
    spans = [
        rank - len(term.replace("...", "")) if "..." in term else 0 for term, rank in zip(terms, ranks, strict=True)
    ]
    if min(spans) < 0:
        raise ValueError("einsum: more subscripts than dimensions")
    used = set(text)
    spare = [letter for letter in _SMALL + _CAPITALS if letter not in used]
    longest = max(spans)
    batch = "".join(spare[:longest])
    written = [term.replace("...", batch[longest - span :]) for term, span in zip(terms, spans, strict=True)]
    if not arrow:
        letters = "".join(terms).replace(".", "")
        output = batch + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    elif "..." in output:
        output = output.replace("...", batch)
    return f"{','.join(written)}->{output}"


def listed_subscripts(places: Any) -> str:
    """`[0, Ellipsis, 1]` as `A...B`."""
    letters = _CAPITALS + _SMALL
    return "".join("..." if place is Ellipsis else letters[operator.index(place)] for place in places)
