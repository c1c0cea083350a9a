"""The command line's reading of what it is told, and what it says when that cannot be done."""

from pathlib import Path

import pytest
from command_line import LOSS, here, run

from tapeless.runtime.ahead import Recipe, compiled_text
from tapeless.runtime.signatures import CommandError, argnums_text, parse_argnums, parse_arguments

__all__ = ["here"]

# ---------------------------------------------------------------------------------------------------------- errors

ERRORS = [
    (["m_model:nothing", "--args", "f64"], "m_model has no 'nothing'; name a function that stands at its top level"),
    (["m_model:los", "--args", "f64"], "m_model has no 'los'; did you mean loss?"),
    (["m_absent:loss", "--args", "f64"], "there is no module m_absent"),
    (["m_model.deep:loss", "--args", "f64"], "there is no module m_model.deep"),
    (["m-model:loss", "--args", "f64"], "'m-model' is not the name of a module"),
    (["absent.py:loss", "--args", "f64"], "there is no file absent.py"),
    (["m_model", "--args", "f64"], "'m_model' is not a target; write package.module:function"),
    (["m_model:number", "--args", "f64"], "m_model:number is not a function but of type int"),
    (["m_model:loss"], "the following arguments are required: --args"),
    (["m_model:loss", "--args", "f64"], "m_model:loss takes (w, x, y), but --args does not fit: missing"),
    (["m_model:loss", "--args", "f64,f64,f64,f64"], "--args does not fit: too many positional arguments"),
    (["m_model:loss", "--args", "f64,f64,z=f64"], "--args does not fit: missing a required argument: 'y'"),
    (["m_model:loss", "--args", "f64[3"], "--args 'f64[3' cannot be read"),
    (["m_model:loss", "--args", "f64) + (f64"], "cannot be read"),
    (["m_model:loss", "--args", "f63[3]"], "there is no dtype 'f63'"),
    (["m_model:loss", "--args", "f64[-1]"], "the dimension -1 is not a length"),
    (["m_model:loss", "--args", "float[3]"], "write f64[3] for an array"),
    (["m_model:loss", "--args", "open('x')"], "open('x') in --args is neither a type"),
    (["m_model:loss", "--args", "{w: f64}"], "must be written out"),
    (["m_model:loss", "--args", "**f64"], "--args cannot hold **"),
    (
        ["m_model:loss", "--args", "f64[4], f64[9, 5], f64[9]"],
        "tracing m_model:loss failed: ValueError at m_model.py:11",
    ),
    (["m_model:misfit", "--args", "f64[3]"], "ValueError at m_model.py:40"),
    (["m_model:vector", "--args", "f64[3]"], "must return one number"),
    (["m_model:loss", "--args", "i64[4], f64[10, 4], f64[10]"], "it is an array of int64"),
    (["m_model:branch", "--args", "f64[3]"], "only the types of the arguments are known"),
    ([*LOSS, "--argnums", "z"], "there is no argument called 'z'"),
    ([*LOSS, "--argnums", "9"], "argnums=9"),
    ([*LOSS, "--argnums", "0;1"], "--argnums '0;1' cannot be read"),
    ([*LOSS, "--stage", "nothing"], "invalid choice"),
]


@pytest.mark.parametrize(("words", "message"), ERRORS)
def test_errors_are_one_message_and_exit_code_2(here, capsys, words, message):
    code, out, err = run(capsys, "show", *words)
    assert (code, out) == (2, "")
    err = err.removeprefix("a module may print\n")
    assert err.startswith("tapeless: ")
    assert message in err
    assert "Traceback" not in err
    if "See docs/errors.md" not in err:  # these have the user's line and a fix in lines of their own
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = x / 0\n", "importing m_broken failed: ZeroDivisionError at m_broken.py:2: division by zero"),
        ("x = (\n", "importing m_broken failed: SyntaxError at m_broken.py:1: '(' was never closed"),
        ("import m_missing_library\n", "importing m_broken failed: ModuleNotFoundError at m_broken.py:1: No module"),
        ("raise SystemExit(3)\n", "importing m_broken failed: SystemExit at m_broken.py:1: 3"),
        ("import json\njson.loads('{')\n", "importing m_broken failed: JSONDecodeError at m_broken.py:2"),
    ],
)
def test_a_module_that_cannot_be_imported(here, capsys, text, message):
    Path("m_broken.py").write_text(text)
    for target in ("m_broken:f", "m_broken.py:f"):
        code, out, err = run(capsys, "show", target, "--args", "f64")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err.replace("m_broken.py failed", "m_broken failed")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("absent/out.py", "there is no folder absent"),
        (".", ". is not a regular file"),
    ],
)
def test_a_place_that_cannot_be_written(here, capsys, output, message):
    code, _, err = run(capsys, "compile", *LOSS, "-o", output)
    assert code == 2
    assert message in err


def test_a_large_captured_array_is_not_written_out(here, capsys):
    code, out, err = run(capsys, "compile", "m_model:too_big", "--args", "f64[2000]", "-o", "-")
    assert (code, out) == (2, "")
    assert "BIG has 2000 elements" in err


def test_a_path_from_python_is_the_same_text(here):
    recipe = Recipe("m_model:loss", "f64[4], f64[10,4], f64[10]", ("value_and_grad",))
    assert "loss_value_and_grad" in compiled_text([recipe], "0.1.0")


# --------------------------------------------------------------------------------------------------------- parsing


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("", ""),
        ("f64", "f64"),
        ("f64[32,10],f64[10]", "f64[32, 10], f64[10]"),
        ("(f64[1], [i64[5], bool[2]]), None", "(f64[1], [i64[5], bool[2]]), None"),
        ("{'w': f64[3,2], 0: float}", "{'w': f64[3, 2], 0: float}"),
        ("-3, 'relu', True, n=1e-3", "-3, 'relu', True, n=0.001"),
        ("f64[()]", "f64[()]"),
    ],
)
def test_arguments_have_one_spelling(text, spelled):
    assert parse_arguments(text)[2] == spelled
    assert parse_arguments(spelled)[2] == spelled


def test_arguments_as_values():
    args, kwargs, _ = parse_arguments("f32[2], (float, 3), {'a': [True, None]}, k='s', j=-1.5")
    assert str(args[0].type) == "f32[2]"
    assert args[1][0].type.weak
    assert args[1][1] == 3
    assert args[2] == {"a": [True, None]}
    assert kwargs == {"k": "s", "j": -1.5}


@pytest.mark.parametrize("text", ["0", "-1", "w", "0,1", "w,2", "0,"])
def test_argnums_have_one_spelling(text):
    assert argnums_text(parse_argnums(text)) == text


@pytest.mark.parametrize("text", ["", ",", "0,,1", "a b", "1.5"])
def test_argnums_that_cannot_be_read(text):
    with pytest.raises(CommandError, match="cannot be read"):
        parse_argnums(text)
