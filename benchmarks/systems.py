"""The systems that are compared: for each one, how a workload's value and gradient are called, NumPy in and out."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from workloads import Workload, lines_of, rebound, written

NUMPY_SYSTEMS = ("best", "naive", "tapeless", "bare", "autograd")  # their memory is NumPy's, and tracemalloc sees it
SYSTEMS = ("best", "naive", "tapeless", "autograd", "jax", "torch")
PACKAGES = {"autograd": ("autograd",), "jax": ("jax", "jaxlib"), "torch": ("torch",)}


class CannotRun(Exception):
    """The system is not installed, or cannot express the workload."""


@dataclass(frozen=True)
class Calls:
    """`gradient()` gives (value, gradients), `forward()` the value alone; `lines()` of the source that ran.

    `memory()` is the bytes of results and temporaries of a system that knows them by itself.
    """

    gradient: Callable[[], tuple[Any, tuple[Any, ...]]]
    forward: Callable[[], Any]
    lines: Callable[[], int]
    memory: Callable[[], int] | None = None


def warm_up(system: str) -> None:
    """Imports the system and lets it compile something trivial, so that a workload's first call is its own."""
    x = np.ones(3)
    try:
        if system in ("tapeless", "bare"):
            import tapeless

            tapeless.value_and_grad(lambda x: np.sum(x * x))(x)
        elif system == "autograd":
            import autograd

            autograd.value_and_grad(lambda x: (x * x).sum())(x)
        elif system == "jax":
            import jax

            jax.config.update("jax_enable_x64", True)
            jax.jit(jax.value_and_grad(lambda x: (x * x).sum()))(x)
        elif system == "torch":
            import torch

            one = torch.from_numpy(x).requires_grad_()
            (one * one).sum().backward()
    except ImportError as missing:
        raise CannotRun(f"not installed ({missing.name})") from missing


def calls(system: str, work: Workload, arguments: tuple[Any, ...]) -> Calls:
    """Raises CannotRun."""
    make = {"tapeless": _tapeless, "bare": _bare, "autograd": _autograd, "jax": _jax, "torch": _torch}.get(system)
    if make is not None:
        warm_up(system)
        return make(work, arguments)
    by_hand = work.best if system == "best" else work.naive
    return Calls(lambda: by_hand(*arguments), lambda: work.function(*arguments), lambda: lines_of(by_hand))


def _tapeless(work: Workload, arguments: tuple[Any, ...]) -> Calls:
    import tapeless

    gradient = tapeless.value_and_grad(work.function, argnums=tuple(range(work.count)))
    return Calls(
        lambda: gradient(*arguments), lambda: work.function(*arguments), lambda: written(gradient.source or "")
    )


def _bare(work: Workload, arguments: tuple[Any, ...]) -> Calls:
    import tapeless

    gradient = tapeless.value_and_grad(work.function, argnums=tuple(range(work.count)))
    bare = gradient.compile(*arguments)
    return Calls(lambda: bare(*arguments), lambda: work.function(*arguments), lambda: written(gradient.source or ""))


def _autograd(work: Workload, arguments: tuple[Any, ...]) -> Calls:
    import autograd
    from peers import autograd_programs as peer

    function = _peer_text(work, peer)
    gradient = autograd.value_and_grad(function, argnum=tuple(range(work.count)))
    return Calls(lambda: gradient(*arguments), lambda: function(*arguments), lambda: lines_of(function))


def _jax(work: Workload, arguments: tuple[Any, ...]) -> Calls:
    import jax
    from peers import jax_programs as peer

    function = _peer_text(work, peer)
    static = tuple(i for i, a in enumerate(arguments) if isinstance(a, int))
    gradient = jax.jit(jax.value_and_grad(function, argnums=tuple(range(work.count))), static_argnums=static)
    forward = jax.jit(function, static_argnums=static)

    def call() -> tuple[Any, tuple[Any, ...]]:
        value, gradients = gradient(*arguments)
        return np.asarray(value), tuple(np.asarray(g) for g in gradients)

    def memory() -> int:
        planned = gradient.lower(*arguments).compile().memory_analysis()
        return planned.temp_size_in_bytes + planned.output_size_in_bytes

    return Calls(call, lambda: np.asarray(forward(*arguments)), lambda: lines_of(function), memory)


def _torch(work: Workload, arguments: tuple[Any, ...]) -> Calls:
    import torch
    from peers.torch_programs import PROGRAMS

    function = PROGRAMS[work.function.__name__]

    def tensor(a: Any, wanted: bool) -> Any:
        if isinstance(a, int):
            return a
        made = torch.from_numpy(a) if isinstance(a, np.ndarray) else torch.tensor(a, dtype=torch.float64)
        return made.requires_grad_(wanted)

    def call() -> tuple[Any, tuple[Any, ...]]:
        tensors = [tensor(a, i < work.count) for i, a in enumerate(arguments)]
        value = function(*tensors)
        gradients = torch.autograd.grad(value, tensors[: work.count])
        return value.detach().numpy(), tuple(g.numpy() for g in gradients)

    def forward() -> Any:
        with torch.no_grad():
            return function(*[tensor(a, False) for a in arguments]).numpy()

    return Calls(call, forward, lambda: lines_of(function))


def _peer_text(work: Workload, peer: Any) -> Callable[..., Any]:
    name = work.function.__name__
    if name in peer.REFUSED:
        raise CannotRun(peer.REFUSED[name])
    return peer.PROGRAMS.get(name) or rebound(work.function, np=peer.np, nn=peer.nn)


def versions(system: str) -> dict[str, str]:
    """Of everything that the system runs on."""
    names = ("numpy", *PACKAGES.get(system, ()))
    if system in ("tapeless", "bare"):
        names += ("tapeless",)
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names}
