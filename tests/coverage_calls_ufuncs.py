"""Sample calls of the universal functions of NumPy, by name."""

import numpy as np

# What a function of one number takes: an argument by the name of its domain.
_ONE = {
    **dict.fromkeys(("negative", "positive", "exp", "exp2", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh"), "x"),
    **dict.fromkeys(
        ("arctan", "arcsinh", "absolute", "fabs", "square", "cbrt", "conjugate", "deg2rad", "rad2deg"), "x"
    ),
    **dict.fromkeys(("degrees", "radians", "abs", "atan", "asinh", "conj"), "x"),
    **dict.fromkeys(("sqrt", "log", "log2", "log10", "log1p", "reciprocal", "arccosh", "acosh"), "g"),
    **dict.fromkeys(("arcsin", "arccos", "arctanh", "asin", "acos", "atanh"), "p"),
}
_OF_REALS = ("fabs", "cbrt", "deg2rad", "rad2deg", "degrees", "radians")
_TWO = {
    **dict.fromkeys(("add", "subtract", "multiply", "maximum", "minimum", "fmax", "fmin", "logaddexp"), "xy"),
    **dict.fromkeys(("logaddexp2", "arctan2", "atan2", "hypot", "copysign"), "xy"),
    **dict.fromkeys(("divide", "true_divide", "fmod", "mod", "remainder", "power", "pow", "float_power"), "gp"),
}
_OF_COMPLEX = ("add", "subtract", "multiply", "divide", "true_divide", "power", "pow", "float_power")


def _of_one(f, domain, complex_too):
    calls = {
        "x": [lambda x: f(x), lambda s: f(s), lambda o: f(o), lambda e: f(e), lambda x: f(x, dtype=np.float32)],
        "g": [lambda g: f(g), lambda g: f(g[0, 0]), lambda g: f(g[:0]), lambda g: f(g, dtype=np.float32)],
        "p": [lambda p: f(p), lambda p: f(p[0, 0]), lambda p: f(p.T), lambda p: f(p, dtype=np.float32)],
    }[domain]
    into = {
        "x": [lambda x: f(x, out=np.zeros((3, 4))), lambda x, m: f(x, out=np.ones((3, 4)), where=m)],
        "g": [lambda g: f(g, out=np.zeros((3, 4))), lambda g, m: f(g, out=np.ones((3, 4)), where=m)],
        "p": [lambda p: f(p, np.zeros((2, 3, 4))), lambda p, m: f(p, out=np.ones((3, 4)), where=m)],
    }[domain]
    return [*calls, *into, *([lambda z: f(z), lambda zs: f(zs)] if complex_too else [])]


def _of_two(f, domain, complex_too):
    calls = {
        "xy": [
            *(lambda x, y: f(x, y), lambda x, r: f(x, r), lambda c, r: f(c, r), lambda x, s: f(s, x)),
            *(lambda x: f(x, 0.4), lambda x: f(1, x), lambda x, y: f(x, y, out=np.zeros((2, 3, 4)))),
            *(lambda x, y, m: f(x, y, out=np.ones((3, 4)), where=m), lambda x, y: f(x, y, dtype=np.float32)),
        ],
        "gp": [
            *(lambda g, p: f(g, p), lambda g, p: f(g, p[0]), lambda g, s: f(s, g), lambda g: f(g, 0.7)),
            *(lambda g: f(3, g), lambda g, p: f(g, p, out=np.zeros((2, 3, 4))), lambda g: f(g, g)),
            *(lambda g, p, m: f(g, p, out=np.ones((3, 4)), where=m), lambda g, p: f(g, p, dtype=np.float64)),
        ],
    }[domain]
    mixed = [
        lambda z, zz: f(z, zz),
        lambda z, p: f(z, p),
        lambda p, zz: f(p, zz),
        lambda z: f(z, 2),
        lambda z: f(z, 1j),
    ]
    return [*calls, *(mixed if complex_too else [])]


DIFFERENTIABLE = {
    **{n: _of_one(getattr(np, n), d, n not in _OF_REALS) for n, d in _ONE.items() if hasattr(np, n)},
    **{n: _of_two(getattr(np, n), d, n in _OF_COMPLEX) for n, d in _TWO.items() if hasattr(np, n)},
    "matmul": [
        *(lambda A, B: np.matmul(A, B), lambda A, a3: np.matmul(A, a3), lambda A, a3: np.matmul(a3, A)),
        *(lambda a3, b3: np.matmul(a3, b3), lambda N, A: np.matmul(N, A), lambda N, D: np.matmul(D, N)),
        *(lambda Z, A: np.matmul(Z, A), lambda A, B: np.matmul(A, B, out=np.zeros((3, 3)))),
        *(lambda A, B: np.matmul(A, B, dtype=np.float32), lambda T, U: np.matmul(T, U.swapaxes(1, 2))),
    ],
    "matvec": [
        *(lambda A, a3: np.matvec(A, a3), lambda N, a3: np.matvec(N, a3), lambda T, r: np.matvec(T, r)),
        *(lambda Z, a3: np.matvec(Z, a3), lambda A, a3: np.matvec(A, a3, out=np.zeros(3))),
    ],
    "vecmat": [
        *(lambda A, a3: np.vecmat(a3, A), lambda N, a3: np.vecmat(a3, N), lambda x, T: np.vecmat(x[:2, :3], T)),
        lambda Z, C: np.vecmat(Z[0], C),
    ],
    "vecdot": [
        *(lambda x, y: np.vecdot(x, y), lambda x, r: np.vecdot(x, r), lambda x, y: np.vecdot(x, y, axis=0)),
        *(lambda z, zz: np.vecdot(z, zz), lambda u, r: np.vecdot(u, r)),
    ],
    "divmod": [
        *(lambda g, p: np.divmod(g, p), lambda g: np.divmod(g, 0.7), lambda x, g: np.divmod(x, g)),
        *(lambda s: np.divmod(s, 0.6), lambda x: divmod(x, 0.5), lambda x: divmod(2.3, x + 9)),
        lambda g, p: np.divmod(g, p, out=(np.zeros((3, 4)), np.zeros((3, 4)))),
    ],
    "modf": [lambda x: np.modf(x), lambda s: np.modf(s), lambda g: np.modf(g, np.zeros((3, 4)), np.zeros((3, 4)))],
    "frexp": [lambda x: np.frexp(x), lambda s: np.frexp(s), lambda g: np.frexp(g)],
    "ldexp": [lambda x, n: np.ldexp(x, n), lambda x: np.ldexp(x, 3), lambda s: np.ldexp(s, 2)],
    "sign": [lambda z: np.sign(z), lambda zs: np.sign(zs)],
    "heaviside": [lambda r: np.heaviside(np.array([0.0, 1.0, -1.0, 0.0]), r), lambda s: np.heaviside(0.0, s)],
    "sinc": [lambda x: np.sinc(x), lambda s: np.sinc(s), lambda z: np.sinc(z), lambda x: np.sinc(0 * x)],
    "i0": [lambda x: np.i0(x), lambda x: np.i0(x * 6), lambda s: np.i0(s), lambda r: np.i0(10 * r)],
    "real": [lambda z: np.real(z), lambda x: np.real(x), lambda s: np.real(s), lambda z: z.real * 2],
    "imag": [lambda z: np.imag(z), lambda x, z: np.imag(z) + np.imag(x), lambda zs: np.imag(zs)],
    "angle": [
        *(lambda z: np.angle(z), lambda z: np.angle(z, deg=True), lambda z: np.angle(z, True), lambda zs: np.angle(zs)),
        lambda x, z: np.angle(x) * np.angle(z),
    ],
    "real_if_close": [
        *(lambda x: np.real_if_close(x), lambda z: np.real_if_close(z), lambda z: np.real_if_close(z, tol=1000)),
    ],
    "nan_to_num": [
        *(lambda nx: np.nan_to_num(nx), lambda nx: np.nan_to_num(nx, nan=2.0), lambda nx: np.nan_to_num(nx, copy=True)),
        lambda x: np.nan_to_num(x, True, 1.0, 2.0, 3.0),
        lambda x: np.nan_to_num(x / (x > 0), nan=1.0, posinf=3.0, neginf=-3.0),
        lambda x: np.nan_to_num(np.where(x > 0, np.inf, x), posinf=7.0),
        lambda z: np.nan_to_num(z),
    ],
    "clip": [
        *(lambda x: np.clip(x, -0.5, 0.5), lambda x: np.clip(x, None, 0.3), lambda x: np.clip(x, 0.1, None)),
        *(lambda x, r: np.clip(x, r, r + 1), lambda x: np.clip(x, a_min=-0.4, a_max=0.6), lambda s: np.clip(s, 0, 1)),
        lambda x: np.clip(x, -0.5, 0.5, out=np.zeros((3, 4))),
    ]
    + (
        [lambda x: np.clip(x, min=-0.2, max=0.9), lambda x: np.clip(x, max=0.2)]
        if np.lib.NumpyVersion(np.__version__) >= "2.1.0"
        else []
    ),
}

# Functions of one number whose values are true, false or constant between jumps.
_STEPS = ("ceil", "floor", "trunc", "rint", "sign", "isfinite", "isinf", "isnan", "signbit", "logical_not")
_MORE_STEPS = ("iscomplex", "isreal")
_COMPARED = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or")
_ON_BITS = ("bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm", "left_shift", "right_shift", "bitwise_left_shift")


def _steps(f):
    return [lambda x: f(x), lambda s: f(s), lambda e: f(e)]


def _pairs(f):
    return [lambda x, y: f(x, y), lambda x: f(x, 0.3), lambda x, r: f(x, r)]


def _bits(f):
    return [lambda n, x: f(n, 3), lambda n, k, x: f(n, k), lambda n, x: f(n, (x > 0).astype(int))]


PLAIN = {
    **{name: _steps(getattr(np, name)) for name in (*_STEPS, *_MORE_STEPS)},
    **{name: _pairs(getattr(np, name)) for name in (*_COMPARED, "logical_xor", "floor_divide", "heaviside")},
    **{
        n: [lambda x, g=getattr(np, n): g(x), lambda x, g=getattr(np, n): g(x, out=np.zeros((3, 4), bool))]
        for n in ("isneginf", "isposinf")
    },
    "fix": [lambda x: np.fix(x), lambda s: np.fix(s), lambda x: np.fix(x, out=np.zeros((3, 4)))],
    **{name: _bits(getattr(np, name)) for name in (*_ON_BITS, "bitwise_right_shift")},
    **{n: [lambda k, x, f=getattr(np, n): f(k)] for n in ("invert", "bitwise_not", "bitwise_invert", "bitwise_count")},
}
for _name in ("round", "around"):
    _f = getattr(np, _name)
    PLAIN[_name] = [
        *(lambda x, f=_f: f(x), lambda x, f=_f: f(x, 1), lambda x, f=_f: f(x, decimals=2), lambda x, f=_f: f(x, -1)),
        *(lambda x, f=_f: f(x, out=np.zeros((3, 4))), lambda s, f=_f: f(s), lambda z, f=_f: f(z, 1)),
    ]
