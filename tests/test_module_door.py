"""What a module checks when it is called: what it refuses, with which words, and what it lets in."""

import inspect
import re

import numpy as np
import pytest
from command_line import run
from module_programs import Own, W, X, Y, compiled, here, programs

from tapeless import grad

__all__ = ["here", "programs"]


def door(capsys):
    _, made = compiled(
        capsys, "m_programs:loss", "--args", "f64[d], f64[n, d], f64[n]",
        "--and", "m_programs:both", "--args", "f64[3]", "--kind", "vjp", "--argnums", "w,scale",
    )  # fmt: skip
    return made["loss_value_and_grad"], made["both_vjp"]


@pytest.mark.parametrize(
    ("name", "args", "calls", "message"),
    [
        ("stacked", "{'a': f64[2], 'b': f64[2]}", [{"a": W[:2], "b": W[:2], "c": W[:2]}], "list(p) == ['a', 'b']"),
        ("stacked", "{'a': f64[2], 'b': f64[2]}", [{"b": W[:2], "a": W[:2]}], "list(p) == ['a', 'b']"),
        ("stacked", "{'a': f64[2], 'b': f64[2]}", [{"a": W[:2]}], "list(p) == ['a', 'b']"),
        ("several", "f64[2], f64[2]", [W[:2], W[:2], W[:2]], "len(xs) == 2"),
        ("several", "f64[2]", [W[:2], W[:2]], "len(xs) == 1"),
        ("first", "f64[2]", [W[:2], 3.0], "len(others) == 0"),
        ("nested", "[(f64[2], f64), (f64[2], f64)]", [[(W[:2], W[0])] * 3], "len(layers) == 2"),
        ("nested", "[(f64[2], f64)]", [[(W[:2], W[0], 1.0)]], "len(layers) == 1 and len(layers[0]) == 2"),
    ],
)
def test_what_a_container_holds_besides_is_refused(programs, capsys, name, args, calls, message):
    _, made = compiled(capsys, f"m_programs:{name}", "--args", args)
    with pytest.raises(ValueError, match=re.escape(f"this was made for {message}")):
        made[f"{name}_grad"](*calls)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"act": np.cos}, "setting.act.__name__ must be 'sin'"),
        ({"mode": "slow"}, "setting.mode.name must be 'FAST'"),
        ({"dtype": np.dtype("f4")}, "setting.dtype must be '<f8'"),
        ({"part": range(3)}, "setting.part must be range(0, 2)"),
    ],
)
def test_another_value_of_what_is_part_of_the_text_is_refused(programs, capsys, change, message):
    _, made = compiled(capsys, "m_programs:chosen", "--args", "Setting(), f64[3]", "--argnums", "x")
    from m_programs import Mode, Setting

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(made["chosen_grad"](Setting(), x), [*np.cos(x[:2]), 0])
    change = {key: Mode.SLOW if value == "slow" else value for key, value in change.items()}
    with pytest.raises(ValueError, match=re.escape(message)):
        made["chosen_grad"](Setting(**change), x)
    code, _, err = run(capsys, "compile", "m_programs:chosen", "--args", "Odd(), f64[3]", "--argnums", "x", "-o", "-")
    assert (code, "setting.act is a function, which a module cannot tell from another one" in err) == (2, True)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ((0, W.tolist()), TypeError, "w must be a NumPy array of dtype float64 and shape [d], but is a list"),
        ((0, None), TypeError, "w must be a NumPy array of dtype float64 and shape [d], but is a NoneType"),
        ((0, W.view(Own)), TypeError, "but is a Own"),
        ((0, np.ma.masked_array(W, W > 0)), TypeError, "but is a MaskedArray"),
        ((1, X.astype(np.float32)), TypeError, "but is of dtype float32 and shape [10, 4]"),
        ((1, X.astype(int)), TypeError, "x must be a NumPy array of dtype float64 and shape [n, d]"),
        ((1, X[:, :3]), ValueError, "shape [n, d] = [10, 4], but is of dtype float64 and shape [10, 3]"),
        ((1, X[0]), ValueError, "x must be a NumPy array of dtype float64 and shape [n, d]"),
        ((2, Y[:9]), ValueError, "y must be a NumPy array of dtype float64 and shape [n] = [10], but is"),
        ((2, 1.0), ValueError, "y must be a NumPy array of dtype float64 and shape [n]"),
    ],
)
def test_what_the_door_refuses(programs, capsys, change, kind, message):
    args = [W, X, Y]
    args[change[0]] = change[1]
    with pytest.raises(kind) as error:
        door(capsys)[0](*args)
    assert message in str(error.value)


def test_what_the_door_lets_in(programs, capsys, tmp_path):
    made, both = door(capsys)
    want = made(W, X, Y)
    frozen = X.copy()
    frozen.flags.writeable = False
    mapped = np.memmap(tmp_path / "x", float, "w+", shape=X.shape)
    mapped[:] = X
    for x in (np.asfortranarray(X), X.astype(">f8"), frozen, mapped, np.repeat(X, 2, 0)[::2]):
        for mine, theirs in zip(made(W, x, Y), want, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-14)
    for scale in (3, np.float64(3), np.float32(3), np.array(3.0), np.int8(3)):
        out, pullback = both(np.ones(3), scale)
        np.testing.assert_array_equal(out, [9.0, 3.0, 3.0])
        assert type(pullback(np.ones(3))[1]) is float
    for scale in (3j, "3", None, np.ones(1), [3.0]):
        with pytest.raises(TypeError, match="scale must be a number of type float, but is"):
            both(np.ones(3), scale)
    for cotangent in (1.0, np.ones(2), np.ones((3, 1))):
        with pytest.raises(ValueError, match="dy must be a NumPy array of dtype float64"):
            both(np.ones(3))[1](cotangent)


def test_writes_into_arguments_stay(programs, capsys):
    _, made = compiled(capsys, "m_programs:written", "--args", "f64[3]", "--kind", "value,grad")
    for name, result in (("written_value", 24.0), ("written_grad", [8.0, 16.0, 8.0])):
        x = np.array([1.0, 2.0, 1.0])
        np.testing.assert_array_equal(made[name](x), result)
        np.testing.assert_array_equal(x, [2.0, 4.0, 2.0])


HIDING = {
    "a helper": lambda others_product, x: np.prod(others_product) * np.sum(x),
    "numpy": lambda np_, x: np.sum(np.exp(np_) * x),
    "a builtin": lambda range, float: np.sum(np.exp(range)) * float.sum(),
    "the door": lambda check_arguments, type: np.sum(check_arguments * type),
    "in a structure": lambda params, x: np.sum(params["others_product"]) * np.prod(x),
}


@pytest.mark.parametrize("name", HIDING)
def test_a_parameter_may_be_called_as_what_the_text_calls(name):
    made = HIDING[name]
    if name == "numpy":
        exec("import numpy\ndef f(np, x): return numpy.sum(numpy.exp(np) * x)", namespace := {})
        made = namespace["f"]
    made.__name__ = "f"
    args = {"others_product": np.array([1.0, 2.0, 3.0])} if name == "in a structure" else np.array([1.0, 2.0, 3.0])
    x = np.array([0.5, 4.0, 1.0])
    derivative = grad(made, argnums=(0, 1))
    names = list(inspect.signature(made).parameters)
    exec(compile(derivative.module(args, x), "generated", "exec"), module := {})
    for function in (derivative, module["f_grad"]):
        assert list(inspect.signature(function).parameters) == names
        first, second = function(**dict(zip(names, (args, x), strict=True)))
        step = 1e-6
        np.testing.assert_allclose(second[1], (made(args, x + [0, step, 0]) - made(args, x)) / step, rtol=1e-5)
        if name != "in a structure":
            np.testing.assert_allclose(first[1], (made(args + [0, step, 0], x) - made(args, x)) / step, rtol=1e-5)
    with pytest.raises(ValueError, match=f"{names[1]} must be a NumPy array"):
        module["f_grad"](args, np.ones(4))
