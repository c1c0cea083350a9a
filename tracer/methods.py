"""Methods of the ndarray that are NumPy's functions under other signatures."""

from __future__ import annotations

from typing import Any

import numpy as np


class Methods:
    """`x.reshape(2, 3)` and the like: each is answered by the function of the same name."""

    __slots__ = ()

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
        wanted = shape[0] if len(shape) == 1 else shape
        asked = {} if copy is None else {"copy": copy}  # NumPy 2.0 does not know the keyword
        return np.reshape(self, wanted, order=order, **asked)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Any:
        wanted = axes[0] if len(axes) == 1 else axes or None
        return np.transpose(self, wanted)  # type: ignore[call-overload]

    def clip(self, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> Any:
        return np.clip(self, min, max, out, **kwargs)  # type: ignore[call-overload]

    def compress(self, condition: Any, axis: Any = None, out: Any = None) -> Any:
        return np.compress(condition, self, axis, out)  # type: ignore[call-overload]

    def flatten(self, order: str = "C") -> Any:
        return np.ravel(self, order=order).copy()  # type: ignore[call-overload]
