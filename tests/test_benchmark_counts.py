"""A guard against slower gradients that no machine's speed disturbs: what each workload computes, counted."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from counting import Counted, counts, equations  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

COMMITTED = BENCHMARKS / "counts.json"


def test_the_counts_are_the_committed_ones(update_goldens: bool) -> None:
    """More is slower or longer: look for the reason. Less is a reason to run with --update-goldens."""
    found = {name: counts(work) for name, work in WORKLOADS.items()}
    if update_goldens:
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in found.items())
        COMMITTED.write_text(f"{{\n{rows}\n}}\n")
    assert found == json.loads(COMMITTED.read_text())


def test_what_is_counted() -> None:
    import counting

    x = np.ones((200, 200)).view(Counted)
    counting._tally.clear()
    y = np.exp(x) @ x
    y += np.exp(x[:3, :3])[0, 0]
    np.multiply(y, 2.0, out=y)
    z = np.where(y > 0, y, 0)[1:].T
    assert counting._tally == {"exp": 2, "products": 1, "large arrays": 3}  # exp, product, chosen; the mask is small
    assert isinstance(z, Counted)


@pytest.mark.parametrize("name", ["heat", "lstm"])
def test_counts_of_a_step_are_those_of_every_step(name: str) -> None:
    """Few steps of a loop tell what many cost: they are one loop in the text, too."""
    import tapeless

    work = WORKLOADS[name]
    gradient = tapeless.value_and_grad(work.function, argnums=tuple(range(work.count)))
    made = []
    for steps in (9, 10, 20):
        arguments = work.arguments(np.random.default_rng(0), **{**work.small, "steps": steps})
        made.append(equations(gradient.lower(*arguments).optimized))
    assert made[0] == made[1] == made[2] > 0
