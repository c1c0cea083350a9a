"""What was measured as tables in Markdown, and as a plot."""

from __future__ import annotations

import datetime
import math
import os
import platform
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from workloads import WORKLOADS

Results = dict[str, dict[str, dict[str, Any]]]
TITLES = {"best": "best by hand", "naive": "naive by hand", "jax": "JAX jit", "torch": "PyTorch"}
COLOURS = {"best": "#000000", "naive": "#999999", "tapeless": "#d62728", "bare": "#ff9896"} | {
    "autograd": "#2ca02c",
    "jax": "#1f77b4",
    "torch": "#ff7f0e",
}


def title(system: str) -> str:
    return TITLES.get(system, system)


def figure(value: float | None) -> str:
    """Three digits; all of a whole number's."""
    if value is None:
        return "-"
    if value >= 100 or isinstance(value, int):
        return f"{value:,.0f}"
    return f"{value:.{2 - math.floor(math.log10(value))}f}" if value >= 0.01 else f"{value:.2g}"


def ratio(row: dict[str, dict[str, Any]], kind: str, one: str, other: str) -> float | None:
    """How many times the other's figure, where there are both."""
    above, below = row.get(one, {}).get(kind), row.get(other, {}).get(kind)
    return above / below if above and below else None


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """Of those that there are."""
    there = [math.log(v) for v in values if v]
    return math.exp(sum(there) / len(there)) if there else None


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(heads) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, rule, *rows))


def compared(results: Results, systems: list[str], kind: str, bar: str, scale: float, unit: str) -> str:
    """One row for each workload: the bar's figure, and the other systems' as multiples of it; their means below."""
    others = [s for s in systems if s != bar]
    heads = ["", f"{title(bar)}, {unit}", *map(title, others)]
    rows = []
    for name, row in results.items():
        own = row.get(bar, {}).get(kind)
        rows.append([WORKLOADS[name].title, figure(own * scale if own is not None else None)])
        rows[-1] += [figure(ratio(row, kind, other, bar)) for other in others]
    means = [geometric_mean(ratio(row, kind, other, bar) for row in results.values()) for other in others]
    return table(heads, [*rows, ["**geometric mean**", "", *(f"**{figure(mean)}**" for mean in means)]])


def plain(results: Results, systems: list[str], found: Callable[[dict[str, Any]], float | None]) -> str:
    """One row for each workload: a figure of each system."""
    rows = [
        [WORKLOADS[name].title, *(figure(found(row.get(system, {}))) for system in systems)]
        for name, row in results.items()
    ]
    return table(["", *map(title, systems)], rows)


def gradient_over_forward(one: dict[str, Any]) -> float | None:
    return one["steady"] / one["forward"] if one.get("steady") and one.get("forward") else None


def markdown(results: Results, systems: list[str], threads: str, quick: bool) -> str:
    """The whole page."""
    peers = [s for s in systems if s != "bare"]
    parts = ["# Benchmark", *machine(results, threads)]
    if quick:
        parts.append("**Small sizes, a trial run: these are no measurements.**")
    bar = "best" if "best" in systems else systems[0]
    parts += [
        "## Steady call: value and gradient, as multiples of the first column",
        compared(results, systems, "steady", bar, 1e3, "ms"),
    ]
    if "tapeless" in systems:
        parts += [headlines(results)]
        parts += [
            "## First call (trace and compile), as multiples of the first column",
            "Of a process that has imported the system and compiled something trivial.",
            compared(results, [s for s in peers if s not in ("best", "naive")], "first", "tapeless", 1e3, "ms"),
        ]
    parts += [
        "## Time of value and gradient over the time of the function alone",
        "The function alone is plain NumPy for `best`, `naive` and `tapeless`.",
        plain(results, peers, gradient_over_forward),
        "## Peak memory of one call, MiB",
        "Results and temporaries: on NumPy what tracemalloc saw; of JAX what XLA planned, without the copies of its "
        "arguments; of PyTorch how far the resident memory rose, which is coarser.",
        plain(results, peers, lambda one: one["memory"] / 2**20 if one.get("memory") else None),
        "## Lines of source",
        "Of a peer the lines of the function, of the others those of the gradient.",
        plain(results, peers, lambda one: one.get("lines")),
    ]
    if "best" in systems and "tapeless" in systems:
        mean = geometric_mean(ratio(row, "memory", "tapeless", "best") for row in results.values())
        mean_line = f"tapeless over the best by hand, geometric mean: {figure(mean)}."
        parts.insert(parts.index("## Lines of source"), mean_line)
    problems = not_measured(results)
    if problems:
        parts += ["## Not measured", "\n".join(problems)]
    return "\n\n".join(parts) + "\n"


def headlines(results: Results) -> str:
    """The ratios that are asked for most, the mean and the worst of each."""
    pairs = [("tapeless", "best"), ("autograd", "tapeless"), ("jax", "tapeless"), ("torch", "tapeless")]
    rows = []
    for one, other in pairs:
        ratios = {name: r for name, row in results.items() if (r := ratio(row, "steady", one, other))}
        if ratios:
            worst = max(ratios, key=ratios.__getitem__) if one == "tapeless" else min(ratios, key=ratios.__getitem__)
            mean = figure(geometric_mean(ratios.values()))
            rows.append([f"{title(one)} / {title(other)}", mean, f"{figure(ratios[worst])} ({WORKLOADS[worst].title})"])
    return table(["steady call", "geometric mean", "worst for tapeless"], rows)


def not_measured(results: Results) -> list[str]:
    """One line for each system and reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, row in results.items():
        for system, one in row.items():
            if "problem" in one:
                groups.setdefault((title(system), one["problem"]), []).append(WORKLOADS[name].title)
    return [
        f"- {system}, {'all workloads' if len(names) == len(results) else '; '.join(names)}: {reason}"
        for (system, reason), names in groups.items()
    ]


def machine(results: Results, threads: str) -> list[str]:
    """Where and on what this was measured."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = re.search(r"model name\s*:\s*(.*)", information.read_text())
        cpu = found.group(1) if found else cpu
    found_versions: dict[str, str] = {}
    for row in results.values():
        for one in row.values():
            found_versions |= one.get("versions", {})
    busy = [one["cores"] for row in results.values() for one in row.values() if one.get("cores")]
    today, system = datetime.date.today().isoformat(), f"{platform.system()} {platform.machine()}"
    listed = ", ".join(f"{name} {version}" for name, version in found_versions.items())
    used = "One thread everywhere" if threads == "1" else "All threads"
    return [
        f"{today}; {cpu}, {os.cpu_count()} cores; {system}; {listed}.",
        used
        + (f" (at most {max(busy):.1f} cores were busy)." if busy else ".")
        + " Medians over rounds that go through the systems in turn, each in a process of its own; NumPy in and out.",
    ]


def progress(name: str, row: dict[str, dict[str, Any]]) -> str:
    """One line for the terminal."""
    figures = (
        f"{system} {figure(one['steady'] * 1e3) if one.get('steady') else one.get('problem', '-')}"
        for system, one in row.items()
    )
    return f"{name:20} ms: " + ", ".join(figures)


def plot(results: Results, systems: list[str], path: Path) -> None:
    """A dot for each system on each workload: its time over the best by hand. Nothing without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tapeless", "font.size": 8})
    from matplotlib import pyplot

    bar = "best" if "best" in systems else systems[0]
    names = list(results)[::-1]
    drawing, axes = pyplot.subplots(figsize=(8, 1.2 + 0.24 * len(names)), layout="constrained")
    for system in systems:
        points = [(r, y) for y, name in enumerate(names) if (r := ratio(results[name], "steady", system, bar))]
        if points:
            across, up = zip(*points)
            axes.scatter(
                across, up, s=26, label=title(system), color=COLOURS[system], zorder=3 + (system == "tapeless")
            )
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), [WORKLOADS[name].title for name in names])
    axes.set_xlabel(f"time of value and gradient / {title(bar)}")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.grid(color="#dddddd")
    drawing.legend(ncols=len(systems), loc="outside upper center", frameon=False)
    drawing.savefig(path, metadata={"Date": None})
    pyplot.close(drawing)
