"""Batch normalization, and the backward pass that tapeless writes for it, side by side.

    python examples/read_the_backward_pass.py

Each forward line stands beside the backward block that answers it; a narrow terminal shows one under the other.
"""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap

import numpy as np

from tapeless import value_and_grad


def batchnorm(x, gamma, beta):
    mu = x.mean(axis=0)
    xc = x - mu
    var = np.mean(xc**2, axis=0)
    std = np.sqrt(var + 1e-5)
    x_norm = xc / std
    out = gamma * x_norm + beta
    return np.sum(np.tanh(out))


def forward_lines(function):
    """The lines of the function's body, numbered as in the file."""
    lines, first = inspect.getsourcelines(function)
    return {first + i: line.strip() for i, line in enumerate(lines) if i}


def backward_blocks(source):
    """The backward lines of generated source, by the forward line that they answer."""
    blocks: dict[int, list[str]] = {}
    block: list[str] = []
    for line in source.split("# backward\n")[1].splitlines():
        answers = re.match(r" +# line (\d+):", line)
        if answers:
            block = blocks.setdefault(int(answers[1]), [])
        elif line.strip() and not line.strip().startswith("return"):
            block.append(line.strip())
    return blocks


def side_by_side(forward, blocks, width):
    """Two columns, from the last forward line to the first, as the backward pass runs."""
    left = max(map(len, forward.values())) + 3
    right = max(len(line) for block in blocks.values() for line in block)
    rows = [("forward", "backward"), ("-" * (left - 3), "-" * right)]
    for number in sorted(forward, reverse=True):
        for i, line in enumerate(blocks.get(number, [""])):
            rows.append((forward[number] if i == 0 else "", line))
    if left + right <= width:
        return "\n".join(f"{a:<{left}}{b}".rstrip() for a, b in rows)
    parts = []
    for number in sorted(forward, reverse=True):
        parts += [f"# {forward[number]}", *(f"    {line}" for line in blocks.get(number, []))]
    return "\n".join(textwrap.fill(part, max(width, 30), subsequent_indent="        ", drop_whitespace=True,
                                   break_long_words=False) for part in parts)  # fmt: skip


def main(width=None):
    """Trace batch norm on random numbers and print both passes."""
    rng = np.random.default_rng(0)
    gradient = value_and_grad(batchnorm, argnums=(0, 1, 2))
    _, (dx, dgamma, dbeta) = gradient(rng.normal(size=(8, 3)), rng.normal(size=3), rng.normal(size=3))
    print("To be read from the top: the last forward line is the first that is answered.\n")
    forward, blocks = forward_lines(batchnorm), backward_blocks(gradient.source)
    print(side_by_side(forward, blocks, width or shutil.get_terminal_size().columns))
    print(f"\ndx{dx.shape}, dgamma{dgamma.shape}, dbeta{dbeta.shape} came out of this text: print(gradient.source)")


if __name__ == "__main__":
    main()
