"""Windows and short axes, entry by entry: ordinary functions, whose text goes into generated modules that call them.

NumPy's inner loops run along the last axis. Where that is short, most of the time goes into starting them.
"""

import numpy as np


def reduce_few(ufunc, x, axis, keepdims=False):
    """ufunc.reduce(x, axis) along axes of a few elements: whole arrays of first entries, of second entries ..."""
    for count, a in enumerate(sorted(axis)):
        entries = np.moveaxis(x, a - count, 0)
        x = entries[0]
        for entry in entries[1:]:
            x = ufunc(x, entry)
    return np.expand_dims(x, axis) if keepdims else x


def spread_over_few(x, shape, axis):
    """An array of that shape with x in each entry along `axis`, of a few elements each."""
    out = np.empty(shape, x.dtype)
    entries = np.moveaxis(out, axis, range(len(axis)))
    for i in np.ndindex(*entries.shape[: len(axis)]):
        entries[i] = x
    return out


def kept(x, mask):
    """np.where(mask, x, 0) of floats, as the product of their bits with 0 or 1.

    A choice is a branch for each element, and where the mask is irregular a processor foresees every other one wrongly:
    that takes ten times as long. A product of the floats themselves would give nan for inf and nan.
    """
    return (x.view(f"i{x.itemsize}") * mask).view(x.dtype)


def chosen(mask, a, b):
    """np.where(mask, a, b) of floats, on their bits as integers, which wrap around: b + (a - b) * mask exactly."""
    if not (a.dtype.isnative and b.dtype.isnative):
        return np.where(mask, a, b)  # their bytes stand in another order
    whole = f"i{a.itemsize}"
    bits = a.view(whole) - b.view(whole)
    bits *= mask
    bits += b.view(whole)
    return bits.view(a.dtype)


def share_among_extremes(g, y, x, axis):
    """The cotangent of x, of which y is the maximum or the minimum along axes of a few elements, from that of y.

    All elements that are equal to y share it, the others get 0.
    """
    first = tuple(range(len(axis)))
    entries = np.moveaxis(x, axis, first)
    winners = {i: entries[i] == y for i in np.ndindex(entries.shape[: len(axis)])}
    share = g / np.sum(list(winners.values()), axis=0, dtype=g.dtype)
    dx = np.empty(x.shape, share.dtype)
    for i, winner in winners.items():
        np.moveaxis(dx, axis, first)[i] = kept(share, winner)
    return dx


def overlap_add(windows, shape, axis, step=1):
    """The sum of all windows at their places, `step` apart: the transpose of sliding_window_view along `axis`."""
    x = np.zeros(shape, windows.dtype)
    count = len(axis)
    step = (step,) * count if isinstance(step, int) else step
    for offset in np.ndindex(windows.shape[windows.ndim - count :]):
        place = [slice(None)] * x.ndim
        for a, shift, by in zip(axis, offset, step):
            start = shift + (place[a].start or 0)  # an axis may be there twice
            place[a] = slice(start, start + (windows.shape[a] - 1) * by + 1, by)
        x[tuple(place)] += windows[(..., *offset)]
    return x
