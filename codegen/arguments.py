"""What a module does about arguments that fail its test. The text of the function goes into the module."""

from __future__ import annotations

import numpy as np


def check_arguments(arguments: dict[str, object]) -> None:
    """Raise for what is not as its key says, where a letter is one length. Any byte order and a memmap are fine."""
    lengths: dict[str, int] = {}
    for declared, value in arguments.items():
        name, _, wanted = declared.rpartition(": ")
        dtype, _, shape = wanted.rstrip("]").partition("[")
        python = type(value) in (bool, int, float, complex)
        known = python or isinstance(value, np.generic) or type(value) in (np.ndarray, np.memmap)
        array = np.asarray(value if known else None)
        if python or dtype in ("int", "float", "complex"):
            fits = np.can_cast(array.dtype, dtype, "same_kind")
        else:
            fits = array.dtype.name == dtype
        for dim, length in zip(shape.split(", "), array.shape):
            if dim and not dim.isdigit():
                lengths.setdefault(dim, length)
        here = ", ".join(str(lengths.get(dim, dim)) for dim in shape.split(", "))
        found = ", ".join(map(str, array.shape))
        if not (known and fits and here == found):
            needed = f"a NumPy array of dtype {dtype} and shape [{shape}]" if shape else f"a number of type {dtype}"
            needed += f" = [{here}]" if here != shape else ""
            given = f"of dtype {array.dtype} and shape [{found}]" if known else f"a {type(value).__name__}"
            error = ValueError if array.dtype.name == dtype else TypeError
            raise error(f"{name} must be {needed}, but is {given}")
    if not all(dim.isidentifier() for dim in lengths):  # such as 2 * n
        raise ValueError(f"the shapes of {', '.join(arguments)} do not go together: {lengths}")
