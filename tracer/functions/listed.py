"""Lists of traced numbers where NumPy takes an array, np.sum([a, b]): NumPy asks the list, not what is in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..array import lift, wrap
from ..creation import contains_tracer
from ..interception import answered, enter
from ..trace import Trace

_TAKING = {
    "numpy": (
        *("sum", "mean", "prod", "max", "min", "amax", "amin", "std", "var", "median", "average", "ptp", "any", "all"),
        *("argmax", "argmin", "sort", "argsort", "cumsum", "cumprod", "diff", "dot", "vdot", "inner", "outer", "cross"),
        *("tensordot", "trapezoid", "interp", "reshape", "transpose", "repeat", "tile", "flip", "roll"),
        *("trace", "diag", "ravel", "squeeze", "expand_dims", "atleast_1d", "nansum", "nanmean", "nanmax", "nanmin"),
        *("count_nonzero", "unique", "searchsorted", "convolve", "quantile", "percentile", "cov", "kron", "polyval"),
        *("nanvar", "nanstd", "nanprod", "nanmedian", "nanquantile", "nanpercentile", "nancumsum", "nancumprod"),
        *("cumulative_sum", "cumulative_prod", "partition", "argpartition", "bincount", "histogram", "digitize"),
        *("corrcoef", "correlate", "ediff1d", "gradient", "nanargmax", "nanargmin", "apply_along_axis"),
        *(
            "shape",
            "ndim",
            "size",
            "real",
            "imag",
            "round",
            "pad",
            "append",
            "insert",
            "delete",
            "resize",
            "broadcast_to",
        ),
        *("moveaxis", "swapaxes", "rot90", "flipud", "fliplr", "diagflat", "tril", "triu", "vander", "angle", "unwrap"),
        *("nan_to_num", "sinc", "polyder", "polyint", "polyadd", "polysub", "polymul", "polydiv", "roots", "nonzero"),
    ),
    "numpy.linalg": ("norm", "det", "inv", "solve", "slogdet", "cholesky", "eigh", "eigvalsh", "svd", "qr", "pinv"),
    "numpy.fft": ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"),
}


def _is_listed(item: Any) -> bool:
    return type(item) in (list, tuple) and contains_tracer(item)


def _as_arrays(original: Callable[..., Any], trace: Trace, *args: Any, **kwargs: Any) -> Any:
    """The same call with an array in place of each list of traced numbers."""
    if not any(map(_is_listed, args)) and not any(map(_is_listed, kwargs.values())):
        return NotImplemented
    operands = [wrap(trace, lift(trace, a)) if _is_listed(a) else a for a in args]
    keywords = {name: wrap(trace, lift(trace, a)) if _is_listed(a) else a for name, a in kwargs.items()}
    return original(*operands, **keywords)


for _module, _names in _TAKING.items():
    for _name in _names:
        enter(_module, _name, lambda original: answered(original, partial(_as_arrays, original)))
