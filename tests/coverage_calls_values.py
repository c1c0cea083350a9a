"""Sample calls of NumPy's functions that reduce, multiply, sort, interpolate and fit, by name."""

import numpy as np

_NEW = np.lib.NumpyVersion(np.__version__) >= "2.1.0"
_KNOTS = np.array([-3.0, -1.0, 0.5, 2.0])


def _reduction(f, initial=True, dtype=True, where=True, complex_too=True):
    calls = [
        *(lambda x: f(x), lambda x: f(x, axis=0), lambda x: f(x, 1), lambda x: f(x, axis=-1, keepdims=True)),
        *(lambda T: f(T, axis=(0, 2)), lambda T: f(T, axis=(0, -1), keepdims=True), lambda s: f(s), lambda o: f(o)),
        *(lambda x: f(x, axis=0, out=np.zeros(4)), lambda v: f([v[0], v[1], v[2]])),
    ]
    if initial:
        calls += [lambda x: f(x, initial=0.3), lambda x, s: f(x, axis=0, initial=s)]
        calls += [lambda x, m: f(x, axis=1, initial=0.7, where=m)]
    if dtype:
        calls += [lambda x: f(x, dtype=np.float32), lambda x: f(x, axis=0, dtype=complex)]
    if where:
        calls += [lambda x, mr: f(x, axis=1, where=mr, **({"initial": 0.1} if initial else {}))]
    if complex_too:
        calls += [lambda z: f(z), lambda z: f(z, axis=0)]
    return calls


def _spread(f):
    return [
        *(lambda x: f(x), lambda x: f(x, axis=0), lambda x: f(x, 1, ddof=1), lambda x: f(x, axis=-1, keepdims=True)),
        *(lambda T: f(T, axis=(0, 2)), lambda x, m: f(x, where=m), lambda z: f(z), lambda z: f(z, axis=0)),
        *(lambda x: f(x, axis=0, out=np.zeros(4)), lambda x: f(x, dtype=np.float32), lambda x: f(x, correction=1)),
        *(lambda x: f(x, axis=0, mean=np.mean(x, axis=0, keepdims=True)), lambda v: f([v[0], v[1], v[2]])),
    ]


def _quantile(f, q, several):
    return [
        *(
            lambda v: f(v, q),
            lambda x: f(x, q, axis=0),
            lambda x: f(x, several, axis=1),
            lambda x: f(x, q, keepdims=True),
        ),
        *(lambda x: f(x, several), lambda T: f(T, q, axis=(0, 2)), lambda v: f(v, q, method="lower")),
        *(lambda v: f(v, q, method="midpoint"), lambda v: f(v, q, method="hazen"), lambda v: f(v, q, method="nearest")),
        *(lambda v: f(v, q, method="median_unbiased"), lambda x: f(x, q, axis=0, out=np.zeros(4))),
        lambda v: f(v, several),
    ]


def _plain_args(f):
    return [lambda x: f(x), lambda x: f(x, axis=0), lambda x: f(x, 1), lambda v: f(v), lambda x: f(x, axis=None)]


DIFFERENTIABLE = {
    "sum": _reduction(np.sum),
    "prod": _reduction(np.prod),
    "mean": _reduction(np.mean, initial=False),
    "nansum": [*_reduction(np.nansum), lambda nx: np.nansum(nx, axis=0), lambda nx: np.nansum(nx)],
    "nanprod": [*_reduction(np.nanprod), lambda nx: np.nanprod(nx, axis=0)],
    "nanmean": [*_reduction(np.nanmean, initial=False), lambda nx: np.nanmean(nx, axis=1), lambda nx: np.nanmean(nx)],
    **{
        name: _reduction(getattr(np, name), dtype=False, complex_too=False)
        for name in ("max", "min", "amax", "amin", "nanmax", "nanmin")
    },
    "var": _spread(np.var),
    "std": _spread(np.std),
    "nanvar": [*_spread(np.nanvar), lambda nx: np.nanvar(nx, axis=0), lambda nx: np.nanvar(nx, ddof=1)],
    "nanstd": [*_spread(np.nanstd), lambda nx: np.nanstd(nx, axis=0), lambda nx: np.nanstd(nx, ddof=1)],
    "ptp": [lambda x: np.ptp(x), lambda x: np.ptp(x, axis=0), lambda x: np.ptp(x, 1, keepdims=True)]
    + [lambda x: np.ptp(x, axis=0, out=np.zeros(4))],
    "average": [
        *(lambda x: np.average(x), lambda x: np.average(x, axis=0), lambda x, p: np.average(x, weights=p)),
        *(lambda x, p: np.average(x, axis=1, weights=p[0]), lambda x, p: np.average(x, 0, p, returned=True)),
        *(lambda x: np.average(x, axis=1, keepdims=True), lambda x: np.average(x, weights=np.arange(12).reshape(3, 4))),
    ],
    "median": [
        *(lambda x: np.median(x), lambda x: np.median(x, axis=0), lambda x: np.median(x, 1, keepdims=True)),
        *(lambda v: np.median(v), lambda T: np.median(T, axis=(0, 2)), lambda x: np.median(x, axis=1, out=np.zeros(3))),
    ],
    "nanmedian": [
        *(
            lambda nx: np.nanmedian(nx),
            lambda nx: np.nanmedian(nx, axis=0),
            lambda nx: np.nanmedian(nx, 1, keepdims=True),
        ),
        *(lambda nx: np.nanmedian(nx, axis=1, out=np.zeros(3)),),
    ],
    "quantile": [
        *_quantile(np.quantile, 0.37, [0.1, 0.52]),
        lambda v: np.quantile(v, 0.3, weights=np.arange(1, 7), method="inverted_cdf"),
    ],
    "percentile": [
        *_quantile(np.percentile, 37.0, [10, 52]),
        lambda v: np.percentile(v, 30, weights=np.arange(1, 7), method="inverted_cdf"),
    ],
    "nanquantile": [*_quantile(np.nanquantile, 0.37, [0.1, 0.52]), lambda nx: np.nanquantile(nx, 0.3, axis=0)],
    "nanpercentile": [*_quantile(np.nanpercentile, 37.0, [10, 52]), lambda nx: np.nanpercentile(nx, 30, axis=1)],
    **{
        name: [
            *_plain_args(getattr(np, name)),
            lambda x, f=getattr(np, name): f(x, axis=1, dtype=np.float32),
            lambda x, f=getattr(np, name): f(x, axis=0, out=np.zeros((3, 4))),
            lambda z, f=getattr(np, name): f(z, axis=-1),
        ]
        for name in ("cumsum", "cumprod", "nancumsum", "nancumprod")
    },
    **{
        name: [
            lambda v, f=getattr(np, name, None): f(v),
            lambda x, f=getattr(np, name, None): f(x, axis=1),
            lambda x, f=getattr(np, name, None): f(x, axis=0, include_initial=True),
            lambda x, f=getattr(np, name, None): f(x, axis=-1, dtype=np.float32),
            lambda x, f=getattr(np, name, None): f(x, axis=1, out=np.zeros((3, 4))),
        ]
        for name in ("cumulative_sum", "cumulative_prod")
    },
    "diff": [
        *(lambda v: np.diff(v), lambda x: np.diff(x), lambda x: np.diff(x, axis=0), lambda x: np.diff(x, n=2)),
        *(lambda x: np.diff(x, prepend=0), lambda x, c: np.diff(x, append=c), lambda x, y: np.diff(x, 1, 0, y, y)),
        *(lambda x: np.diff(x, 0), lambda z: np.diff(z)),
    ],
    "gradient": [
        *(
            lambda v: np.gradient(v),
            lambda v: np.gradient(v, 0.5),
            lambda v, t: np.gradient(v, t),
            lambda x: np.gradient(x),
        ),
        *(
            lambda x: np.gradient(x, axis=0),
            lambda x: np.gradient(x, 2.0, axis=1, edge_order=2),
            lambda v, s: np.gradient(v, s),
        ),
        *(lambda x, u: np.gradient(x, np.array([0.0, 1.0, 3.0]), 0.5),),
    ],
    "trapezoid": [
        *(lambda v: np.trapezoid(v), lambda v, t: np.trapezoid(v, t), lambda x: np.trapezoid(x, dx=0.5, axis=0)),
        *(lambda x, r: np.trapezoid(x, x=r), lambda z: np.trapezoid(z), lambda x, s: np.trapezoid(x, dx=s)),
    ],
    "interp": [
        *(lambda x: np.interp(x, _KNOTS, np.array([0.0, 1.0, -1.0, 2.0])), lambda v, u: np.interp(v, _KNOTS, u)),
        *(lambda v, t, w: np.interp(v, t, w), lambda s, u: np.interp(s, _KNOTS, u)),
        *(
            lambda x, u: np.interp(4 * x, _KNOTS, u, left=-1.0, right=5.0),
            lambda x, u: np.interp(x, _KNOTS, u, period=3.0),
        ),
        *(lambda v, hz: np.interp(v, _KNOTS, hz[:4]), lambda x, u, s: np.interp(5 * x, _KNOTS, u, left=s)),
    ],
    "unwrap": [
        *(lambda x: np.unwrap(4 * x), lambda x: np.unwrap(4 * x, axis=0), lambda v: np.unwrap(5 * v, discont=4.0)),
        *(lambda v: np.unwrap(5 * v, period=4.0),),
    ],
    # ------------------------------------------------------------------------------------------------------- sorting
    "sort": [
        *(lambda v: np.sort(v), lambda x: np.sort(x), lambda x: np.sort(x, axis=0), lambda x: np.sort(x, axis=None)),
        *(
            lambda x: np.sort(x, kind="stable"),
            lambda x: np.sort(x, stable=True),
            lambda z: np.sort(z),
            lambda x: np.sort(x, 1),
        ),
    ],
    "partition": [
        lambda v: np.partition(v, 2)[2],
        lambda x: np.partition(x, 1, axis=0)[1],
        lambda x: np.partition(x, (0, 3))[:, 3],
    ]
    + [lambda x: np.partition(x, 3, axis=None)[3], lambda v: np.partition(v, 2, kind="introselect")[2]],
    "sort_complex": [lambda zv: np.sort_complex(zv), lambda v: np.sort_complex(v)],
    # ------------------------------------------------------------------------------------------------------ products
    "dot": [
        *(lambda v, w: np.dot(v, w), lambda A, B: np.dot(A, B), lambda A, a3: np.dot(A, a3), lambda x, s: np.dot(s, x)),
        *(
            lambda T, u: np.dot(T, u),
            lambda T, F: np.dot(T, F),
            lambda zv, v: np.dot(zv, v),
            lambda x: np.dot(x, 2.0),
            lambda x: np.dot(3, x),
        ),
        *(lambda A, B: np.dot(A, B, out=np.zeros_like(A)), lambda A, N: np.dot(A, N)),
    ],
    "vdot": [
        lambda v, w: np.vdot(v, w),
        lambda x, y: np.vdot(x, y),
        lambda z, zz: np.vdot(z, zz),
        lambda z, x: np.vdot(z, x),
        lambda s: np.vdot(s, 2.0),
    ],
    "inner": [
        *(
            lambda v, w: np.inner(v, w),
            lambda x, y: np.inner(x, y),
            lambda T, u: np.inner(T, u),
            lambda x, s: np.inner(x, s),
            lambda x: np.inner(2.0, x),
        ),
        *(lambda z, zz: np.inner(z, zz),),
    ],
    "outer": [
        *(lambda v, u: np.outer(v, u), lambda x, v: np.outer(x, v), lambda zv, v: np.outer(zv, v)),
        *(
            lambda a3, b3: np.outer(a3, b3, out=np.zeros((3, 3))),
            lambda s, v: np.outer(s, v),
            lambda v: np.outer(2.0, v),
        ),
    ],
    "cross": [
        *(lambda a3, b3: np.cross(a3, b3), lambda D, a3: np.cross(D, a3), lambda A, B: np.cross(A, B, axis=0)),
        *(
            lambda A, B: np.cross(A, B, axisa=0, axisb=1, axisc=0),
            lambda N, A: np.cross(N, A),
            lambda Z, A: np.cross(Z, A),
        ),
    ],
    "kron": [
        *(
            lambda a3, b2: np.kron(a3, b2),
            lambda A, x: np.kron(A, x),
            lambda x, a2: np.kron(x, a2),
            lambda z, A: np.kron(z, A),
        ),
        *(lambda x, s: np.kron(x, s), lambda x: np.kron(x, 2.0), lambda T, x: np.kron(T, x)),
    ],
    "tensordot": [
        *(
            lambda A, B: np.tensordot(A, B),
            lambda A, B: np.tensordot(A, B, axes=1),
            lambda a3, b3: np.tensordot(a3, b3, 0),
            lambda x: np.tensordot(x, 2.0, 0),
        ),
        *(lambda T, U: np.tensordot(T, U, axes=([0, 1], [0, 1])), lambda T, x: np.tensordot(T, x, axes=(1, 0))),
        *(lambda z, zz: np.tensordot(z, zz, axes=[1, 1]), lambda T, x: np.tensordot(T, x, axes=((-1, 1), (1, 0)))),
    ],
    "einsum": [
        *(
            lambda x, F: np.einsum("ij,jk->ik", x, F),
            lambda x, y: np.einsum("ij,ij", x, y),
            lambda A: np.einsum("ii", A),
        ),
        *(lambda A: np.einsum("ii->i", A), lambda x: np.einsum("ij->ji", x), lambda T, u: np.einsum("...j,j", T, u)),
        *(lambda v, w, u: np.einsum("i,j,k->ijk", v, w, u), lambda x, y: np.einsum(x, [0, 1], y, [2, 1], [0, 2])),
        *(lambda x, F: np.einsum("ij,jk", x, F, optimize=True), lambda z, zz: np.einsum("ij,kj->ik", z, zz)),
        *(lambda x, F: np.einsum("ij,jk->ik", x, F, out=np.zeros((3, 4))), lambda x: np.einsum("ij->", x)),
        *(
            lambda x, F: np.einsum("ij,jk", x, F, dtype=np.float32, casting="same_kind"),
            lambda A, B, a3: np.einsum("ij,jk,k", A, B, a3),
        ),
        *(lambda x, F: np.einsum("ij,jk", x, F, order="C"), lambda x, F: np.einsum("ij,jk", x, F, dtype=complex)),
    ],
    "trace": [
        *(
            lambda A: np.trace(A),
            lambda x: np.trace(x, 1),
            lambda T: np.trace(T, axis1=1, axis2=2),
            lambda Z: np.trace(Z),
        ),
        *(
            lambda x: np.trace(x, offset=-1),
            lambda A: np.trace(A, dtype=np.float32),
            lambda N: np.trace(N, out=np.zeros(3)),
        ),
    ],
    "convolve": [
        *(
            lambda v, a3: np.convolve(v, a3),
            lambda v, a3: np.convolve(v, a3, "same"),
            lambda v, a3: np.convolve(v, a3, mode="valid"),
        ),
        *(
            lambda a3, v: np.convolve(a3, v),
            lambda zv, a3: np.convolve(zv, a3),
            lambda v: np.convolve(v, [1, 2, 1], "valid"),
        ),
    ],
    "correlate": [
        *(
            lambda v, a3: np.correlate(v, a3),
            lambda v, a3: np.correlate(v, a3, "same"),
            lambda v, a3: np.correlate(v, a3, mode="full"),
        ),
        *(
            lambda a3, v: np.correlate(a3, v, "full"),
            lambda zv, hz: np.correlate(zv, hz, "full"),
            lambda a3, v: np.correlate(a3, v),
        ),
    ],
    "cov": [
        *(
            lambda x: np.cov(x),
            lambda x, y: np.cov(x, y=y),
            lambda x: np.cov(x, rowvar=False),
            lambda x: np.cov(x, bias=True),
        ),
        *(lambda x: np.cov(x, ddof=0), lambda x: np.cov(x, fweights=np.array([1, 2, 1, 3])), lambda v: np.cov(v)),
        *(
            lambda x, p: np.cov(x, aweights=p[0]),
            lambda x: np.cov(x, dtype=np.float32),
            lambda z: np.cov(z),
            lambda v, w: np.cov(v, w),
        ),
    ],
    "corrcoef": [
        *(lambda x: np.corrcoef(x), lambda x, y: np.corrcoef(x, y=y), lambda x: np.corrcoef(x, rowvar=False)),
        *(lambda v, w: np.corrcoef(v, w), lambda x: np.corrcoef(x, dtype=np.float32), lambda z: np.corrcoef(z)),
    ],
    # --------------------------------------------------------------------------------------------------- polynomials
    "poly": [lambda v: np.poly(v), lambda A: np.poly(A @ A.T), lambda zv: np.poly(zv)],
    "polyval": [
        *(lambda u, x: np.polyval(u, x), lambda u, s: np.polyval(u, s), lambda x: np.polyval([1.0, 2.0, 3.0], x)),
        *(lambda zv, z: np.polyval(zv, z), lambda u: np.polyval(u, 2.0)),
    ],
    "polyder": [lambda v: np.polyder(v), lambda v: np.polyder(v, 2), lambda v: np.polyder(v, m=0)],
    "polyint": [lambda v: np.polyint(v), lambda v: np.polyint(v, 2), lambda v, a2: np.polyint(v, m=2, k=a2)],
    "polyadd": [lambda v, u: np.polyadd(v, u), lambda u, v: np.polyadd(u, v), lambda v, w: np.polyadd(v, w)],
    "polysub": [lambda v, u: np.polysub(v, u), lambda u, v: np.polysub(u, v)],
    "polymul": [lambda v, u: np.polymul(v, u), lambda zv, u: np.polymul(zv, u)],
    "polydiv": [lambda v, a3: np.polydiv(v, a3)[0], lambda u, b2: np.polydiv(u, b2)[0]],
    "polyfit": [
        *(
            lambda t, v: np.polyfit(t, v, 2),
            lambda t, v: np.polyfit(t, v, deg=1, w=np.arange(1, 7)),
            lambda t, x: np.polyfit(t[:3], x, 1),
        ),
        *(
            lambda t, v: np.polyfit(t, v, 2, cov=True),
            lambda t, v: np.polyfit(t, v, 2, full=True)[0],
            lambda t, v: np.polyfit(t, v, 2, rcond=1e-9),
        ),
    ],
    "roots": [lambda u: np.roots(u), lambda a3: np.roots(a3)],
    "poly1d": [lambda u, s: np.poly1d(u)(s), lambda x: np.poly1d([1.0, 2.0, 3.0])(x)],
    # -------------------------------------------------------------------------------------------------------- windows
    "kaiser": [lambda s: np.kaiser(5, s), lambda s: np.kaiser(M=4, beta=2 * s)],
    "histogram": [
        *(lambda v, p: np.histogram(v, np.array([-2.0, -0.5, 0.5, 2.0]), weights=p.ravel()[:6])[0],),
        *(lambda v, p: np.histogram(v, 3, range=(-3, 3), weights=p.ravel()[:6], density=True)[0] * p[0, 0],),
    ],
    "histogram2d": [
        lambda v, w, p: np.histogram2d(v, w, 2, range=[[-3, 3], [-3, 3]], weights=p.ravel()[:6], density=True)[0]
    ],
    "histogramdd": [lambda D, v: np.histogramdd(D, 2, range=[(-3, 3)] * 3, weights=v[:5], density=False)[0]],
    "bincount": [
        *(
            lambda i, v: np.bincount(i, v),
            lambda i, v: np.bincount(i, weights=v, minlength=9),
            lambda j, a3: np.bincount(j, a3),
        ),
    ],
}
if hasattr(np, "trapz"):
    DIFFERENTIABLE["trapz"] = [lambda v: np.trapz(v), lambda v, t: np.trapz(v, t, axis=0)]
