"""Operands for the functions of scipy.special: an interval, a whole number or a list of them for each operand."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

HAS_SCIPY = importlib.util.find_spec("scipy") is not None
REAL, POSITIVE, UNIT, BALL, LOW = (-2.0, 2.0), (0.3, 3.0), (0.1, 0.9), (-0.8, 0.8), (0.5, 1.6)
TWO_, FIVE_ = np.int64(2), np.int64(5)
ORDERS = np.array([0, 1, 3])

ONE: dict[tuple[float, float], str] = {
    REAL: """expit log_expit expm1 log1p exp2 exp10 cosm1 exprel sindg cosdg erf erfc erfcx erfi dawsn ndtr log_ndtr
             j0 j1 i0 i1 itstruve0 itmodstruve0""",
    (0.3, 2.6): """cbrt entr gamma gammaln loggamma rgamma psi factorial y0 y1 i0e i1e k0 k1 k0e k1e ber bei ker kei
                   berp beip kerp keip it2struve0 expi exp1 spence wrightomega tandg cotdg ellipkm1""",
    UNIT: "logit erfcinv ndtri ellipk ellipe",
    BALL: "erfinv",
    (-3.0, -0.3): "ndtri_exp",
}
ONE[REAL] = ONE[REAL].replace(" log1p", "")
ONE[0.3, 2.6] += " log1p"
COMPLEX_ONE = (
    "expm1 log1p gamma loggamma rgamma erf erfc erfcx erfi dawsn ndtr log_ndtr exp1 expi spence wrightomega wofz"
)
SEVERAL = {
    **dict.fromkeys(("sici", "shichi", "fresnel"), ((0.3, 2.5),)),
    "airy": (REAL,),
    "itairy": ((0.1, 0.5),),  # SciPy gives it to 6 digits elsewhere
    **dict.fromkeys(("itj0y0", "iti0k0", "it2j0y0", "it2i0k0"), ((0.4, 2.5),)),
    "ellipj": ((0.2, 1.4), (0.1, 0.8)),
    **dict.fromkeys(("pbdv", "pbvv", "pbwa"), (TWO_, (0.3, 2.0))),  # in 32 bits pbvv is nan
}
TWO: dict[str, Any] = {
    **dict.fromkeys(("xlogy", "xlog1py", "rel_entr", "kl_div", "boxcox", "boxcox1p", "powm1"), (POSITIVE, POSITIVE)),
    "huber": ((1.1, 1.4), REAL),
    "pseudo_huber": (POSITIVE, REAL),
    **dict.fromkeys(("inv_boxcox", "inv_boxcox1p"), (UNIT, UNIT)),
    **dict.fromkeys(("beta", "betaln", "agm", "elliprc", "poch"), (LOW, (1.7, 3.0))),
    **dict.fromkeys(("binom", "comb", "perm"), ((3.1, 4.0), LOW)),
    "zeta": (2, LOW),
    "polygamma": (1, LOW),
    **dict.fromkeys(("gammainc", "gammaincc", "chdtr", "chdtrc"), (LOW, POSITIVE)),
    **dict.fromkeys(("gammaincinv", "gammainccinv", "chdtri"), (LOW, (0.2, 0.8))),
    "chdtriv": ((0.2, 0.8), POSITIVE),
    **dict.fromkeys(("pdtr", "pdtrc"), (2, POSITIVE)),
    "pdtri": (2, (0.2, 0.8)),
    "stdtr": (POSITIVE, (0.3, 2.0)),
    "stdtridf": ((0.65, 0.7), (0.6, 0.8)),
    "stdtrit": (POSITIVE, (0.6, 0.8)),
    "owens_t": (REAL, REAL),
    **dict.fromkeys(
        [
            "jv",
            "yv",
            "iv",
            "kv",
            "jve",
            "yve",
            "kve",
            "yn",
            "kn",
            "hankel1",
            "hankel2",
            "hankel1e",
            "hankel2e",
            "struve",
            "modstruve",
        ],
        (2, POSITIVE),
    ),
    "ive": (1, POSITIVE),
    **dict.fromkeys(("ellipkinc", "ellipeinc"), ((0.3, 4.4), (0.1, 0.7))),
    "hyp0f1": (2, REAL),
    "expn": (2, POSITIVE),
    **dict.fromkeys(
        [
            "eval_legendre",
            "eval_chebyt",
            "eval_chebyu",
            "eval_chebyc",
            "eval_chebys",
            "eval_hermite",
            "eval_hermitenorm",
            "eval_laguerre",
            "eval_sh_legendre",
            "eval_sh_chebyt",
            "eval_sh_chebyu",
        ],
        (3, BALL),
    ),
}
THREE: dict[str, Any] = {
    **dict.fromkeys(("betainc", "betaincc"), (LOW, LOW, UNIT)),
    **dict.fromkeys(("betaincinv", "betainccinv"), (LOW, LOW, (0.2, 0.8))),
    **dict.fromkeys(("gdtr", "gdtrc"), (LOW, LOW, POSITIVE)),
    **dict.fromkeys(("bdtr", "bdtrc", "nbdtr", "nbdtrc", "bdtri", "nbdtri"), (TWO_, FIVE_, (0.2, 0.8))),
    **dict.fromkeys(("fdtr", "fdtrc"), (LOW, POSITIVE, POSITIVE)),
    "gdtrix": (LOW, LOW, (0.2, 0.8)),
    "gdtria": ((0.2, 0.8), LOW, LOW),
    "gdtrib": (LOW, (0.2, 0.8), LOW),
    "fdtridfd": (LOW, (0.3, 0.4), (0.5, 0.8)),
    "fdtri": (LOW, POSITIVE, (0.3, 0.7)),
    "btdtria": ((0.2, 0.8), LOW, (0.3, 0.7)),
    "btdtrib": (LOW, (0.2, 0.8), (0.3, 0.7)),
    "voigt_profile": (REAL, LOW, LOW),
    "radian": (REAL, REAL, REAL),
    **dict.fromkeys(("elliprf", "elliprg"), (LOW, (1.7, 2.4), (2.5, 3.5))),
    "elliprd": (LOW, (1.7, 2.4), (2.5, 3.5)),
    "hyp1f1": (1, 2, REAL),
    "hyperu": (1, 2, LOW),
    **dict.fromkeys(("wright_bessel", "log_wright_bessel"), (1, 2, LOW)),
    "eval_genlaguerre": (3, 1, BALL),
    "eval_gegenbauer": (3, 1, BALL),
    "lpmv": (1, 3, BALL),
}
FOUR: dict[str, Any] = {
    "hyp2f1": (1, 2, 3, (-0.6, 0.6)),
    **dict.fromkeys(("eval_jacobi", "eval_sh_jacobi"), (3, 2, 1, BALL)),
}
COMPLEX_LAST = [
    "jv",
    "yv",
    "iv",
    "kv",
    "kve",
    "hankel1",
    "hankel2",
    "hankel1e",
    "hankel2e",
    "hyp0f1",
    "hyp1f1",
    "hyp2f1",
    "eval_legendre",
    "eval_chebyt",
]
DIFFERENT = {"agm", "ellipeinc", "ellipkinc", "elliprc", "huber", "pseudo_huber"}  # operands
STEP_FUNCTIONS = {"round": (REAL,), "gammasgn": (REAL,)}


def special(sample: Any, numbers: Any, complexes: Any, each: Any) -> dict[str, list[Any]]:
    """The table of samples; the arguments are what samples.py makes them with."""
    single = {name: (domain,) for domain, names in ONE.items() for name in names.split()}
    shapes = {
        1: [((2, 3),), ((),), ((0,),)],
        2: [((2, 3), (3,)), ((2, 1), (1, 2)), ((), (3,)), ((), ())],
        3: [((3,), (3,), (3,)), ((2, 1), (), (1, 2)), ((), (), ())],
        4: [((), (), (), (3,)), ((2,), (2,), (2,), (2,))],
    }
    table: dict[str, list[Any]] = {"wofz": []}
    for name, domains in (single | TWO | THREE | FOUR | SEVERAL).items():
        table[name] = []
        for places in shapes[len(domains)][: -1 if name in DIFFERENT else None]:
            table[name].append(sample(tuple(_draw(numbers, d, s, k) for k, (d, s) in enumerate(zip(domains, places)))))
    for name in COMPLEX_ONE.split():
        table[name].append(sample((0.5 * complexes(2, 2, seed=3) + 1.2,), order=1 if "gamma" in name else 2))
    for name in COMPLEX_LAST:
        orders = (TWO | THREE | FOUR)[name][:-1]
        table[name].append(
            sample((*orders, 0.2 * complexes(3, seed=4) + (0.1 if name.startswith(("hyp", "eval")) else 1.1)))
        )
    table["lambertw"] = [sample((numbers(3, between=POSITIVE),)), sample((complexes(2, seed=2) + 2,), {"k": 1})]
    table["zetac"] = [sample((ORDERS + 2,))]
    table["multigammaln"] = [sample((numbers(3, between=(2.0, 4.0)),), {"d": 3})]
    for name in ("spherical_jn", "spherical_yn", "spherical_in", "spherical_kn"):
        table[name] = [
            sample((2, numbers(2, 2, between=POSITIVE))),
            sample((ORDERS, numbers(2, 1, between=POSITIVE)), {"derivative": True}),
            sample((1, 0.3 * complexes(2, seed=5) + 1.5)),
        ]
    square, row = numbers(3, 4, seed=5), numbers(4, seed=6)
    table["logsumexp"] = [*each(square, axis=(None, 0, 1, (0, 1)), keepdims=(False, True, False, True))]
    table["logsumexp"] += [sample((complexes(3, seed=2),)), sample((numbers(),))]
    table["logsumexp_weighted"] = [
        sample((square, np.abs(row)), {"axis": 1}),
        sample((row, np.abs(square)), {"axis": 0, "keepdims": True}),
    ]
    table["logsumexp_signed"] = [sample((square, row - 0.4), {"axis": 1})]
    for name in ("softmax", "log_softmax"):
        table[name] = [*each(square, axis=(None, 0, 1, (0, 1))), sample((row,))]
    named = {f"scipy_{name}": samples if HAS_SCIPY else [] for name, samples in table.items()}
    a, b, x = (numbers(3, between=d, seed=k) for k, d in enumerate((LOW, LOW, UNIT)))
    named["gamma_log_moment"] = [sample((a, numbers(2, 1, between=POSITIVE)), order=1)] if HAS_SCIPY else []
    named["beta_log_moment"] = [sample((a, b, x), {"i": i, "j": 1 - i}, order=1) for i in (0, 1) if HAS_SCIPY]
    return named


def steps(sample: Any, numbers: Any) -> dict[str, list[Any]]:
    """The same for what has no derivative."""
    made = {name: [sample((_draw(numbers, d[0], (3,), 1),))] for name, d in STEP_FUNCTIONS.items()}
    return {f"scipy_{name}": samples if HAS_SCIPY else [] for name, samples in made.items()}


def _draw(numbers: Any, domain: Any, shape: tuple[int, ...], seed: int) -> Any:
    return numbers(*shape, between=domain, seed=seed) if isinstance(domain, tuple) else domain
