"""Random programs that write through random views of one array, as Python text."""

import random

import numpy as np

MADE = (
    *(
        "x * 1",
        "x.copy()",
        "np.array(x)",
        "x",
        "np.zeros(x.shape) + x",
        "np.zeros_like(x) + x",
        "np.asfortranarray(x) * 1",
    ),
    *('np.array(x, order="F")', 'x.copy(order="K")', "np.ascontiguousarray(x)", 'np.zeros(x.shape, order="F") + x'),
)
SEEN = (
    *(
        "{v}",
        "{v}.T",
        "{v}.swapaxes(0, -1)",
        "{v}.reshape(-1)",
        "{v}.ravel()",
        "np.flip({v}, 0)",
        "{v}[None]",
        "np.squeeze({v})",
    ),
    *("{v}.copy()", "{v} * 0.5", '{v}.ravel(order="K")', "np.asfortranarray({v})", "np.ascontiguousarray({v})"),
    *("{v}[{basic}]", "{v}[{basic}]", "{v}[{basic}]", "{v}[{fancy}]"),
)
WRITTEN = (
    *("{v}[{basic}] {op} {value}", "{v}[{basic}] {op} {value}", "{v}[{fancy}] {op} {number}", "{v} += {value}"),
    *("np.add.at({v}, np.index_exp[{basic}], {number})", "np.multiply({v}, {number}, out={v})", "{v}.fill(0.7)"),
    *(
        "{v}[{v} > 0.3] {op} 0.5",
        "for row in {v}:\n        row *= 1.5",
        "{v}.flat[0] {op} {number}",
        "np.copyto({v}, {value})",
    ),
)


class Writer:
    """One program. A line that NumPy would refuse is left out."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.shape = self.random.choice([(3, 4), (2, 3, 2), (6,), (2, 4)])
        self.text = ["v0 = " + self.random.choice(MADE)]
        self.known = {"v0": np.ones(self.shape)}
        for _ in range(self.random.randint(4, 12)):
            self.line()

    def line(self) -> None:
        choose = self.random.choice
        name = choose(list(self.known))
        shape = self.known[name].shape
        words = {
            "v": name,
            "op": choose(["=", "=", "+=", "*=", "-="]),
            "basic": self.basic(shape),
            "fancy": self.fancy(shape),
        }
        words["number"] = choose(["x.ravel()[1]", f"{choose(list(self.known))}.sum() * 0.1", "1.5"])
        words["value"] = choose([words["number"], *self.known])
        new = f"v{len(self.known)}"
        seen = self.random.random() < 0.4
        text = (f"{new} = " + choose(SEEN) if seen else choose(WRITTEN)).format(**words)
        scope = {k: v.copy() for k, v in self.known.items()} | {"np": np, "x": np.ones(self.shape)}
        try:
            exec(text, scope)
        except (ValueError, IndexError):
            return
        if not seen or scope[new].ndim:
            self.text.append(text)
            if seen:
                self.known[new] = np.ones(scope[new].shape)

    def basic(self, shape: tuple[int, ...]) -> str:
        entries = []
        for n in shape:
            a, b = (self.random.choice(["", self.random.randint(-n, n)]) for _ in "ab")
            step = self.random.choice(["", 1, 2, -1, -2])
            entries.append(
                self.random.choice([":", f"{a}:{b}:{step}", str(self.random.randint(-n, n - 1)) if n else ":"])
            )
        return ", ".join(entries[: self.random.randint(1, len(shape))])

    def fancy(self, shape: tuple[int, ...]) -> str:
        places = [self.random.randint(-n, n - 1) if n else 0 for n in shape[:1] * 3]
        return self.random.choice([f"{places}", f"{places}, ..., 0", f"..., {places}", f"0, ..., {places[:2]}"])

    def program(self) -> str:
        total = " + ".join(
            f"({v} ** 2 * {1 + 0.4 * i:.1f} + {v} * np.cos(np.arange({a.size})).reshape({a.shape})).sum()"
            for i, (v, a) in enumerate(self.known.items())
        )
        return "def f(x):\n    " + "\n    ".join(self.text) + f"\n    return {total}\n"
