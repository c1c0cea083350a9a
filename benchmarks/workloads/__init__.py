"""The workloads, one family to a file: WORKLOADS by name."""

from __future__ import annotations

from . import (
    attention,
    convolutional,
    elementwise,
    geometry,
    normalization,
    optimization,
    perceptrons,
    physics,
    products,
    recurrent,
    statistics,
)
from .workload import Workload, lines_of, rebound, written

__all__ = ["WORKLOADS", "Workload", "lines_of", "rebound", "written"]

FAMILIES = (
    optimization,
    perceptrons,
    normalization,
    convolutional,
    attention,
    recurrent,
    physics,
    elementwise,
    statistics,
    geometry,
    products,
)
WORKLOADS: dict[str, Workload] = {one.name: one for family in FAMILIES for one in family.WORKLOADS}
