"""Examples of arguments in a file: which way a branch on a value goes, where only types are known."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from ..ir.types import ArrayType
from ..tracer.function import AbstractLeaf
from ..tracer.structure import flatten, unflatten
from .binding import Parameters
from .signatures import CommandError


def load_example(path: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an .npz file by their names, or that of an .npy file. CommandError if it is neither."""
    if not os.path.isfile(path):
        raise CommandError(f"there is no file {path}; write one with np.savez({path!r}, x=x, ...)")
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"arr_0": found}
        with found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise CommandError(
            f"{path} cannot be read as arrays ({reason}); write it with np.savez({path!r}, x=x, ...)"
        ) from None


def filled(
    parameters: Parameters, arrays: Mapping[str, np.ndarray[Any, Any]], path: str, own: Collection[str]
) -> Parameters:
    """The parameters, those of the function `own`, with an array or a number for each leaf that is only a type.

    An array is found by the name of the parameter, as `params.w` or `params['w']` inside of a structure, or by its
    place: arr_0, arr_1 ... as np.savez calls what has no name. A direction is one of zeros: nothing is decided by it.
    CommandError for what is missing, left over or unfit.
    """
    used: set[str] = set()
    lengths: dict[str, int] = {}
    number = 0
    made: Parameters = []
    for name, kind, value in parameters:
        leaves, structure = flatten(value)
        values = []
        for leaf, (place, _) in zip(leaves, structure.paths(name), strict=True):
            if isinstance(leaf, AbstractLeaf) and name not in own:
                leaf = _zero(leaf.type, lengths)
            elif isinstance(leaf, AbstractLeaf):
                key = next((k for k in _keys(place, number) if k in arrays), None)
                if key is None:
                    names = ", ".join(arrays) or "nothing"
                    raise CommandError(f"{path} has no array {place}, only {names}; give it the argument's name")
                used.add(key)
                leaf = _fitted(arrays[key], leaf.type, place, path, lengths)
                number += 1
            values.append(leaf)
        made.append((name, kind, unflatten(structure, iter(values))))
    left = [key for key in arrays if key not in used]
    if left:
        raise CommandError(f"{path} has an array {left[0]}, which is no argument; leave it out")
    return made


def _keys(place: str, number: int) -> Iterator[str]:
    yield place
    yield place.replace("['", ".").replace("']", "").replace("[", ".").replace("]", "")
    yield f"arr_{number}"


def _zero(type_: ArrayType, lengths: Mapping[str, int]) -> Any:
    shape = tuple(lengths.get(str(n), n) for n in type_.shape)
    return 0.0 * type_.dtype.type(0).item() if type_.weak else np.zeros(shape, type_.dtype)[()]


def _fitted(array: np.ndarray[Any, Any], type_: ArrayType, place: str, path: str, lengths: dict[str, int]) -> Any:
    dims = [str(n) for n in type_.shape]
    fits = len(dims) == array.ndim
    for dim, length in zip(dims, array.shape):
        fits = fits and (dim == str(length) or (not dim.isdigit() and lengths.setdefault(dim, length) == length))
    if type_.weak:
        fits = fits and array.dtype.kind in "biufc"[: "biufc".find(type_.dtype.kind) + 1]
    elif fits and array.dtype != type_.dtype:
        fits = False
    if not fits:
        given = f"{array.dtype.name}[{', '.join(map(str, array.shape))}]"
        raise CommandError(f"{place} in {path} is {given}, but --args says {type_}; save an array of that type")
    return type_.dtype.type(array).item() if type_.weak else array if type_.shape else array[()]
