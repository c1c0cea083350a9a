"""Sample calls of NumPy's functions whose results are constants, indices, true or false, by name."""

import numpy as np

PLAIN = {
    "fromstring": [
        lambda x: np.fromstring("1 2 3", sep=" "),
        lambda x: np.fromstring("1,2", dtype=int, count=1, sep=","),
    ],
    "bartlett": [lambda x: np.bartlett(4)],
    "blackman": [lambda x: np.blackman(4)],
    "hamming": [lambda x: np.hamming(4)],
    "hanning": [lambda x: np.hanning(4)],
    "zeros": [
        lambda x: np.zeros(3),
        lambda x: np.zeros((2, 3), dtype=np.float32),
        lambda x: np.zeros(x.shape, order="F"),
    ],
    "ones": [lambda x: np.ones(3), lambda x: np.ones((2, 3), dtype=int), lambda x: np.ones(x.shape, order="F")],
    "empty": [
        lambda x: np.empty((0, 3)),
        lambda x: np.empty((2, 3), order="F") * 0,
        lambda x: np.empty(3, dtype=np.float32) * 0,
    ],
    "eye": [
        lambda x: np.eye(3),
        lambda x: np.eye(3, 4, k=1),
        lambda x: np.eye(2, dtype=int),
        lambda x: np.eye(3, M=2, order="F"),
    ],
    "identity": [lambda x: np.identity(3), lambda x: np.identity(2, dtype=np.float32)],
    "tri": [lambda x: np.tri(3), lambda x: np.tri(3, 4, k=1), lambda x: np.tri(3, M=2, dtype=int)],
    "zeros_like": [
        lambda x: np.zeros_like(x),
        lambda x: np.zeros_like(x, dtype=int),
        lambda x: np.zeros_like(x, shape=(2,), subok=True),
    ]
    + [lambda x: np.zeros_like(x, order="C")],
    "ones_like": [
        lambda x: np.ones_like(x),
        lambda x: np.ones_like(x, dtype=int),
        lambda x: np.ones_like(x, order="C", subok=False),
    ]
    + [lambda x: np.ones_like(x, shape=(2, 2))],
    "empty_like": [
        lambda x: np.empty_like(x, order="C") * 0,
        lambda x: np.empty_like(x, dtype=int, subok=False) * 0,
        lambda x: np.empty_like(x, shape=(0,)),
    ],
    "indices": [
        lambda x: np.indices((2, 3)),
        lambda x: np.indices(x.shape, dtype=float),
        lambda x: np.indices((2,), sparse=True),
    ],
    "diag_indices": [lambda x: np.diag_indices(3), lambda x: np.diag_indices(3, ndim=3)],
    "diag_indices_from": [lambda A: np.diag_indices_from(A)],
    "tril_indices": [lambda x: np.tril_indices(3), lambda x: np.tril_indices(3, k=1, m=4)],
    "triu_indices": [lambda x: np.triu_indices(3), lambda x: np.triu_indices(3, k=1, m=4)],
    "tril_indices_from": [lambda x: np.tril_indices_from(x), lambda x: np.tril_indices_from(x, k=1)],
    "triu_indices_from": [lambda x: np.triu_indices_from(x), lambda x: np.triu_indices_from(x, k=-1)],
    "mask_indices": [lambda x: np.mask_indices(3, np.triu), lambda x: np.mask_indices(3, np.tril, k=-1)],
    "ix_": [lambda x: np.ix_([0, 2], [1, 3]), lambda x: x[np.ix_([0, 2], [1, 3])] * 0],
    "mgrid": [lambda x: np.mgrid[0:3, 0:2], lambda x: np.mgrid[0:1:5j]],
    "ogrid": [lambda x: np.ogrid[0:3, 0:2]],
    "s_": [lambda x: x[np.s_[1:, ::2]] * 0],
    "index_exp": [lambda x: x[np.index_exp[1:, ::2]] * 0],
    "ravel_multi_index": [lambda x: np.ravel_multi_index((np.array([1, 2]), np.array([0, 3])), x.shape)]
    + [lambda x, k: np.ravel_multi_index((np.argmax(x, axis=0), np.arange(4)), (3, 4), mode="clip", order="F")],
    "unravel_index": [
        lambda x: np.unravel_index(np.argmax(x), x.shape),
        lambda x: np.unravel_index([3, 5], (2, 3), order="F"),
    ],
    "argmax": [lambda x: np.argmax(x), lambda x: np.argmax(x, axis=1), lambda x: np.argmax(x, 0, keepdims=True)]
    + [lambda x: np.argmax(x, axis=0, out=np.zeros(4, int)), lambda z: np.argmax(z)],
    "argmin": [lambda x: np.argmin(x), lambda x: np.argmin(x, axis=1), lambda x: np.argmin(x, 0, keepdims=True)]
    + [lambda x: np.argmin(x, axis=0, out=np.zeros(4, int))],
    "nanargmax": [
        lambda nx: np.nanargmax(nx),
        lambda nx: np.nanargmax(nx, axis=1),
        lambda nx: np.nanargmax(nx, 0, keepdims=True),
    ]
    + [lambda nx: np.nanargmax(nx, axis=0, out=np.zeros(4, int))],
    "nanargmin": [
        lambda nx: np.nanargmin(nx),
        lambda nx: np.nanargmin(nx, axis=1),
        lambda nx: np.nanargmin(nx, 0, keepdims=True),
    ]
    + [lambda nx: np.nanargmin(nx, axis=0, out=np.zeros(4, int))],
    "argsort": [lambda x: np.argsort(x), lambda x: np.argsort(x, axis=0), lambda x: np.argsort(x, axis=None)]
    + [
        lambda x: np.argsort(x, kind="stable"),
        lambda x: np.argsort(x, stable=True),
        lambda x: np.argsort(-x, 1, "mergesort"),
    ],
    "argpartition": [
        lambda v: np.argpartition(v, 2, kind="introselect")[2],
        lambda x: np.argpartition(x, 1, axis=0)[1],
    ],
    "lexsort": [lambda v, w: np.lexsort((v, w)), lambda x: np.lexsort(x), lambda x: np.lexsort(keys=x, axis=0)],
    "searchsorted": [lambda t, v: np.searchsorted(t, v), lambda t, v: np.searchsorted(t, v, side="right")]
    + [lambda v, w: np.searchsorted(v, w, sorter=np.argsort(v)), lambda t, s: np.searchsorted(t, s)],
    "digitize": [lambda t, v: np.digitize(v, t), lambda t, v: np.digitize(v, bins=t, right=True)],
    "nonzero": [lambda x: np.nonzero(x > 0), lambda x: np.nonzero(x)],
    "flatnonzero": [lambda x: np.flatnonzero(x > 0)],
    "argwhere": [lambda x: np.argwhere(x > 0)],
    "count_nonzero": [lambda x: np.count_nonzero(x > 0), lambda x: np.count_nonzero(x, axis=1, keepdims=True)],
    "bincount": [lambda x, i: np.bincount(i), lambda x, i: np.bincount(i, minlength=9)],
    "isin": [lambda x: np.isin(x, [x[0, 0], 1.0]), lambda x: np.isin(x, [1.0], invert=True, assume_unique=False)]
    + [lambda x, n: np.isin(n, [1, 2], kind="table")],
    "in1d": [lambda v: np.in1d(v, v[1:3]), lambda v: np.in1d(v, v[1:3], invert=True)],
    "packbits": [lambda x: np.packbits(x > 0, axis=1), lambda v: np.packbits(v > 0, bitorder="little")],
    "unpackbits": [lambda x, b: np.unpackbits(b), lambda x, b: np.unpackbits(b, count=4, bitorder="little", axis=0)],
    "any": [lambda x: np.any(x > 0), lambda x: np.any(x > 0, axis=1, keepdims=True), lambda x, m: np.any(x, where=m)]
    + [lambda x: np.any(x > 0, axis=0, out=np.zeros(4, bool))],
    "all": [lambda x: np.all(x > 0), lambda x: np.all(x > 0, axis=1, keepdims=True), lambda x, m: np.all(x, where=m)]
    + [lambda x: np.all(x > 0, axis=0, out=np.zeros(4, bool))],
    "allclose": [
        lambda x, y: np.allclose(x, y),
        lambda x: np.allclose(x, x + 1e-9, rtol=1e-3, atol=1e-3, equal_nan=True),
    ],
    "isclose": [lambda x, y: np.isclose(x, y), lambda x: np.isclose(x, x + 1e-9, rtol=1e-3, atol=1e-3, equal_nan=True)],
    "array_equal": [lambda x, y: np.array_equal(x, y), lambda nx: np.array_equal(nx, nx, equal_nan=True)],
    "array_equiv": [lambda x, y: np.array_equiv(x, y), lambda x: np.array_equiv(x, x)],
    "shape": [lambda x: np.shape(x), lambda s: np.shape(s)],
    "ndim": [lambda x: np.ndim(x), lambda s: np.ndim(s)],
    "size": [lambda x: np.size(x), lambda x: np.size(x, 1), lambda x: np.size(x, axis=0)],
    "iscomplexobj": [lambda x: np.iscomplexobj(x), lambda z: np.iscomplexobj(z)],
    "isrealobj": [lambda x: np.isrealobj(x), lambda z: np.isrealobj(z)],
    "isscalar": [
        lambda x: np.isscalar(x),
        lambda s: np.isscalar(s),
        lambda x: np.isscalar(x[0, 0]),
        lambda o: np.isscalar(o),
    ],
    "iterable": [lambda x: np.iterable(x), lambda s: np.iterable(s)],
    "isfortran": [lambda x: np.isfortran(x), lambda f: np.isfortran(f), lambda x: np.isfortran(x.T)],
    "result_type": [lambda x: np.result_type(x, np.float32).char == "d", lambda x, z: np.result_type(x, z).char == "D"],
    "can_cast": [lambda x: np.can_cast(x.dtype, np.float32), lambda x: np.can_cast(np.float32, float, casting="safe")],
    "common_type": [lambda x: np.common_type(x) is np.float64],
    "min_scalar_type": [lambda x: np.min_scalar_type(x).char in "df"],
    "histogram": [
        *(lambda v: np.histogram(v, bins=np.array([-2.0, -0.5, 0.5, 2.0]))[0], lambda v: np.histogram(v, 4)[0]),
        *(lambda v: np.histogram(v, 4, range=(-1, 1))[0],),
    ],
    "histogram_bin_edges": [
        *(lambda v: np.histogram_bin_edges(v, 4, range=(-1, 1)), lambda v: np.histogram_bin_edges(v, bins=[0, 1, 2])),
        *(lambda v: np.histogram_bin_edges(v, 3, range=(0, 1), weights=np.ones(6)),),
    ],
    "einsum_path": [
        lambda x, F: np.einsum_path("ij,jk", x, F),
        lambda A, B: np.einsum_path("ij,jk", A, B, optimize="greedy"),
    ],
    "histogram2d": [lambda v, w: np.histogram2d(v, w, bins=3)[0]],
    "histogramdd": [lambda x: np.histogramdd(x, bins=2)[0]],
}
