"""Sample calls of NumPy's functions that make, join, cut, turn, choose and write arrays, by name."""

import numpy as np

_NEWER = np.lib.NumpyVersion(np.__version__) >= "2.3.0"
_NEW = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


def _written(write, *like):
    """The array that a function has written into."""

    def call(target, *args):
        copy = target.copy()
        write(copy, *args)
        return copy

    return call


DIFFERENTIABLE = {
    # ------------------------------------------------------------------------------------------------------- making
    "array": [
        *(lambda x: np.array(x), lambda s: np.array([s, 2 * s, 1.0]), lambda s, v: np.array([[v[0], s], [s, v[1]]])),
        *(lambda v: np.array([v, v * v]), lambda v: np.array((v[0], v[1]), dtype=np.float32)),
        *(lambda x: np.array(x, copy=True), lambda v: np.array(v, ndmin=3), lambda x: np.array(x, order="F")),
        *(lambda x: np.array(x, dtype=complex), lambda x: np.array(x, subok=True), lambda v: np.array([v[0], 1, True])),
        *(lambda x: np.array(object=x), lambda r: np.array(list(r)), lambda zs: np.array([zs, 1])),
    ],
    "asarray": [
        *(lambda x: np.asarray(x), lambda s: np.asarray([s, 2.0]), lambda s: np.asarray(s)),
        *(lambda x: np.asarray(x, dtype=np.float32), lambda v: np.asarray((v, v)), lambda x: np.asarray(x, order="C")),
        *(lambda x: np.asarray(x, copy=True), lambda x: np.asarray(a=x), lambda x: np.asarray(x, copy=None)),
    ],
    "asanyarray": [
        *(lambda x: np.asanyarray(x), lambda s: np.asanyarray([s, 2.0]), lambda s: np.asanyarray(s)),
        *(lambda x: np.asanyarray(x, dtype=np.float32), lambda x: np.asanyarray(x, order="C")),
        *((lambda x: np.asanyarray(x, copy=True),) if _NEW else ()),
    ],
    "ascontiguousarray": [
        *(lambda x: np.ascontiguousarray(x), lambda x: np.ascontiguousarray(x.T), lambda s: np.ascontiguousarray(s)),
        *(lambda f: np.ascontiguousarray(f, dtype=np.float32),),
    ],
    "asfortranarray": [
        *(lambda x: np.asfortranarray(x), lambda f: np.asfortranarray(f), lambda s: np.asfortranarray(s)),
        *(lambda x: np.asfortranarray(x, dtype=np.float32),),
    ],
    "asarray_chkfinite": [
        *(lambda x: np.asarray_chkfinite(x), lambda x: np.asarray_chkfinite(x, dtype=np.float32)),
        *(lambda x: np.asarray_chkfinite(x, order="C"), lambda s: np.asarray_chkfinite([s, 1.0])),
    ],
    "require": [
        *(lambda x: np.require(x), lambda x: np.require(x, np.float32), lambda x: np.require(x, requirements=["C"])),
        *(lambda x: np.require(x.T, dtype=float, requirements="F"),),
    ],
    "copy": [lambda x: np.copy(x), lambda s: np.copy(s), lambda f: np.copy(f, order="K"), lambda x: np.copy(x, "C")]
    + [lambda x: np.copy(x, order="F"), lambda x: np.copy(x, subok=True), lambda x: np.copy(x.T, order="A")],
    "full": [
        *(lambda s: np.full(3, s), lambda s: np.full((2, 3), s), lambda r: np.full((3, 4), r)),
        *(lambda s: np.full((2,), s, dtype=np.float32), lambda s: np.full((2, 2), fill_value=s, order="C")),
        *(lambda s: np.full((2, 2), s, order="F"),),
    ],
    "full_like": [
        *(lambda x, s: np.full_like(x, s), lambda x, r: np.full_like(x, r), lambda s: np.full_like(np.zeros(3), s)),
        *(lambda x, s: np.full_like(x, s, dtype=np.float32), lambda x, s: np.full_like(x, s, shape=(2, 2))),
        *(lambda x, s: np.full_like(x, fill_value=s, order="C"), lambda x, s: np.full_like(x, s, subok=False)),
    ],
    "arange": [lambda s: np.arange(s + 1), lambda s: np.arange(0.1, s * 3, s), lambda s, x: np.arange(4) * s]
    + [lambda s: np.arange(s, 5.2), lambda s: np.arange(s, stop=5.2, step=0.8), lambda s: np.arange(s + 2, dtype=float)]
    + [lambda s: np.arange(start=s, stop=4.1)],
    "linspace": [
        *(lambda s: np.linspace(0, s, 5), lambda s: np.linspace(s, 4), lambda s: np.linspace(0, s, 5, endpoint=False)),
        *(lambda u, r: np.linspace(u, r, 3), lambda u, r: np.linspace(u, r, 3, axis=1), lambda s: np.linspace(s, 2, 1)),
        *(lambda s: np.linspace(0, s, num=4, retstep=True), lambda s: np.linspace(0, s, 4, dtype=np.float32)),
        *(
            lambda zs: np.linspace(0, zs, 4),
            lambda s: np.linspace(start=s, stop=3, num=3),
            lambda s: np.linspace(s, 0, 0),
        ),
    ],
    "logspace": [
        *(lambda s: np.logspace(0, s, 4), lambda s: np.logspace(s, 2, num=3, endpoint=False)),
        *(lambda s: np.logspace(0, s, 4, base=2.0), lambda s: np.logspace(0, 1, 4, base=s)),
        *(lambda s: np.logspace(0, s, 4, dtype=np.float32), lambda u, r: np.logspace(u, r, 3, axis=-1)),
    ],
    "geomspace": [
        *(lambda s: np.geomspace(1, s + 2, 4), lambda s: np.geomspace(s, 9.0, num=3), lambda g: np.geomspace(g, 4, 3)),
        *(lambda s: np.geomspace(1, s, 4, endpoint=False), lambda g: np.geomspace(g, 9, 3, axis=1)),
        *(lambda s: np.geomspace(1, s, 4, dtype=np.float32), lambda s: np.geomspace(-s, -8.0, 3)),
    ],
    "meshgrid": [
        *(lambda u, a3: np.meshgrid(u, a3), lambda u, a3: np.meshgrid(u, a3, indexing="ij"), lambda u: np.meshgrid(u)),
        *(lambda u, a3: np.meshgrid(u, a3, sparse=True), lambda u, a3, b2: np.meshgrid(u, a3, b2)),
        *(lambda u, a3: np.meshgrid(u, a3, copy=False), lambda u: np.meshgrid(u, np.arange(2.0))),
    ],
    "vander": [
        *(lambda v: np.vander(v), lambda v: np.vander(v, 3), lambda v: np.vander(v, N=4, increasing=True)),
        *(lambda v: np.vander(v, 1), lambda zv: np.vander(zv, 3)),
    ],
    "diag": [
        *(lambda v: np.diag(v), lambda A: np.diag(A), lambda v: np.diag(v, 1), lambda v: np.diag(v, k=-2)),
        *(lambda x: np.diag(x, 1), lambda x: np.diag(x, k=-1), lambda zv: np.diag(zv)),
    ],
    "diagflat": [lambda v: np.diagflat(v), lambda x: np.diagflat(x, 1), lambda v: np.diagflat(v, k=-1)]
    + [lambda s: np.diagflat(s)],
    "tril": [lambda A: np.tril(A), lambda A: np.tril(A, -1), lambda x: np.tril(x, k=1), lambda T: np.tril(T)]
    + [lambda Z: np.tril(Z)],
    "triu": [lambda A: np.triu(A), lambda A: np.triu(A, -1), lambda x: np.triu(x, k=1), lambda T: np.triu(T)]
    + [lambda Z: np.triu(Z)],
    "fromfunction": [
        *(lambda s: np.fromfunction(lambda i, j: i * s + j, (3, 4)),),
        *(
            lambda s: np.fromfunction(lambda i: i + s, (3,), dtype=int),
            lambda v: np.fromfunction(lambda i: v[i], (4,), dtype=int),
        ),
    ],
    "fromiter": [lambda v: np.fromiter((e * e for e in v), float), lambda v: np.fromiter(v, dtype=float, count=4)],
    "r_": [
        lambda v, w: np.r_[v, w],
        lambda v: np.r_[v, 1.0, 2.0],
        lambda s: np.r_[s, 0:3],
        lambda x, y: np.r_["1", x, y],
    ],
    "c_": [lambda v, w: np.c_[v, w], lambda x, y: np.c_[x, y], lambda v: np.c_[v, np.ones(6)]],
    # ------------------------------------------------------------------------------------------------------ joining
    "concatenate": [
        *(lambda x, y: np.concatenate([x, y]), lambda x, y: np.concatenate((x, y), axis=1)),
        *(lambda x, y: np.concatenate([x, y], axis=None), lambda x: np.concatenate([x, np.ones((2, 4))])),
        *(lambda x, y: np.concatenate([x, y], dtype=np.float32), lambda x, y: np.concatenate([x, y], axis=-1)),
        *(lambda x, y: np.concatenate([x, y], out=np.zeros((6, 4))), lambda x, z: np.concatenate([x, z])),
        *(lambda x, y: np.concatenate([x, y], dtype=np.float32, casting="same_kind"), lambda T: np.concatenate(T)),
    ],
    "stack": [
        *(lambda x, y: np.stack([x, y]), lambda x, y: np.stack((x, y), axis=1), lambda x, y: np.stack([x, y], axis=-1)),
        *(lambda s, v: np.stack([s, v[0], 2.0]), lambda x, y: np.stack([x, y], out=np.zeros((2, 3, 4)))),
        *(lambda x, y: np.stack([x, y], dtype=np.float32), lambda x, z: np.stack([x, z])),
        *(lambda x, y: np.stack([x, y], dtype=np.float32, casting="same_kind"), lambda x: np.stack(list(x))),
    ],
    "vstack": [lambda v, w: np.vstack([v, w]), lambda x, y: np.vstack((x, y)), lambda x, r: np.vstack([x, r])]
    + [
        lambda x, y: np.vstack((x, y), dtype=np.float32),
        lambda x, y: np.vstack((x, y), dtype="f4", casting="same_kind"),
    ],
    "hstack": [lambda v, w: np.hstack([v, w]), lambda x, y: np.hstack((x, y)), lambda x, c: np.hstack([x, c])]
    + [
        lambda x, y: np.hstack((x, y), dtype=np.float32),
        lambda x, y: np.hstack((x, y), dtype="f4", casting="same_kind"),
    ]
    + [lambda s, v: np.hstack([s, v])],
    "dstack": [lambda v, w: np.dstack([v, w]), lambda x, y: np.dstack((x, y)), lambda T, U: np.dstack([T, U])],
    "column_stack": [lambda v, w: np.column_stack([v, w]), lambda x, y: np.column_stack((x, y))]
    + [lambda a3, x: np.column_stack([a3, x])],
    "append": [
        *(lambda v, w: np.append(v, w), lambda x, y: np.append(x, y), lambda x, y: np.append(x, y, axis=1)),
        *(lambda v: np.append(v, 3.0), lambda v, s: np.append(v, [s, 1.0]), lambda x, y: np.append(x, y, 0)),
    ],
    "block": [
        *(lambda A, B: np.block([[A, B], [B, A]]), lambda v, w: np.block([v, w]), lambda x, c: np.block([x, c])),
        *(
            lambda A, B: np.block([[A], [B]]),
            lambda A: np.block([[A, np.eye(3)], [np.zeros((2, 6))]]),
            lambda s: np.block(s),
        ),
    ],
    "insert": [
        *(lambda v: np.insert(v, 2, 7.0), lambda v, s: np.insert(v, 2, s), lambda x, r: np.insert(x, 1, r, axis=0)),
        *(
            lambda v: np.insert(v, [1, 3], 0.5),
            lambda x, a3: np.insert(x, 2, a3, axis=1),
            lambda v, w: np.insert(v, 2, w),
        ),
        *(lambda x: np.insert(x, 1, 5.0), lambda v: np.insert(v, -1, 5.0), lambda v: np.insert(v, slice(1, 3), 5.0)),
    ],
    "delete": [
        *(lambda v: np.delete(v, 2), lambda v: np.delete(v, [1, 3]), lambda x: np.delete(x, 1, axis=0)),
        *(lambda x: np.delete(x, [0, 2], 1), lambda x: np.delete(x, 5), lambda v: np.delete(v, slice(1, 4))),
        *(lambda v: np.delete(v, -1), lambda v, mv: np.delete(v, mv)),
    ],
    "pad": [
        *(lambda v: np.pad(v, 2), lambda x: np.pad(x, 1), lambda x: np.pad(x, ((1, 2), (0, 3)))),
        *(lambda v: np.pad(v, (1, 2), "constant", constant_values=3.0), lambda v: np.pad(v, (2, 3), mode="edge")),
        *(
            lambda v, s: np.pad(v, 2, constant_values=s),
            lambda x: np.pad(x, 2, "reflect"),
            lambda v: np.pad(v, 4, "wrap"),
        ),
        *(lambda v: np.pad(v, 2, "symmetric"), lambda v: np.pad(v, 2, "linear_ramp", end_values=(1.0, -1.0))),
        *(
            lambda x: np.pad(x, 1, "mean"),
            lambda x: np.pad(x, 1, "maximum"),
            lambda x: np.pad(x, 1, "minimum", stat_length=2),
        ),
        *(lambda v: np.pad(v, 2, "median"), lambda v: np.pad(v, 2, "empty")[2:-2], lambda v: np.pad(v, (0, 2))),
        *(
            lambda v: np.pad(v, 9, "reflect"),
            lambda v: np.pad(v, 2, "reflect", reflect_type="odd"),
            lambda z: np.pad(z, 1),
        ),
    ],
    "tile": [
        lambda v: np.tile(v, 3),
        lambda x: np.tile(x, (2, 1)),
        lambda v: np.tile(v, (2, 2)),
        lambda x: np.tile(x, 2),
    ]
    + [lambda s: np.tile(s, 3), lambda x: np.tile(x, reps=(2, 1, 1))],
    "repeat": [
        *(lambda v: np.repeat(v, 2), lambda x: np.repeat(x, 2, axis=0), lambda x: np.repeat(x, [1, 0, 2], axis=0)),
        *(lambda x: np.repeat(x, 3, axis=-1), lambda x: np.repeat(x, repeats=2), lambda s: np.repeat(s, 4)),
    ],
    "resize": [lambda v: np.resize(v, (2, 5)), lambda x: np.resize(x, 5), lambda x: np.resize(x, (4, 4))],
    # ------------------------------------------------------------------------------------------------------ cutting
    "split": [lambda v: np.split(v, 3), lambda x: np.split(x, [1, 3], axis=1), lambda v: np.split(v, [2])]
    + [lambda x: np.split(x, 2, axis=1)],
    "array_split": [
        lambda v: np.array_split(v, 4),
        lambda x: np.array_split(x, 2),
        lambda x: np.array_split(x, 3, axis=1),
    ]
    + [lambda x: np.array_split(x, [1], 0)],
    "hsplit": [lambda x: np.hsplit(x, 2), lambda v: np.hsplit(v, [2, 4])],
    "vsplit": [lambda x: np.vsplit(x, 3), lambda x: np.vsplit(x, [1])],
    "dsplit": [lambda T: np.dsplit(T, 2), lambda T: np.dsplit(T, [1, 3])],
    "unstack": [lambda x: np.unstack(x), lambda x: np.unstack(x, axis=1), lambda T: np.unstack(T, axis=-1)],
    "ediff1d": [
        *(lambda v: np.ediff1d(v), lambda v: np.ediff1d(v, to_begin=1.0), lambda v: np.ediff1d(v, to_end=[2.0, 3.0])),
        *(lambda x, s: np.ediff1d(x, s, s * s),),
    ],
    # ------------------------------------------------------------------------------------------------------ turning
    "reshape": [
        *(lambda x: np.reshape(x, (4, 3)), lambda x: np.reshape(x, -1), lambda x: np.reshape(x, (2, -1), order="F")),
        *(
            lambda f: np.reshape(f, 12, order="A"),
            lambda s: np.reshape(s, (1, 1)),
            lambda x: np.reshape(x, (2, 6), "C"),
        ),
        *((lambda x: np.reshape(x, 12, copy=True), lambda x: np.reshape(x, shape=(2, 6))) if _NEW else ()),
    ],
    "ravel": [
        lambda x: np.ravel(x),
        lambda x: np.ravel(x, "F"),
        lambda f: np.ravel(f, order="A"),
        lambda s: np.ravel(s),
    ]
    + [lambda f: np.ravel(f, order="K")],
    "transpose": [lambda x: np.transpose(x), lambda T: np.transpose(T, (1, 2, 0)), lambda v: np.transpose(v)]
    + [lambda T: np.transpose(T, axes=(0, -1, 1)), lambda T: np.transpose(T, [2, 0, 1])],
    "permute_dims": [lambda x: np.permute_dims(x), lambda T: np.permute_dims(T, axes=(2, 0, 1))],
    "matrix_transpose": [lambda x: np.matrix_transpose(x), lambda T: np.matrix_transpose(T)],
    "swapaxes": [lambda x: np.swapaxes(x, 0, 1), lambda T: np.swapaxes(T, axis1=-1, axis2=0)],
    "moveaxis": [lambda T: np.moveaxis(T, 0, -1), lambda T: np.moveaxis(T, source=(0, 1), destination=(-1, 0))],
    "rollaxis": [
        lambda T: np.rollaxis(T, 2),
        lambda T: np.rollaxis(T, axis=0, start=3),
        lambda T: np.rollaxis(T, 1, 1),
    ],
    "expand_dims": [
        lambda x: np.expand_dims(x, 0),
        lambda x: np.expand_dims(x, axis=(0, -1)),
        lambda s: np.expand_dims(s, 0),
    ],
    "squeeze": [
        lambda c: np.squeeze(c),
        lambda c: np.squeeze(c, axis=1),
        lambda l: np.squeeze(l),
        lambda x: np.squeeze(x),
    ],
    "atleast_1d": [lambda s: np.atleast_1d(s), lambda v, s: np.atleast_1d(v, s), lambda x: np.atleast_1d(x)],
    "atleast_2d": [lambda s: np.atleast_2d(s), lambda v, s: np.atleast_2d(v, s), lambda x: np.atleast_2d(x)],
    "atleast_3d": [lambda s: np.atleast_3d(s), lambda v, x: np.atleast_3d(v, x), lambda T: np.atleast_3d(T)],
    "broadcast_to": [lambda r: np.broadcast_to(r, (3, 4)), lambda s: np.broadcast_to(s, (2, 2))]
    + [lambda c: np.broadcast_to(c, shape=(3, 4), subok=True), lambda s: np.broadcast_to(s, 3)],
    "broadcast_arrays": [lambda c, r: np.broadcast_arrays(c, r), lambda x, s: np.broadcast_arrays(x, s, subok=True)],
    "flip": [lambda x: np.flip(x), lambda x: np.flip(x, 0), lambda x: np.flip(x, axis=(0, 1)), lambda v: np.flip(v)],
    "fliplr": [lambda x: np.fliplr(x), lambda T: np.fliplr(T)],
    "flipud": [lambda x: np.flipud(x), lambda v: np.flipud(v)],
    "rot90": [
        lambda x: np.rot90(x),
        lambda x: np.rot90(x, 2),
        lambda T: np.rot90(T, k=3, axes=(1, 2)),
        lambda x: np.rot90(x, -1),
    ],
    "roll": [
        *(lambda v: np.roll(v, 2), lambda x: np.roll(x, 1), lambda x: np.roll(x, -1, axis=0), lambda e: np.roll(e, 2)),
        *(lambda x: np.roll(x, (1, 2), axis=(0, 1)), lambda x: np.roll(x, shift=1, axis=-1)),
    ],
    "astype": [
        lambda x: np.astype(x, np.float32),
        lambda x: np.astype(x, complex),
        lambda z: np.astype(z, np.complex64),
    ]
    + [lambda x: np.astype(x, float, copy=True)],
    # ------------------------------------------------------------------------------------------------------ choosing
    "diagonal": [
        *(lambda A: np.diagonal(A), lambda x: np.diagonal(x, 1), lambda x: np.diagonal(x, offset=-1)),
        *(lambda T: np.diagonal(T, 0, 1, 2), lambda T: np.diagonal(T, axis1=-1, axis2=0)),
    ],
    "where": [
        *(lambda x, y, m: np.where(m, x, y), lambda x: np.where(x > 0, x, 0), lambda x, r, m: np.where(m, x, r)),
        *(
            lambda s, m: np.where(m, s, 1.0),
            lambda x: np.where(x > 0, np.sqrt(np.abs(x)), x * x),
            lambda z, m: np.where(m, z, 1j),
        ),
        *(lambda x: np.where(x > 0, x, np.zeros_like(x)), lambda x: x[np.where(np.array([True, False, True]))]),
    ],
    "select": [
        *(lambda x: np.select([x > 1, x > 0], [x, x * x]), lambda x, y: np.select([x > 1, x > 0], [x, y], default=0.5)),
        *(lambda x, s: np.select([x > 1], [x], s), lambda x, m: np.select(condlist=[m], choicelist=[x])),
    ],
    "choose": [
        *(lambda x, y, m: np.choose(m.astype(int), [x, y]), lambda r, u: np.choose(np.array([0, 1, 1, 0]), [r, u])),
        *(lambda x, y, n: np.choose(n, [x, y], mode="clip"), lambda x, y, n: np.choose(n, (x, y), mode="wrap")),
        *(lambda x, y, m: np.choose(m.astype(int), [x, y], out=np.zeros((3, 4))),),
    ],
    "piecewise": [
        *(lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda x: -x, lambda x: x * x]),),
        *(
            lambda x: np.piecewise(x, [x < 0], [1.0, lambda x: 3 * x]),
            lambda r: np.piecewise(r, r > 0, [lambda x, k: x * k, 0], 2),
        ),
        *(lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda x, k: -x * k, lambda x, k: x + k], k=0.3),),
    ],
    "take": [
        *(lambda v, i: np.take(v, i), lambda x: np.take(x, [0, 2], axis=1), lambda x: np.take(x, 5)),
        *(lambda v: np.take(v, [[0, 1], [1, 7]], mode="wrap"), lambda v: np.take(v, [-3, 9], mode="clip")),
        *(
            lambda x, j: np.take(x, j, axis=0, out=np.zeros_like(x), mode="clip"),
            lambda x: np.take(x, indices=1, axis=-1),
        ),
    ],
    "take_along_axis": [
        *(lambda x, k: np.take_along_axis(x, k, axis=1), lambda x: np.take_along_axis(x, np.argsort(x, axis=0), 0)),
        *(
            lambda x: np.take_along_axis(x, np.array([3, 5]), None),
            lambda x, k: np.take_along_axis(arr=x, indices=k, axis=-1),
        ),
    ],
    "compress": [
        *(lambda v, mv: np.compress(mv, v), lambda x: np.compress([True, False, True], x, axis=0)),
        *(lambda x: np.compress([0, 1, 1], x), lambda x: np.compress([0, 1], x, axis=1, out=np.zeros((3, 1), x.dtype))),
    ],
    "extract": [lambda x, m: np.extract(m, x), lambda v: np.extract(np.arange(6) % 2 == 0, v)],
    "trim_zeros": [
        lambda x: np.trim_zeros(x * np.array([0, 1, 1, 0]), axis=1) if _NEW else x,
        lambda v: np.trim_zeros(v * np.array([0, 1, 1, 0, 1, 0])),
    ]
    + [lambda v: np.trim_zeros(v * np.array([0, 1, 1, 0, 1, 0]), trim="f")],
    "unique": [
        *(lambda v: np.unique(v), lambda x: np.unique(x), lambda v: np.unique(v[[0, 1, 0, 2]])),
        *(lambda v: np.unique(v, return_index=True), lambda v: np.unique(v, return_inverse=True)),
        *(
            lambda v: np.unique(v, return_counts=True),
            lambda x: np.unique(x, axis=0),
            lambda v: np.unique(v, equal_nan=False),
        ),
        *((lambda v: np.unique(v, sorted=True),) if _NEWER else ()),
    ],
    "unique_values": [lambda v: np.sort(np.unique_values(v))],
    "unique_all": [lambda v: np.unique_all(v)],
    "unique_counts": [lambda v: np.unique_counts(v)],
    "unique_inverse": [lambda v: np.unique_inverse(v)],
    "union1d": [lambda v, w: np.union1d(v, w), lambda x, v: np.union1d(x, v)],
    "intersect1d": [
        *(lambda v: np.intersect1d(v, v[1:4]), lambda v: np.intersect1d(v, v[2:], assume_unique=True)),
        *(lambda v: np.intersect1d(v, v[1:4], return_indices=True),),
    ],
    "setdiff1d": [lambda v: np.setdiff1d(v, v[1:3]), lambda v: np.setdiff1d(v, v[1:3], assume_unique=True)],
    "setxor1d": [lambda v: np.setxor1d(v, v[1:3]), lambda v: np.setxor1d(v, v[1:3], assume_unique=True)],
    # ------------------------------------------------------------------------------------------------------- writing
    "copyto": [
        *(lambda x, y: _written(np.copyto)(x, y), lambda x, r: _written(np.copyto)(x, r)),
        *(lambda x, y, m: _written(lambda a, b: np.copyto(a, b, where=m))(x, y),),
        *(lambda x: _written(lambda a: np.copyto(a, 3.0))(x),),
        *(lambda x, y: _written(lambda a, b: np.copyto(a, b, casting="no"))(x, y),),
    ],
    "put": [
        *(lambda x, r: _written(lambda a, b: np.put(a, [0, 5, 7, 3], b))(x, r),),
        *(lambda v: _written(lambda a: np.put(a, [1, 2], [3.0, 4.0]))(v),),
        *(lambda v, a2: _written(lambda a, b: np.put(a, [1, 9], b, mode="wrap"))(v, a2),),
    ],
    "place": [lambda x, m, v: _written(lambda a, b: np.place(a, m, b))(x, v)],
    "putmask": [
        *(lambda x, y, m: _written(lambda a, b: np.putmask(a, m, b))(x, y),),
        *(
            lambda x, m: _written(lambda a: np.putmask(a, m, 2.0))(x),
            lambda x, m, a3: _written(lambda a, b: np.putmask(a, m, b))(x, a3),
        ),
    ],
    "put_along_axis": [
        *(lambda x, k, y: _written(lambda a, b: np.put_along_axis(a, k[:, :1], b[:, :1], axis=1))(x, y),),
        *(lambda x: _written(lambda a: np.put_along_axis(a, np.array([[1], [0], [2]]), 9.0, 1))(x),),
    ],
    "fill_diagonal": [
        *(lambda A: _written(lambda a: np.fill_diagonal(a, 2.0))(A), lambda A, s: _written(np.fill_diagonal)(A, s)),
        *(
            lambda A, a3: _written(np.fill_diagonal)(A, a3),
            lambda D: _written(lambda a: np.fill_diagonal(a, 1.0, wrap=True))(D),
        ),
    ],
    # ------------------------------------------------------------------------------------------------------ applying
    "apply_along_axis": [
        *(lambda x: np.apply_along_axis(lambda r: r * np.sum(r), 1, x), lambda x: np.apply_along_axis(np.sum, 0, x)),
        *(
            lambda T: np.apply_along_axis(lambda r: r[::-1], -1, T),
            lambda x: np.apply_along_axis(lambda r, k: r.max() * k, 0, x, 2.0),
        ),
    ],
    "apply_over_axes": [lambda T: np.apply_over_axes(np.sum, T, [0, 2]), lambda x: np.apply_over_axes(np.mean, x, 1)],
    "vectorize": [lambda v: np.vectorize(lambda e: e * e + 1)(v), lambda x, r: np.vectorize(lambda a, b: a * b)(x, r)],
    "ndenumerate": [lambda x: sum(i * j * e * e for (i, j), e in np.ndenumerate(x))],
    "nditer": [lambda x: sum(e * e for e in np.nditer(x))],
}
for _old, _new in (("concat", "concatenate"), ("row_stack", "vstack")):
    if hasattr(np, _old):
        DIFFERENTIABLE[_old] = [
            lambda x, y, f=getattr(np, _old): f([x, y]),
            lambda v, w, f=getattr(np, _old): f((v, w)),
        ]
DIFFERENTIABLE.setdefault("concat", []).extend(
    [
        *(lambda x, y: np.concat([x, y], axis=1), lambda x, y: np.concat([x, y], out=np.zeros((6, 4)))),
        lambda x, y: np.concat([x, y], dtype=np.float32, casting="same_kind"),
    ]
)
DIFFERENTIABLE.setdefault("row_stack", []).append(lambda x, y: np.row_stack([x, y], dtype="f4", casting="same_kind"))
