"""The functions whose stages are checked in under goldens/. New ones go to the end: the texts name lines of this file.

Run as a program, it prints all texts as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapeless import grad, value_and_grad, vjp
from tapeless.nn import conv2d
from tapeless.runtime.compilation import Stages
from tapeless.runtime.pullback import compiled_pullback


@dataclass(frozen=True)
class Case:
    """One function with arguments. `kind` is value_and_grad, grad or vjp; `module` asks for a whole module as well."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    argnums: Any
    kind: str
    module: bool

    def compiled(self) -> Any:
        return (grad if self.kind == "grad" else value_and_grad)(self.function, argnums=self.argnums)

    def stages(self) -> Stages:
        if self.kind == "vjp":
            return compiled_pullback(self.function, len(self.arguments)).lower(*self.arguments)
        stages: Stages = self.compiled().lower(*self.arguments)
        return stages

    def text(self) -> str:
        return str(self.stages().as_text())

    def module_text(self) -> str:
        return str(self.compiled().module(*self.arguments))


CASES: dict[str, Case] = {}


def case(*arguments: Any, argnums: Any = 0, kind: str = "value_and_grad", module: bool = False, name: str = "") -> Any:
    def enter(function: Any) -> Any:
        CASES[name or function.__name__] = Case(function, arguments, argnums, kind, module)
        return function

    return enter


def normal(*shape: int, seed: int = 0, dtype: Any = float) -> Any:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)


# ------------------------------------------------------------------------------------------- networks and their parts


@case(normal(8, 3), normal(3) + 2, normal(3, seed=1), argnums=(0, 1, 2), module=True)
def batchnorm(x, gamma, beta):
    mu = x.mean(axis=0)
    xc = x - mu
    var = np.mean(xc**2, axis=0)
    std = np.sqrt(var + 1e-5)
    x_norm = xc / std
    out = gamma * x_norm + beta
    return np.sum(np.tanh(out))


@case(normal(5, 3), normal(7, 5), np.array([0, 1, 2, 0, 1, 2, 0]), module=True)
def softmax_loss(w, x, t):
    scores = x @ w
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(t)), t]))


@case(normal(6, 4), normal(4, 3), kind="vjp")
def softmax(x, w):
    z = x @ w
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@case(normal(6, 4), normal(6, 4, seed=1))
def log_softmax(z, y):
    shifted = z - z.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.sum(y * log_p) / len(z)


@case(
    {"w1": normal(4, 5), "b1": normal(5), "w2": normal(5, 2), "b2": normal(2)},
    normal(7, 4),
    normal(7, 2, seed=3),
    module=True,
)
def two_layers(params, x, y):
    h = np.tanh(x @ params["w1"] + params["b1"])
    out = h @ params["w2"] + params["b2"]
    return np.mean((out - y) ** 2)


@case(normal(2, 3, 6, 6), normal(4, 3, 3, 3), normal(4), argnums=(0, 1, 2), module=True)
def conv_layer(x, f, b):
    y = conv2d(x, f, padding=1) + b[:, None, None]
    return np.sum(np.maximum(y, 0) ** 2)


@case(normal(2, 3, 4, 6))
def max_pool(x):
    n, c, h, w = x.shape
    windows = x.reshape(n, c, h // 2, 2, w // 2, 2)
    pooled = windows.max(axis=(3, 5))
    return np.sum(pooled**2)


@case(normal(5, 3), normal(3), np.array([1.0, 0, 1, 1, 0]), argnums=(1,), kind="grad", module=True)
def logistic(x, w, y):
    p = 1 / (1 + np.exp(-(x @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


@case(normal(3, 4, 5), normal(3, 5, 4), argnums=(0, 1))
def attention(q, k):
    scores = np.einsum("bij,bjk->bik", q, k) / np.sqrt(q.shape[-1])
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    return np.sum(weights[:, 0] ** 2)


# -------------------------------------------------------------------------------------------------- writes, branches


@case(np.array([1.0, -2.0, 3.0, 4.0]), module=True)
def filled(x):
    out = np.zeros(4)
    for i in range(4):
        out[i] = x[i] ** 2 if x[i] > 0 else np.exp(x[i])
    out[1:3] *= 2
    return out.sum()


@case(normal(4, 3), normal(3))
def aliases(x, w):
    y = x * w
    z = y
    row = y[1]
    z += 1
    row *= w
    y[:, 0] = np.sin(y[:, 0])
    return np.sum(z * y)


@case(normal(6), 0.3, argnums=(0, 1))
def clipped(x, limit):
    y = x.copy()
    y[x > limit] = limit
    y[:2] += x[1:3]
    if y.sum() > 0:
        y = y * 2
    return np.dot(y, x)


@case(normal(5))
def overwrites_its_argument(x):
    x *= x
    x[1:] += np.cumsum(x)[:-1]
    return np.sum(np.sin(x))


@case(0.3, 0.1, 0.2, argnums=(0, 1, 2))
def pendulum(theta, omega, k):
    for _ in range(3):
        omega = omega - 0.01 * (np.sin(theta) + k * omega)
        theta = theta + 0.01 * omega
    return theta**2


@case(normal(6), np.array([0, 2, 2, 5]))
def gathered(x, index):
    picked = x[index]
    y = np.zeros(4)
    np.add.at(y, [0, 0, 1, 3], picked**2)
    return np.sum(y * np.arange(4.0))


@case(normal(7))
def masked_root(x):
    return np.sum(np.where(x >= 0, x, np.sqrt(np.abs(x))))


# -------------------------------------------------------------------------------------------------- kinds of arguments

TABLE = np.array([[1.0, -2.0], [0.5, 3.0]])


@case(normal(2), module=True)
def captured(x):
    return x @ TABLE @ x


class Model:
    """A model with a weight of its own."""

    def __init__(self) -> None:
        self.scale = np.array([1.0, 2.0, 3.0])
        self.rate = 0.5

    def energy(self, x, power=2):
        y = self.scale * x
        return self.rate * np.sum(y**power)


CASES["method"] = Case(Model().energy, (normal(3), 2), 0, "value_and_grad", False)


@case((normal(3), [normal(2, 3), 0.5]), kind="grad")
def nested(state):
    v, (m, s) = state
    u = m @ v
    return s * np.sum(u * u)


@case(normal(4, dtype=np.float32), np.float32(0.5), normal(4), argnums=(0, 1))
def single_precision(x, scale, y):
    z = scale * x
    return np.sum(z * y + z)


@case(normal(3) + 1j * normal(3, seed=1), normal(3))
def complex_power(z, w):
    y = np.exp(1j * w) * z
    return np.sum(np.abs(y) ** 2 + y.real)


@case(normal(4), normal(4, seed=1))
def huber(x, y):
    r = (y - x) / 1.5
    return np.sum(np.sqrt(1 + r * r) - 1)


@case(normal(3), normal(3, seed=2), kind="grad")
def hessian_times_vector(x, v):
    def potential(x):
        return np.sum(np.sin(x) * x**2) + x[0] * x[1]

    return np.sum(grad(potential)(x) * v)


@case(normal(3, 4), 2.0, kind="vjp")
def several_results(x, s):
    y = np.exp(x) * s
    return y.sum(axis=0), {"largest": y.max(), "rows": y[1:]}


def texts() -> dict[str, str]:
    """Every file of goldens/ with its text."""
    found = {f"{name}.txt": one.text() for name, one in CASES.items()}
    found |= {f"{name}_grad.py": one.module_text() for name, one in CASES.items() if one.module}
    return found


__all__ = ["CASES", "Case", "texts", "vjp"]

if __name__ == "__main__":
    print(json.dumps(texts()))
