"""`g.profile(*args)`: every line of the source with its calls, its time and its memory."""

from typing import Any

import numpy as np
import pytest

from tapeless import fori_loop, grad, hvp, jacobian, value_and_grad
from tapeless.runtime.profile import LineCost, Profile

RANDOM = np.random.default_rng(0)


def layer(w: Any, x: Any) -> Any:
    hidden = x @ w
    small = np.sum(hidden[0, :3])
    return small * small


def line(found: Profile, part: str) -> LineCost:
    (only,) = [one for one in found.lines if part in one.text and "#" not in one.text]
    return only


def test_each_line_has_its_time_and_memory() -> None:
    w, x = RANDOM.normal(size=(300, 300)), RANDOM.normal(size=(300, 300))
    gradient = value_and_grad(layer)
    found = gradient.profile(w, x)
    assert [one.text for one in found.lines] == gradient.source.splitlines()
    assert [one.number for one in found.lines] == list(range(1, len(found.lines) + 1))
    product = line(found, "hidden = x @ w")
    assert 720_000 <= product.bytes < 800_000
    assert line(found, " small = ").bytes < 10_000
    assert product.seconds > 5 * line(found, " small = ").seconds
    for one in found.lines:
        statement = one.text.strip()[:1] not in ("", "#") and "def " not in one.text
        assert one.calls == 0 or statement
        assert one.seconds >= 0 <= one.bytes
        assert statement or one.seconds == one.bytes == 0
    assert found.name == "layer_value_and_grad"
    assert found.runs >= 5
    assert 0 < product.seconds < 10 * found.seconds


def test_lines_in_loops_add_up() -> None:
    def steps(x: Any) -> Any:
        return fori_loop(0, 40, lambda i, y: y - 0.1 * np.sin(y), x)

    found = grad(steps).profile(np.float64(0.5))
    assert line(found, "np.sin(").calls == 40
    assert line(found, "np.cos(").calls == 40
    assert line(found, "return").calls == 1
    assert line(found, "for i in range(40)").calls == 0


def test_it_prints_a_table() -> None:
    plain = str(grad(layer).profile(RANDOM.normal(size=(30, 40)), RANDOM.normal(size=(20, 30)))).splitlines()
    assert plain[0].startswith("layer_grad: ")
    assert plain[0].split(" a call, the median of ")[1].isdigit()
    assert plain[1].split() == ["time", "%", "memory"]
    (product,) = [row for row in plain if "hidden = x @ w" in row and "#" not in row]
    time, unit, share, size, prefix = product.split()[:5]
    assert float(time) >= 0
    assert unit in ("µs", "ms")
    assert 0 <= float(share) <= 100
    assert 6.2 < float(size) < 9  # 20 x 40 numbers, and the array around them
    assert prefix == "KiB"
    looped = str(grad(lambda x: fori_loop(0, 3, lambda i, y: y * x, x)).profile(2.0)).splitlines()
    assert looped[1].split() == ["time", "%", "calls", "memory"]


def test_arguments_that_are_written_stay_as_they_are() -> None:
    def writes(x: Any) -> Any:
        x[0] *= 2
        return np.sum(x * x)

    x = np.ones(3)
    assert line(grad(writes).profile(x), "x[...] = ").calls == 1
    np.testing.assert_array_equal(x, 1)


def test_of_every_kind() -> None:
    def cubes(x: Any, power: int = 3) -> Any:
        return np.sum(x**power)

    class Model:
        scale = 2.0

        @grad
        def loss(self, w: Any) -> Any:
            return self.scale * np.sum(w * w)

    x = RANDOM.normal(size=4)
    assert "hvp" in str(hvp(cubes).profile(x, x))
    assert "jacobian" in str(jacobian(lambda x: x * x).profile(x))
    assert "loss_grad" in str(Model().loss.profile(x))
    assert "cubes_grad" in str(grad(cubes, debug="nan").profile(x, power=2))
    gradient = grad(cubes)
    gradient.profile(x)
    assert gradient.cache_info().misses == 1


def test_what_the_function_raises_comes_through() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        grad(lambda a: np.sum(np.linalg.inv(a))).profile(np.zeros((2, 2)))
