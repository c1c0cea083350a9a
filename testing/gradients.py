"""assert_grads, and cases for it in the form that pytest.mark.parametrize takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..runtime.checking import check_grads


def assert_grads(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    modes: Sequence[str] | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Hold the derivatives of f at args, up to `order`, to central differences.

    As `check_grads`, with the arguments as f takes them. The AssertionError is the whole of what pytest shows: where
    the test called it, the worst element, both numbers and the generated line, without the frames in between.
    """
    __tracebackhide__ = True  # pytest's sign for a frame that it leaves out
    chosen = {} if modes is None else {"modes": modes}
    check_grads(f, args, order=order, atol=atol, rtol=rtol, eps=eps, **chosen)


def grad_cases(*unnamed: tuple[Any, ...], **named: tuple[Any, ...]) -> dict[str, Any]:
    """(f, *args) for each case, as what pytest.mark.parametrize takes for a test of `f` and `args`.

        @pytest.mark.parametrize(**grad_cases((loss, w, x), at_zero=(norm, np.zeros(3))))
        def test_gradients(f, args):
            assert_grads(f, *args)

    A case is called as its keyword, or else as its function; a number is added to a name that was there before. Raises
    TypeError for a case that does not begin with a function.
    """
    ids: list[str] = []
    values: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
    for name, case in [*(("", case) for case in unnamed), *named.items()]:
        if not isinstance(case, tuple) or not case or not callable(case[0]):
            raise TypeError(f"a case is a tuple (f, *args) that begins with a function, not {case!r}")
        wish: str = name or getattr(case[0], "__name__", type(case[0]).__name__)
        number, chosen = 2, wish
        while chosen in ids:
            chosen, number = f"{wish}-{number}", number + 1
        ids.append(chosen)
        values.append((case[0], case[1:]))
    return {"argnames": ("f", "args"), "argvalues": values, "ids": ids}
