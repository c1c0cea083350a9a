"""Sample calls of the methods and attributes of arrays and of the methods of ufuncs, by name."""

import numpy as np

_NEW = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


def _written(write):
    def call(target, *args):
        copy = target.copy()
        write(copy, *args)
        return copy

    return call


def _set(name):
    def write(x, y):
        setattr(x, name, y)

    return write


_REDUCING = {
    "sum": [
        lambda x: x.sum(),
        lambda x: x.sum(0),
        lambda x, mr: x.sum(axis=0, where=mr, initial=2.0),
        lambda x: x.sum(dtype="f4"),
    ]
    + [lambda x: x.sum(axis=1, keepdims=True), lambda x: x.sum(axis=0, out=np.zeros(4)), lambda z: z.sum(1)],
    "prod": [
        lambda x: x.prod(),
        lambda x: x.prod(0),
        lambda x, mr: x.prod(axis=0, where=mr, initial=2.0),
        lambda x: x.prod(dtype="f4"),
    ]
    + [lambda x: x.prod(axis=1, keepdims=True), lambda x: x.prod(axis=0, out=np.zeros(4))],
    "mean": [
        lambda x: x.mean(),
        lambda x: x.mean(0),
        lambda x, m: x.mean(axis=1, where=m),
        lambda x: x.mean(dtype="f4"),
    ]
    + [lambda x: x.mean(axis=1, keepdims=True), lambda x: x.mean(axis=0, out=np.zeros(4)), lambda T: T.mean((0, 2))],
    "var": [
        lambda x: x.var(),
        lambda x: x.var(0, ddof=1),
        lambda x, m: x.var(axis=1, where=m),
        lambda x: x.var(dtype="f4"),
    ]
    + [lambda x: x.var(axis=1, keepdims=True), lambda x: x.var(axis=0, out=np.zeros(4)), lambda z: z.var()],
    "std": [
        lambda x: x.std(),
        lambda x: x.std(0, ddof=1),
        lambda x, m: x.std(axis=1, where=m),
        lambda x: x.std(dtype="f4"),
    ]
    + [lambda x: x.std(axis=1, keepdims=True), lambda x: x.std(axis=0, out=np.zeros(4))],
    "max": [
        lambda x: x.max(),
        lambda x: x.max(0),
        lambda x, mr: x.max(axis=0, where=mr, initial=-9.0),
        lambda x: x.max(1, keepdims=True),
    ]
    + [lambda x: x.max(axis=0, out=np.zeros(4))],
    "min": [
        lambda x: x.min(),
        lambda x: x.min(0),
        lambda x, mr: x.min(axis=0, where=mr, initial=9.0),
        lambda x: x.min(1, keepdims=True),
    ]
    + [lambda x: x.min(axis=0, out=np.zeros(4))],
    "cumsum": [
        lambda x: x.cumsum(),
        lambda x: x.cumsum(axis=1),
        lambda x: x.cumsum(0, dtype="f4"),
        lambda x: x.cumsum(0, out=np.zeros((3, 4))),
    ],
    "cumprod": [
        lambda x: x.cumprod(),
        lambda x: x.cumprod(axis=1),
        lambda x: x.cumprod(0, dtype="f4"),
        lambda x: x.cumprod(0, out=np.zeros((3, 4))),
    ],
    "trace": [
        lambda A: A.trace(),
        lambda T: T.trace(offset=1, axis1=1, axis2=2),
        lambda A: A.trace(dtype="f4"),
        lambda T: T.trace(out=np.zeros(4)),
    ],
    "dot": [
        lambda A, B: A.dot(B),
        lambda v, w: v.dot(w),
        lambda v: np.arange(6.0).dot(v),
        lambda A, B: A.dot(B, out=np.zeros_like(A)),
    ],
}

_SHAPING = {
    "reshape": [
        lambda x: x.reshape(4, 3),
        lambda x: x.reshape((2, -1), order="F"),
        lambda x: x.reshape(-1),
        lambda s: s.reshape(1),
    ]
    + ([lambda x: x.reshape(12, copy=True)] if _NEW else []),
    "ravel": [lambda x: x.ravel(), lambda x: x.ravel(order="F"), lambda f: f.ravel("K")],
    "flatten": [lambda x: x.flatten(), lambda x: x.flatten(order="F"), lambda f: f.flatten("A")],
    "transpose": [lambda x: x.transpose(), lambda T: T.transpose(1, 2, 0), lambda T: T.transpose((0, 2, 1))],
    "swapaxes": [lambda T: T.swapaxes(0, -1)],
    "squeeze": [lambda c: c.squeeze(), lambda c: c.squeeze(axis=1), lambda l: l.squeeze(0)],
    "diagonal": [lambda A: A.diagonal(), lambda T: T.diagonal(offset=1, axis1=1, axis2=2)],
    "repeat": [lambda v: v.repeat(2), lambda x: x.repeat([1, 0, 2], axis=0)],
    "take": [
        lambda v, i: v.take(i),
        lambda x: x.take([0, 2], axis=1, mode="wrap"),
        lambda x: x.take([0], out=np.zeros(1, x.dtype), mode="clip"),
    ],
    "compress": [lambda v, mv: v.compress(mv), lambda x: x.compress([True, False, True], axis=0)]
    + [lambda x: x.compress([0, 1], axis=1, out=np.zeros((3, 1), x.dtype))],
    "choose": [lambda x, y, m: m.astype(int).choose([x, y]), lambda n, x, y: n.choose([x, y], mode="wrap")]
    + [lambda x, y, m: m.astype(int).choose([x, y], out=np.zeros((3, 4)))],
    "clip": [
        lambda x: x.clip(-0.5, 0.5),
        lambda x: x.clip(min=0.1),
        lambda x: x.clip(max=0.2),
        lambda x: x.clip(-0.5, 0.5, out=np.zeros((3, 4))),
    ],
    "T": [lambda x: x.T, lambda T: T.T, lambda v: v.T, lambda s: s.T],
    "mT": [lambda x: x.mT, lambda T: T.mT],
    "flat": [lambda x: x.flat[3:7], lambda x: x.flat[2], lambda x, v: _written(lambda a, b: _set("flat")(a, b))(x, v)]
    + [lambda x: np.stack(list(x.flat))],
    "real": [lambda z: z.real, lambda x: x.real, lambda z, x: _written(_set("real"))(z, x), lambda zs: zs.real],
    "imag": [lambda z: z.imag, lambda z, x: _written(_set("imag"))(z, x), lambda zs: zs.imag],
    "copy": [lambda x: x.copy(), lambda f: f.copy(order="K"), lambda x: x.copy("F")],
    "astype": [lambda x: x.astype(np.float32), lambda x: x.astype(complex), lambda x: x.astype(float, copy=False)]
    + [lambda x: x.astype("f4", order="C", casting="same_kind", subok=True), lambda s: s.astype("f4")],
    "conj": [lambda z: z.conj(), lambda x: x.conj()],
    "conjugate": [lambda z: z.conjugate(), lambda x: x.conjugate()],
    "view": [
        lambda x: x.view(),
        lambda x: x.view(np.ndarray),
        lambda x: x.view(x.dtype),
        lambda x: x.view(type=np.ndarray),
    ],
    "sort": [lambda v: _written(lambda a: a.sort())(v), lambda x: _written(lambda a: a.sort(axis=0))(x)]
    + [lambda x: _written(lambda a: a.sort(kind="stable"))(x), lambda x: _written(lambda a: a.sort(stable=True))(x)],
    "partition": [
        lambda v: _written(lambda a: a.partition(2))(v)[2],
        lambda x: _written(lambda a: a.partition(1, axis=0))(x)[1],
    ],
    "item": [lambda x: x.item(3), lambda x: x.item(1, 2), lambda o: o.item(), lambda s: s.item()],
    "tolist": [lambda v: v.tolist(), lambda x: x.tolist()],
    "fill": [lambda x, s: _written(lambda a, b: a.fill(b))(x, s), lambda x: _written(lambda a: a[1].fill(2.0))(x)],
    "put": [
        lambda v, a2: _written(lambda a, b: a.put([1, 4], b))(v, a2),
        lambda v: _written(lambda a: a.put([1, 9], [5.0], mode="clip"))(v),
    ],
}

_UFUNC = {
    "reduce": [
        *(
            lambda x: np.add.reduce(x),
            lambda x: np.add.reduce(x, axis=None),
            lambda x: np.add.reduce(x, 1, keepdims=True),
        ),
        *(
            lambda x: np.multiply.reduce(x, axis=1),
            lambda T: np.multiply.reduce(T, axis=(0, 2)),
            lambda x: np.maximum.reduce(x),
        ),
        *(lambda x: np.minimum.reduce(x, axis=1, initial=0.1), lambda x, mr: np.add.reduce(x, where=mr, initial=3.0)),
        *(
            lambda x: np.add.reduce(x, dtype="f4"),
            lambda x: np.add.reduce(x, out=np.zeros(4)),
            lambda x: np.fmax.reduce(x),
        ),
        *(lambda x: np.logaddexp.reduce(x), lambda x: np.hypot.reduce(x, axis=1), lambda x: np.subtract.reduce(x)),
        *(
            lambda g: np.divide.reduce(g),
            lambda x: np.fmin.reduce(x, axis=1),
            lambda z: np.add.reduce(z),
            lambda g: np.power.reduce(g[:2]),
        ),
        *(lambda x: np.logaddexp2.reduce(x, axis=1), lambda x: np.arctan2.reduce(x)),
    ],
    "accumulate": [
        *(
            lambda x: np.add.accumulate(x),
            lambda x: np.add.accumulate(x, axis=1),
            lambda x: np.multiply.accumulate(x, 1),
        ),
        *(
            lambda x: np.maximum.accumulate(x),
            lambda x: np.minimum.accumulate(x, axis=-1),
            lambda x: np.add.accumulate(x, dtype="f4"),
        ),
        *(
            lambda x: np.add.accumulate(x, out=np.zeros((3, 4))),
            lambda x: np.logaddexp.accumulate(x),
            lambda x: np.subtract.accumulate(x),
        ),
        *(
            lambda g: np.divide.accumulate(g),
            lambda x: np.hypot.accumulate(x, axis=1),
            lambda z: np.multiply.accumulate(z),
        ),
    ],
    "reduceat": [
        *(
            lambda v: np.add.reduceat(v, [0, 2, 4]),
            lambda v: np.add.reduceat(v, [3, 1, 5]),
            lambda x: np.add.reduceat(x, [0, 2], axis=1),
        ),
        *(
            lambda v: np.multiply.reduceat(v, [0, 3]),
            lambda v: np.maximum.reduceat(v, [0, 3]),
            lambda v: np.add.reduceat(v, [0, 3], dtype="f4"),
        ),
        *(lambda v: np.add.reduceat(v, [0, 3], out=np.zeros(2)), lambda v, i: np.add.reduceat(v, i)),
    ],
    "outer": [
        *(
            lambda v, u: np.add.outer(v, u),
            lambda v, u: np.multiply.outer(v, u),
            lambda x, a2: np.subtract.outer(x, a2),
        ),
        *(
            lambda g, p: np.power.outer(g[0], p[0]),
            lambda v, u: np.maximum.outer(v, u),
            lambda s, v: np.multiply.outer(s, v),
        ),
        *(
            lambda g, u: np.divide.outer(u, g),
            lambda zv, u: np.multiply.outer(zv, u),
            lambda v, u: np.hypot.outer(v, u),
        ),
        *(lambda v, u: np.add.outer(v, u, out=np.zeros((6, 4))), lambda v, u: np.add.outer(v, u, dtype="f4")),
    ],
    "at": [
        *(
            lambda v, a3: _written(lambda a, b: np.add.at(a, [0, 2, 2], b))(v, a3),
            lambda v: _written(lambda a: np.add.at(a, [1, 1], 2.0))(v),
        ),
        *(
            lambda v, a3: _written(lambda a, b: np.subtract.at(a, [0, 2, 2], b))(v, a3),
            lambda v: _written(lambda a: np.negative.at(a, [0, 1]))(v),
        ),
        *(
            lambda v, a3: _written(lambda a, b: np.multiply.at(a, [0, 2, 4], b))(v, a3),
            lambda v: _written(lambda a: np.exp.at(a, [0, 3]))(v),
        ),
        *(
            lambda v, a3: _written(lambda a, b: np.maximum.at(a, [0, 2, 2], b))(v, a3),
            lambda x, r: _written(lambda a, b: np.add.at(a, 1, b))(x, r),
        ),
        *(
            lambda x, a2: _written(lambda a, b: np.add.at(a, ([0, 1], [2, 2]), b))(x, a2),
            lambda v, a2: _written(lambda a, b: np.multiply.at(a, [1, 1], b))(v, a2),
        ),
        *(lambda g, a2: _written(lambda a, b: np.divide.at(a, (0, [1, 2]), b))(g, a2),),
    ],
}

_OPERATORS = {
    "__add__": [lambda x, y: x + y, lambda x: 1 + x, lambda x: x + np.ones(4), lambda x, s: s + x],
    "__sub__": [lambda x, y: x - y, lambda x: 1 - x, lambda r, c: r - c],
    "__mul__": [lambda x, y: x * y, lambda x: 2 * x, lambda z, x: z * x],
    "__truediv__": [lambda x, g: x / g, lambda g: 1 / g, lambda z, g: z / g],
    "__pow__": [lambda g, p: g**p, lambda x: x**2, lambda g: 2**g, lambda g: g**-1.5, lambda x: x**3, lambda z: z**2],
    "__mod__": [lambda g: g % 0.7, lambda g: 3 % g],
    "__divmod__": [lambda g: divmod(g, 0.7)],
    "__matmul__": [lambda A, B: A @ B, lambda A, a3: A @ a3, lambda a3, A: np.ones(3) @ A, lambda N, A: N @ A],
    "__neg__": [lambda x: -x],
    "__pos__": [lambda x: +x],
    "__abs__": [lambda x: abs(x), lambda z: abs(z)],
    "__getitem__": [
        *(
            lambda x: x[1],
            lambda x: x[1, 2],
            lambda x: x[..., 1:3],
            lambda x: x[::-1, None],
            lambda x, j: x[j],
            lambda x, m: x[m],
        ),
        *(
            lambda x: x[[0, 0, 2], [1, 1, 3]],
            lambda x: x[x > 0],
            lambda o: o[()],
            lambda x: x[:, [0, 0]],
            lambda T: T[1, ..., [0, 3]],
        ),
    ],
    "__setitem__": [
        *(
            lambda x, r: _written(lambda a, b: a.__setitem__(1, b))(x, r),
            lambda x, s: _written(lambda a, b: a.__setitem__((0, 1), b))(x, s),
        ),
        *(
            lambda x, m: _written(lambda a: a.__setitem__(m, 0.0))(x),
            lambda x, y: _written(lambda a, b: a.__setitem__(slice(None), b))(x, y),
        ),
    ],
    **{
        name: [lambda x, g, f=name: _written(lambda a, b: getattr(a, f)(b))(x, g)]
        for name in ("__iadd__", "__isub__", "__imul__", "__itruediv__")
    },
    "__iter__": [lambda x: sum(r * r for r in x), lambda v: sum([e * e for e in v])],
}

DIFFERENTIABLE = {
    **{f"ndarray.{name}": calls for name, calls in {**_REDUCING, **_SHAPING, **_OPERATORS}.items()},
    **{f"ufunc.{name}": calls for name, calls in _UFUNC.items()},
}
PLAIN = {
    "ndarray.argmax": [
        lambda x: x.argmax(),
        lambda x: x.argmax(axis=1, keepdims=True),
        lambda x: x.argmax(0, out=np.zeros(4, int)),
    ],
    "ndarray.argmin": [
        lambda x: x.argmin(),
        lambda x: x.argmin(axis=1, keepdims=True),
        lambda x: x.argmin(0, out=np.zeros(4, int)),
    ],
    "ndarray.argsort": [
        lambda x: x.argsort(),
        lambda x: x.argsort(axis=0),
        lambda x: x.argsort(kind="stable"),
        lambda x: x.argsort(stable=True),
    ],
    "ndarray.argpartition": [lambda v: v.argpartition(2)[2], lambda x: x.argpartition(1, axis=0)[1]],
    "ndarray.searchsorted": [
        lambda t, v: t.searchsorted(v),
        lambda t, v: t.searchsorted(v, side="right"),
        lambda t, v: np.arange(5.0).searchsorted(v),
    ]
    + [lambda v, w: v.searchsorted(w, sorter=v.argsort())],
    "ndarray.nonzero": [lambda x: (x > 0).nonzero(), lambda x: x.nonzero()],
    "ndarray.any": [
        lambda x: (x > 0).any(),
        lambda x: (x > 0).any(axis=1, keepdims=True),
        lambda x, m: x.any(where=m),
        lambda x: x.any(0, out=np.zeros(4, bool)),
    ],
    "ndarray.all": [
        lambda x: (x > 0).all(),
        lambda x: (x > 0).all(axis=1, keepdims=True),
        lambda x, m: x.all(where=m),
        lambda x: x.all(0, out=np.zeros(4, bool)),
    ],
    "ndarray.round": [lambda x: x.round(), lambda x: x.round(2), lambda x: x.round(decimals=1, out=np.zeros((3, 4)))],
    "ndarray.shape": [lambda x: x.shape],
    "ndarray.ndim": [lambda x: x.ndim],
    "ndarray.size": [lambda x: x.size],
    "ndarray.dtype": [lambda x: x.dtype == float],
    "ndarray.itemsize": [lambda x: x.itemsize],
    "ndarray.nbytes": [lambda x: x.nbytes],
    "ndarray.flags": [
        lambda x: x.flags.c_contiguous,
        lambda x: x.flags["C_CONTIGUOUS"],
        lambda x: x.T.flags.f_contiguous,
    ],
    "ndarray.device": [lambda x: x.device == "cpu"],
    "ndarray.__len__": [lambda x: len(x), lambda v: len(v)],
    "ndarray.__bool__": [lambda s: bool(s), lambda x: bool(x[0, 0] > 0)],
    "ndarray.__contains__": [lambda x: 3.0 in x],
    "ndarray.__floordiv__": [lambda x: x // 0.3, lambda g: 4 // g],
    **{
        f"ndarray.{name}": [lambda x, y, f=name: getattr(x, f)(y), lambda x, f=name: getattr(x, f)(0.1)]
        for name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__")
    },
}
