"""A small convolutional network on handwritten digits: plain NumPy forward, tapeless backward.

    python examples/digits.py                  # a few seconds; at least 97 % on digits it has not seen
    python examples/digits.py --epochs 40 --out runs/digits

Needs the extra `examples`: scikit-learn for the data, matplotlib for the picture, tqdm for the progress bar. Leaves two
files in the output folder: loss.png, and digits_gradient.py, the gradient that it trained with, for numpy alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tapeless import nn, value_and_grad

BATCH = 64

# ------------------------------------------------------------------------------------------------------- the network


def batch_norm(x, gamma, beta, mean, var):
    """Normalize each channel of x[n, c, h, w]; mean, var, gamma and beta hold one number for each."""
    x_norm = (x - mean) / np.sqrt(var + 1e-5)
    return gamma * x_norm + beta


def moments(x):
    """Mean and variance of each channel over batch, rows and columns."""
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    var = x.var(axis=(0, 2, 3), keepdims=True)
    return mean, var


def network(params, x, running=None):
    """Scores of the ten digits for images x[n, 1, 8, 8], and the moments with which batch norm worked.

    Without running moments these are the batch's own, as in training.
    """
    y1 = nn.conv2d(x, params["w1"], padding=1)
    mean1, var1 = running[0] if running else moments(y1)
    z1 = batch_norm(y1, params["gamma1"], params["beta1"], mean1, var1)
    h1 = np.maximum(z1, 0)
    p1 = nn.max_pool2d(h1, 2)
    y2 = nn.conv2d(p1, params["w2"], padding=1)
    mean2, var2 = running[1] if running else moments(y2)
    z2 = batch_norm(y2, params["gamma2"], params["beta2"], mean2, var2)
    h2 = np.maximum(z2, 0)
    p2 = nn.max_pool2d(h2, 2)
    features = p2.reshape(len(x), -1)
    scores = features @ params["w3"] + params["b3"]
    return scores, ((mean1, var1), (mean2, var2))


@value_and_grad(has_aux=True)
def loss(params, x, labels):
    """Cross-entropy of the softmax of the scores, and the moments for later use."""
    scores, used = network(params, x)
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(x)), labels])), used


def initial_params(rng):
    """He's initialization: kernels with the variance 2 / (number of inputs)."""

    def normal(*shape, inputs):
        return rng.normal(size=shape) * np.sqrt(2 / inputs)

    return {
        "w1": normal(16, 1, 3, 3, inputs=9), "gamma1": np.ones((16, 1, 1)), "beta1": np.zeros((16, 1, 1)),
        "w2": normal(32, 16, 3, 3, inputs=144), "gamma2": np.ones((32, 1, 1)), "beta2": np.zeros((32, 1, 1)),
        "w3": normal(128, 10, inputs=128), "b3": np.zeros(10),
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- training


class Adam:
    """Kingma and Ba, arXiv:1412.6980."""

    def __init__(self, params, rate):
        self.rate, self.steps = rate, 0
        self.first = {name: np.zeros_like(p) for name, p in params.items()}
        self.second = {name: np.zeros_like(p) for name, p in params.items()}

    def step(self, params, gradient):
        """Move the parameters, in place."""
        self.steps += 1
        for name, g in gradient.items():
            self.first[name] += 0.1 * (g - self.first[name])
            self.second[name] += 0.001 * (g * g - self.second[name])
            mean = self.first[name] / (1 - 0.9**self.steps)
            size = np.sqrt(self.second[name] / (1 - 0.999**self.steps))
            params[name] -= self.rate * mean / (size + 1e-8)


def average(old, new):
    """The running moments after one more batch."""
    if old is None:
        return new
    return tuple(
        tuple(0.9 * before + 0.1 * now for before, now in zip(a, b, strict=True)) for a, b in zip(old, new, strict=True)
    )


def train(images, labels, epochs, rng):
    """The trained parameters, the running moments and the loss of every step."""
    from tqdm import tqdm

    params, running, losses = initial_params(rng), None, []
    adam = Adam(params, rate=0.004)
    batches = len(images) // BATCH
    with tqdm(total=epochs * batches, unit="step", desc="training") as bar:
        for epoch in range(epochs):
            adam.rate = 0.004 * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
            order = rng.permutation(len(images))
            for some in np.split(order[: batches * BATCH], batches):
                (value, used), gradient = loss(params, images[some], labels[some])
                adam.step(params, gradient)
                running = average(running, used)
                losses.append(float(value))
                bar.update()
            bar.set_postfix(loss=f"{np.mean(losses[-batches:]):.4f}")
    return params, running, losses


# ------------------------------------------------------------------------------------------------------------- files


def load_digits(limit=None):
    """The 1,797 digits of scikit-learn as ((images, labels) to learn from, the same for the quarter held out)."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 1, 8, 8) / 16 - 0.3
    order = np.random.default_rng(0).permutation(len(images))[:limit]
    held_out, learned = order[: len(order) // 4], order[len(order) // 4 :]
    return (images[learned], labels[learned]), (images[held_out], labels[held_out])


def save_curve(losses, batches, path):
    """The loss of each step, and its mean over each epoch, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    steps = np.arange(1, len(losses) + 1)
    axes.semilogy(steps, losses, color="0.75", linewidth=0.8, label="each batch")
    means = np.mean(np.reshape(losses, (-1, batches)), axis=1)
    axes.semilogy(steps[batches - 1 :: batches], means, color="C0", marker="o", markersize=3, label="mean of the epoch")
    axes.set(xlabel="step", ylabel="cross-entropy", title="Handwritten digits, training loss")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


ALONE = """
import sys
sys.modules["tapeless"] = sys.modules["astor"] = None  # from now on, importing them fails
import numpy as np, runpy
module = runpy.run_path(sys.argv[1])
case = dict(np.load(sys.argv[2]))
x, labels = case.pop("x"), case.pop("labels")
wanted = {k.removeprefix("d_"): case.pop(k) for k in list(case) if k.startswith("d_")}
(value, _), gradient = module["loss_value_and_grad"](case, x, labels)
print(max(float(np.max(np.abs(gradient[k] - wanted[k]))) for k in wanted))
"""


def write_gradient(params, x, labels, path):
    """Write the gradient as a module, and run it where tapeless cannot be imported; returns the largest difference."""
    path.write_text(loss.module(params, x, labels), encoding="utf-8")
    _, gradient = loss(params, x, labels)
    case = path.with_suffix(".npz")
    np.savez(case, x=x, labels=labels, **params, **{f"d_{name}": g for name, g in gradient.items()})
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(path), str(case)], capture_output=True, text=True, check=False
    )
    case.unlink()
    if done.returncode:
        raise RuntimeError(f"{path} does not run alone:\n{done.stderr}")
    return float(done.stdout)


def main(argv=None):
    """Train, measure, and write the files; returns the accuracy on the held-out quarter."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=15, help="passes over the training images (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("digits_out"), help="output folder (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=None, metavar="N", help="use only N of the digits")
    options = parser.parse_args(argv)
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")
    if options.limit is not None and options.limit < 2 * BATCH:
        parser.error(f"--limit must be at least {2 * BATCH}")
    options.out.mkdir(parents=True, exist_ok=True)

    (images, labels), (new_images, new_labels) = load_digits(options.limit)
    print(f"{len(images)} digits to learn from, {len(new_images)} held out")
    start = time.perf_counter()
    params, running, losses = train(images, labels, options.epochs, np.random.default_rng(1))
    seconds = time.perf_counter() - start
    scores, _ = network(params, new_images, running)
    accuracy = float(np.mean(scores.argmax(axis=1) == new_labels))
    print(f"{accuracy:.2%} of the held-out digits are right, after {len(losses)} steps in {seconds:.1f} s")

    curve, module = options.out / "loss.png", options.out / "digits_gradient.py"
    save_curve(losses, len(images) // BATCH, curve)
    difference = write_gradient(params, images[:BATCH], labels[:BATCH], module)
    print(f"wrote {curve}")
    lines = len(module.read_text(encoding="utf-8").splitlines())
    print(f"wrote {module}: {lines} lines that need only numpy")
    print(f"  run in a process without tapeless, its gradient differs by at most {difference:.1e}")
    return accuracy


if __name__ == "__main__":
    main()
