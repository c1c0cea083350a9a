"""Sample calls of numpy.linalg and numpy.fft, by name."""

import numpy as np

LA = np.linalg
FT = np.fft


def _products():
    return {
        "linalg.matmul": [lambda A, B: LA.matmul(A, B), lambda N, a3: LA.matmul(N, a3), lambda Z, A: LA.matmul(Z, A)],
        "linalg.multi_dot": [
            *(lambda A, B, D: LA.multi_dot([D, A, B]), lambda a3, A, W: LA.multi_dot([a3, A, W])),
            *(lambda A, a3: LA.multi_dot([a3, A, a3]), lambda A, B: LA.multi_dot([A, B, A, B], out=np.zeros_like(A))),
        ],
        "linalg.outer": [lambda v, u: LA.outer(v, u), lambda zv, v: LA.outer(zv, v)],
        "linalg.cross": [
            lambda a3, b3: LA.cross(a3, b3),
            lambda A, B: LA.cross(A, B, axis=0),
            lambda D, a3: LA.cross(D, a3),
        ],
        "linalg.vecdot": [
            lambda x, y: LA.vecdot(x, y),
            lambda z, zz: LA.vecdot(z, zz, axis=0),
            lambda x, r: LA.vecdot(x, r),
        ],
        "linalg.tensordot": [
            *(lambda A, B: LA.tensordot(A, B), lambda T, U: LA.tensordot(T, U, axes=([0, 1], [0, 1]))),
            *(lambda A, B: LA.tensordot(A, B, axes=1),),
        ],
        "linalg.matrix_power": [
            *(lambda A: LA.matrix_power(A, 3), lambda A: LA.matrix_power(A, -2), lambda N: LA.matrix_power(N, n=2)),
            *(lambda A: LA.matrix_power(A, 1), lambda Z: LA.matrix_power(Z, 5)),
        ],
    }


def _shapes():
    return {
        "linalg.trace": [
            lambda A: LA.trace(A),
            lambda N: LA.trace(N, offset=1),
            lambda A: LA.trace(A, dtype=np.float32),
        ],
        "linalg.diagonal": [lambda A: LA.diagonal(A), lambda N: LA.diagonal(N, offset=-1), lambda T: LA.diagonal(T)],
        "linalg.matrix_transpose": [lambda x: LA.matrix_transpose(x), lambda T: LA.matrix_transpose(T)],
    }


def _norms():
    matrix = ("fro", "nuc", np.inf, -np.inf, 1, -1, 2, -2)
    vector = (np.inf, -np.inf, 1, 2, 3, 0.5, -1)
    return {
        "linalg.norm": [
            *(
                lambda v: LA.norm(v),
                lambda x: LA.norm(x),
                lambda T: LA.norm(T),
                lambda z: LA.norm(z),
                lambda zv: LA.norm(zv, 1),
            ),
            *(
                lambda x: LA.norm(x, axis=1),
                lambda x: LA.norm(x, axis=0, keepdims=True),
                lambda x: LA.norm(x, ord=3, axis=1),
            ),
            *(
                lambda T: LA.norm(T, axis=(1, 2)),
                lambda T: LA.norm(T, "nuc", axis=(0, 2)),
                lambda T: LA.norm(T, 2, (1, 2), True),
            ),
            *[lambda x, o=o: LA.norm(x, o) for o in matrix],
            *[lambda v, o=o: LA.norm(v, ord=o) for o in vector],
        ],
        "linalg.vector_norm": [
            *(lambda v: LA.vector_norm(v), lambda x: LA.vector_norm(x), lambda x: LA.vector_norm(x, axis=1)),
            *(
                lambda x: LA.vector_norm(x, axis=0, keepdims=True, ord=3),
                lambda T: LA.vector_norm(T, axis=(0, 2), ord=1),
            ),
            *(lambda z: LA.vector_norm(z, axis=0), lambda x: LA.vector_norm(x, ord=np.inf)),
        ],
        "linalg.matrix_norm": [
            *(
                lambda x: LA.matrix_norm(x),
                lambda T: LA.matrix_norm(T, keepdims=True),
                lambda x: LA.matrix_norm(x, ord="nuc"),
            ),
            *(lambda T: LA.matrix_norm(T, ord=2), lambda x: LA.matrix_norm(x, ord=1), lambda z: LA.matrix_norm(z)),
        ],
        "linalg.cond": [
            lambda A: LA.cond(A),
            lambda A: LA.cond(A, "fro"),
            lambda N: LA.cond(N, p=1),
            lambda A: LA.cond(A, -2),
        ],
    }


def _solving():
    return {
        "linalg.solve": [
            *(
                lambda A, a3: LA.solve(A, a3),
                lambda A, B: LA.solve(A, B),
                lambda N, A: LA.solve(N, A),
                lambda Z, a3: LA.solve(Z, a3),
            ),
            *(lambda A, x: LA.solve(A, x), lambda A, N: LA.solve(A, N)),
        ],
        "linalg.inv": [lambda A: LA.inv(A), lambda N: LA.inv(N), lambda Z: LA.inv(Z)],
        "linalg.pinv": [
            *(
                lambda A: LA.pinv(A),
                lambda x: LA.pinv(x),
                lambda D: LA.pinv(D),
                lambda T: LA.pinv(T),
                lambda z: LA.pinv(z),
            ),
            *(
                lambda x: LA.pinv(x, rcond=1e-12),
                lambda A: LA.pinv(A + A.T, hermitian=True),
                lambda x: LA.pinv(x, rtol=1e-12),
            ),
        ],
        "linalg.lstsq": [
            *(
                lambda D: LA.lstsq(D, np.arange(5.0))[0],
                lambda D, W: LA.lstsq(D, W.T)[0],
                lambda x, a3: LA.lstsq(x, a3, rcond=None)[0],
            ),
            *(lambda D: LA.lstsq(D, np.arange(5.0), rcond=1e-10)[1], lambda D, W: LA.lstsq(D, W.T)[3]),
        ],
        "linalg.tensorsolve": [
            *(lambda F, x: LA.tensorsolve((F + 5 * np.eye(4)).reshape(2, 2, 4), x[:2, :2]),),
            *(lambda H, O: LA.tensorsolve(np.reshape(H, (2, 2, 2, 2)), O[0], axes=(0, 2)),),
        ],
        "linalg.tensorinv": [
            *(lambda H: LA.tensorinv(H.reshape(2, 2, 4)), lambda H: LA.tensorinv(np.reshape(H, (4, 2, 2)), ind=1)),
        ],
        "linalg.det": [lambda A: LA.det(A), lambda N: LA.det(N), lambda Z: LA.det(Z), lambda l: LA.det(l)],
        "linalg.slogdet": [lambda A: LA.slogdet(A), lambda N: LA.slogdet(N)[1], lambda Z: LA.slogdet(Z)]
        + [lambda A: LA.slogdet(-A).logabsdet],
    }


def _decompositions():
    return {
        "linalg.cholesky": [
            *(lambda S: LA.cholesky(S + S.T), lambda P: LA.cholesky(P + np.swapaxes(P, 1, 2))),
            *(lambda C: LA.cholesky(C + np.conj(C.T)), lambda S: LA.cholesky(S + S.T, upper=True)),
        ],
        "linalg.qr": [
            *(
                lambda A: LA.qr(A),
                lambda D: LA.qr(D),
                lambda D: LA.qr(D, mode="r"),
                lambda W: LA.qr(W[:, :3]),
                lambda N: LA.qr(N),
            ),
            *(lambda Z: LA.qr(Z), lambda A: LA.qr(A, "complete")),
        ],
        "linalg.svd": [
            *(lambda A: LA.svd(A)[1], lambda x: LA.svd(x, compute_uv=False), lambda x: LA.svd(x, full_matrices=False)),
            *(lambda D: LA.svd(D, full_matrices=False), lambda N: LA.svd(N, full_matrices=False), lambda A: LA.svd(A)),
            *(lambda A: LA.svd(A + A.T, hermitian=True)[1], lambda z: LA.svd(z, compute_uv=False)),
            *(lambda z: (lambda d: (d[0] * d[1]) @ d[2])(LA.svd(z, full_matrices=False)),),
        ],
        "linalg.svdvals": [lambda x: LA.svdvals(x), lambda T: LA.svdvals(T), lambda z: LA.svdvals(z)],
        "linalg.eigh": [
            *(lambda S: LA.eigh(S + S.T), lambda A: LA.eigh(A), lambda A: LA.eigh(A, UPLO="U"), lambda P: LA.eigh(P)),
            *(lambda C: LA.eigh(C)[0], lambda S: LA.eigh(S).eigenvalues),
        ],
        "linalg.eigvalsh": [lambda A: LA.eigvalsh(A), lambda P: LA.eigvalsh(P, UPLO="U"), lambda C: LA.eigvalsh(C)],
        "linalg.eig": [lambda A: LA.eig(A)[0], lambda A: LA.eig(A), lambda N: LA.eig(N)[0], lambda Z: LA.eig(Z)[0]],
        "linalg.eigvals": [
            lambda A: LA.eigvals(A),
            lambda N: LA.eigvals(N),
            lambda Z: LA.eigvals(Z),
            lambda F: LA.eigvals(F),
        ],
    }


def _of_one_axis(f):
    return [
        *(lambda h: f(h), lambda x: f(x), lambda x: f(x, axis=0), lambda h: f(h, n=6), lambda h: f(h, 11)),
        *(lambda h: f(h, norm="ortho"), lambda h: f(h, norm="forward"), lambda x: f(x, 5, 0, "backward")),
        lambda T: f(T, axis=1),
    ]


def _of_axes(f):
    return [
        *(lambda x: f(x), lambda T: f(T), lambda T: f(T, axes=(0, 2)), lambda x: f(x, s=(4, 6), axes=(0, 1))),
        *(
            lambda x: f(x, norm="ortho"),
            lambda x: f(x, s=(2, 4), axes=(-2, -1), norm="forward"),
            lambda T: f(T, axes=(1, 2)),
        ),
    ]


def _fft():
    table = {f"fft.{n}": _of_one_axis(getattr(FT, n)) for n in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")}
    table |= {f"fft.{n}": _of_axes(getattr(FT, n)) for n in ("fft2", "ifft2", "fftn", "ifftn")}
    table |= {f"fft.{n}": _of_axes(getattr(FT, n)) for n in ("rfft2", "irfft2", "rfftn", "irfftn")}
    for name in ("fft", "ifft", "irfft", "hfft"):
        table[f"fft.{name}"] += [lambda hz, f=getattr(FT, name): f(hz), lambda z, f=getattr(FT, name): f(z, axis=0)]
    for name in ("fft2", "ifft2", "fftn", "ifftn", "irfft2", "irfftn"):
        table[f"fft.{name}"] += [lambda z, f=getattr(FT, name): f(z), lambda z, f=getattr(FT, name): f(z, norm="ortho")]
    for name in ("fft", "ifft"):
        table[f"fft.{name}"] += [lambda hz, f=getattr(FT, name): f(hz, out=np.zeros_like(hz))]
    table["fft.rfft"] += [lambda h, hz: FT.rfft(h, out=np.zeros_like(hz[:5]))]
    table["fft.irfft"] += [lambda h, hz: FT.irfft(hz, 8, out=np.zeros_like(h))]
    table["fft.ihfft"] += [lambda h, hz: FT.ihfft(h, out=np.zeros_like(hz[:5]))]
    for name in ("fft2", "ifft2", "fftn", "ifftn"):
        table[f"fft.{name}"] += [lambda z, f=getattr(FT, name): f(z, out=np.zeros_like(z))]
    table["fft.fftshift"] = [lambda h: FT.fftshift(h), lambda x: FT.fftshift(x), lambda x: FT.fftshift(x, axes=1)]
    table["fft.fftshift"] += [lambda x: FT.fftshift(x, (0, 1)), lambda hz: FT.fftshift(hz)]
    table["fft.ifftshift"] = [lambda h: FT.ifftshift(h), lambda x: FT.ifftshift(x), lambda x: FT.ifftshift(x, axes=0)]
    return table


DIFFERENTIABLE = {**_products(), **_shapes(), **_norms(), **_solving(), **_decompositions(), **_fft()}
PLAIN = {
    "linalg.matrix_rank": [
        lambda A: LA.matrix_rank(A),
        lambda T: LA.matrix_rank(T, tol=1e-3),
        lambda x: LA.matrix_rank(x, rtol=1e-3),
    ]
    + [lambda A: LA.matrix_rank(A + A.T, hermitian=True)],
    "fft.fftfreq": [lambda h: FT.fftfreq(h.size), lambda h: FT.fftfreq(8, d=0.5)],
    "fft.rfftfreq": [lambda h: FT.rfftfreq(h.size), lambda h: FT.rfftfreq(8, d=0.5)],
}
