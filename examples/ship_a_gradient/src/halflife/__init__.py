"""Amounts and rates of exponential decays, fitted to counts over time."""

from .fit import fit

__all__ = ["fit"]
