"""`np.r_[...]` and `np.c_[...]`: NumPy's own text, run on the stand-ins between the brackets."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..array import wrap
from ..creation import LARGEST_CONSTANT, constant_value, contains_tracer
from ..interception import enter
from ..site import is_recorded_code
from ..trace import ACTIVE
from .borrowed import named_by_user, own_text


class _Concatenator:
    """One of the two, while a trace is active."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getitem__(self, key: Any) -> Any:
        trace = ACTIVE.get()
        if trace is None or not is_recorded_code(sys._getframe(1).f_code):
            return self._original[key]
        if contains_tracer(key):
            return named_by_user(trace, own_text(type(self._original).__getitem__), self._original, key)
        plain = self._original[key]
        if type(plain) is not np.ndarray or plain.size > LARGEST_CONSTANT or plain.dtype.kind not in "fciub":
            return plain
        return wrap(trace, constant_value(trace, plain), contiguous=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __len__(self) -> int:
        return len(self._original)


enter("numpy", "r_", _Concatenator)
enter("numpy", "c_", _Concatenator)
