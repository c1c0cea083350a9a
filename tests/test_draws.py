"""Random draws, clocks and iterators give something else on each call: never frozen, always refused."""

import itertools
import random
import time

import numpy as np
import pytest

from tapeless import TracingError, grad

X = np.array([0.5, -1.2, 2.0])
RNG = np.random.default_rng(0)
LEGACY = np.random.RandomState(0)
DRAW = RNG.normal


def local_import(x):
    import random as r

    return x.sum() * r.random()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x * np.random.rand(3)).sum(),
        lambda x: (x * np.random.normal(size=x.shape)).sum(),
        lambda x: (x * RNG.normal(size=3)).sum(),
        lambda x: (x * LEGACY.rand(3)).sum(),
        lambda x: (x * DRAW(size=3)).sum(),
        lambda x: x.sum() * random.random(),
        lambda x: x.sum() * random.choice([1.0, 2.0]),
        lambda x: (x * np.random.default_rng().normal(size=3)).sum(),
        lambda x: (x * np.random.RandomState().normal(size=3)).sum(),
        lambda x, rng=RNG: (x * rng.normal(size=3)).sum(),
        local_import,
    ],
)
def test_random_draws_are_refused(f):
    with pytest.raises(TracingError, match=r"(?s)random.*test_draws\.py.*Try: pass the draws in"):
        grad(f)(X)


def test_a_generator_that_is_passed_in():
    with pytest.raises(TracingError, match="drew random numbers from rng"):
        grad(lambda x, rng: (x * rng.normal(size=3)).sum())(X, np.random.default_rng(3))


def test_draws_with_a_seed_are_constants():
    def f(x):
        return (x * np.random.default_rng(3).normal(size=3)).sum()

    np.testing.assert_allclose(grad(f)(X), np.random.default_rng(3).normal(size=3))


def test_a_generator_that_is_not_drawn_from_is_no_matter():
    def f(x, train=False):
        return (x * (RNG.normal(size=3) if train else 2.0)).sum()

    np.testing.assert_allclose(grad(f)(X), [2, 2, 2])
    with pytest.raises(TracingError):
        grad(f)(X, train=True)


def test_clocks_are_refused():
    from datetime import datetime

    for f in (
        lambda x: x.sum() * time.time(),
        lambda x: x.sum() * time.perf_counter_ns(),
        lambda x: x.sum() * datetime.now().microsecond,
    ):
        with pytest.raises(TracingError, match=r"(?s)gives something else on each call.*test_draws\.py.*Try: "):
            grad(f)(X)


def test_iterators_are_refused():
    ones, count = iter([1.0, 2.0]), itertools.count()
    for f in (lambda x: x.sum() * next(ones), lambda x: x.sum() * next(count)):
        with pytest.raises(TracingError, match=r"(?s)gives something else on each call.*Try: "):
            grad(f)(X)
