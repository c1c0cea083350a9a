"""The command line: show a stage, compile a module ahead of time, check that modules are current."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import difflib
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from typing import NoReturn

from ..tracer.errors import TapelessError
from .ahead import Recipe, add_recipe, compiled_text, quoted, read_mark, recipe_of, stages_for
from .highlight import coloured
from .signatures import CommandError
from .targets import is_path

CURRENT, STALE, ERROR = 0, 1, 2


class _Parser(argparse.ArgumentParser):
    """Errors in one sentence, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message}; {self.prog} --help shows what it takes")


def _parser() -> argparse.ArgumentParser:
    from .. import __version__

    parser = _Parser(prog="tapeless", description="Readable NumPy gradient source from plain NumPy functions.")
    parser.add_argument("--version", action="version", version=f"tapeless {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="show | compile | check", parser_class=_Parser
    )
    show = commands.add_parser("show", help="print the gradient's source, or another stage of it")
    add_recipe(show)
    show.add_argument("--stage", choices=("trace", "adjoint", "optimized", "source"), default="source")
    make = commands.add_parser("compile", help="write a module that needs only numpy")
    add_recipe(make)
    make.add_argument("-o", "--output", required=True, help="the file to write, - for standard output")
    check = commands.add_parser("check", help="compare generated modules with what would be generated now")
    check.add_argument("files", nargs="+", metavar="file.py")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0 when all is well, 1 when a checked module is stale, 2 after an error."""
    try:
        options = _parser().parse_args(arguments)
        if options.command == "show":
            return _show(recipe_of(options), options.stage)
        if options.command == "compile":
            return _compile(recipe_of(options), options.output)
        return max(map(_check, options.files))
    except TapelessError as error:
        return _complain(error)
    except BrokenPipeError:  # the reader has seen enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CURRENT


def _complain(error: Exception) -> int:
    print(f"tapeless: {error}", file=sys.stderr)
    return ERROR


def _show(recipe: Recipe, stage: str) -> int:
    with _prints_apart():
        stages, _ = stages_for(recipe)
    text = stages.as_text(stage)
    print(coloured(text) if _in_colour() else text, end="" if text.endswith("\n") else "\n", flush=True)
    return CURRENT


def _compile(recipe: Recipe, output: str) -> int:
    from .. import __version__

    if output == "-":
        with _prints_apart():
            text = compiled_text(recipe, __version__)
        print(text, end="", flush=True)
        return CURRENT
    _check_writable(output)
    with _prints_apart():
        text = compiled_text(recipe, __version__, output)
    write(output, text)
    return CURRENT


def _check(file: str) -> int:
    """One file's exit code: what is wrong with one does not keep the others from being checked."""
    try:
        before = _read(file)
        recipe, after = _regenerated(file, before)
    except TapelessError as error:
        return _complain(error)
    if after == before:
        return CURRENT
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), file, f"{file} as it would be generated now", lineterm=""
    )
    print("\n".join(lines), flush=True)
    again = f"tapeless compile {recipe.command()} -o {quoted(file)}"
    print(f"tapeless: {file} is stale; write it again with: {again}", file=sys.stderr)
    return STALE


def _regenerated(file: str, text: str) -> tuple[Recipe, str]:
    """What the file was made from, as seen from the current directory, and the text that this gives now."""
    mark = read_mark(text)
    if mark is None:
        raise CommandError(
            f"{file} does not begin with the line that tapeless compile writes; generate it with tapeless compile"
        )
    version, words = mark
    parser = _Parser(prog="tapeless compile")
    add_recipe(parser)
    try:
        recipe = recipe_of(parser.parse_args(shlex.split(words)))
    except (CommandError, ValueError):
        raise CommandError(
            f"the first line of {file} cannot be read; generate it again with tapeless compile"
        ) from None
    folder = os.path.dirname(file)
    place, _, name = recipe.target.rpartition(":")
    if is_path(place):
        recipe = dataclasses.replace(recipe, target=f"{os.path.normpath(os.path.join(folder, place))}:{name}")
    with _prints_apart():
        try:
            return recipe, compiled_text(recipe, version, file)
        except TapelessError as error:
            raise CommandError(f"{file}: {error}") from None


def _read(file: str) -> str:
    try:
        with open(file, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandError(f"{file} cannot be read ({reason}); give the path of a generated module") from None


def _check_writable(output: str) -> None:
    """Refuse to write over anything that tapeless did not write."""
    folder = os.path.dirname(os.path.abspath(output))
    if not os.path.isdir(folder):
        raise CommandError(f"there is no folder {os.path.dirname(output)} to write {output} into; make it first")
    if not os.path.lexists(output):
        return
    if not os.path.isfile(output):
        raise CommandError(f"{output} is not a regular file; choose another -o, or - for standard output")
    if os.path.getsize(output) and read_mark(_read(output)) is None:
        raise CommandError(
            f"{output} was not generated by tapeless and is left as it is; delete it or choose another -o"
        )


def write(output: str, text: str) -> None:
    """The whole file or nothing: written beside its place and moved there."""
    final = os.path.realpath(output)
    try:
        mode = os.stat(final).st_mode & 0o777 if os.path.exists(final) else 0o666 & ~_umask()
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(final), prefix=".tapeless-", suffix=".py")
        try:
            with open(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            os.chmod(temporary, mode)
            os.replace(temporary, final)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise CommandError(f"{output} cannot be written ({error.strerror}); choose another -o") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _prints_apart() -> contextlib.AbstractContextManager[object]:
    """What the user's module prints goes to standard error, so that standard output is the text alone."""
    return contextlib.redirect_stdout(sys.stderr)


def _in_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
