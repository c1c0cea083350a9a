"""The command line: show a stage, compile a module ahead of time, check that modules are current."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import shlex
import sys
from collections.abc import Sequence
from typing import NoReturn

from ..tracer.errors import TapelessError
from .absent import absent
from .ahead import (
    Recipe,
    add_recipe,
    command,
    compiled_module,
    compiled_text,
    found_from,
    is_edited,
    quoted,
    read_mark,
    recipe_of,
    stages_for,
    unrolled,
)
from .files import check_writable, is_generated, read, write
from .highlight import coloured
from .project import read_project, searched
from .signatures import CommandError

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
    make = commands.add_parser(
        "compile",
        help="write a module that needs only numpy",
        description="Write a module that needs only numpy. Several functions of one module are written one behind the "
        "other, with --and between. Without any argument: all modules of [tool.tapeless] in pyproject.toml.",
    )
    add_recipe(make)
    make.add_argument("-o", "--output", help="the file to write, - for standard output")
    check = commands.add_parser(
        "check",
        help="compare generated modules with what would be generated now",
        description="Compare generated modules with what would be generated now. Without any argument: all modules of "
        "[tool.tapeless] in pyproject.toml.",
    )
    check.add_argument("files", nargs="+", metavar="file.py")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0 when all is well, 1 when a checked module is stale, 2 after an error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal may know few letters, and Python reads UTF-8
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="backslashreplace")
    try:
        if words in (["compile"], ["check"]):
            return _project(check=words == ["check"])
        options, *others = [_parser().parse_args(part) for part in _parts(words)]
        if options.command == "show":
            return _show([recipe_of(o) for o in (options, *others)], options.stage)
        if options.command == "compile":
            outputs = {o.output for o in (options, *others)} - {None}
            if len(outputs) != 1:
                raise CommandError("compile needs one -o: the file to write, or - for standard output")
            return _compile([recipe_of(o) for o in (options, *others)], *outputs)
        with searched():
            return max(map(_check, options.files))
    except TapelessError as error:
        return _complain(error)
    except BrokenPipeError:  # the reader has seen enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CURRENT


def _parts(words: Sequence[str]) -> list[list[str]]:
    """The words of each function: those between one --and and the next, behind the command."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == "--and":
            parts.append([words[0]])
        else:
            parts[-1].append(word)
    return parts


def _complain(error: Exception) -> int:
    print(f"tapeless: {error}", file=sys.stderr)
    return ERROR


def _show(recipes: Sequence[Recipe], stage: str) -> int:
    with _prints_apart(), searched():
        every = [stages for recipe in recipes for stages in stages_for(recipe, ("grad",))[0]]
    text = "\n".join(stages.as_text(stage) for stages in every)
    print(coloured(text) if _in_colour() else text, end="" if text.endswith("\n") else "\n", flush=True)
    return CURRENT


def _compile(recipes: Sequence[Recipe], output: str) -> int:
    from .. import __version__

    if output == "-":
        with _prints_apart(), searched():
            text = compiled_text(recipes, __version__)
        print(text, end="", flush=True)
        return CURRENT
    check_writable(output)
    with _prints_apart(), searched():
        text, functions = compiled_module(recipes, __version__, output)
    write(output, text)
    place = unrolled(functions)
    if place is not None:
        lines = text.count("\n")
        print(
            f"tapeless: {output} has {lines} lines, since Python's loop over {place} was unrolled; "
            "fori_loop(0, n, body, init) or scan(step, init, xs) keeps it a loop",
            file=sys.stderr,
        )
    return CURRENT


def _project(check: bool) -> int:
    """All modules of pyproject.toml, written or checked."""
    from .. import __version__

    project = read_project(os.getcwd())
    with project.entered(), contextlib.ExitStack() as missing:
        for module in project.modules:  # the package may import all of them
            missing.enter_context(absent(module.output))
        made: list[tuple[str, str]] = []
        outcomes = []
        for module in project.modules:
            old = read(module.output) if check and os.path.exists(module.output) else None
            mark = read_mark(old) if old is not None else None
            if not check:
                check_writable(module.output)
            try:
                with _prints_apart():
                    text = compiled_text(module.recipes, mark[0] if mark else __version__, module.output)
            except TapelessError as error:
                outcomes.append(_complain(CommandError(f"{project.place(module)}: {error}")))
                continue
            made.append((module.output, text))
            if check:
                outcomes.append(_compare(module.output, old, text, "tapeless compile"))
        if not check and not outcomes:
            for output, text in made:
                if not os.path.exists(output) or read(output) != text:
                    write(output, text)
    return max(outcomes, default=CURRENT)


def _check(file: str) -> int:
    """One file's exit code: what is wrong with one does not keep the others from being checked."""
    try:
        before = read(file)
        recipes, after = _regenerated(file, before)
    except TapelessError as error:
        return _complain(error)
    return _compare(file, before, after, f"tapeless compile {command(recipes)} -o {quoted(file)}")


def _compare(file: str, before: str | None, after: str, again: str) -> int:
    if after == before:
        return CURRENT
    if before is None:
        print(f"tapeless: {file} is missing; write it with: {again}", file=sys.stderr)
        return STALE
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), file, f"{file} as it would be generated now", lineterm=""
    )
    print("\n".join(lines), flush=True)
    edited = " (it was edited after it was generated)" if is_edited(before) else ""
    print(f"tapeless: {file} is stale{edited}; write it again with: {again}", file=sys.stderr)
    return STALE


def _regenerated(file: str, text: str) -> tuple[list[Recipe], str]:
    """What the file was made from, as seen from the current directory, and the text that this gives now."""
    mark = read_mark(text)
    if mark is None and is_generated(text):
        raise CommandError(f"{file} was made by tapeless.compile_module of a function that no command can name")
    if mark is None:
        raise CommandError(
            f"{file} does not begin with the line that tapeless compile writes; generate it with tapeless compile"
        )
    version, words = mark
    parser = _Parser(prog="tapeless compile")
    add_recipe(parser)
    try:
        first, *others = _parts(["", *shlex.split(words)])
        recipes = [recipe_of(parser.parse_args(part[1:])) for part in (first, *others)]
    except (CommandError, ValueError):
        raise CommandError(
            f"the first line of {file} cannot be read; generate it again with tapeless compile"
        ) from None
    recipes = [found_from(recipe, os.path.dirname(file)) for recipe in recipes]
    with _prints_apart():
        try:
            return recipes, compiled_text(recipes, version, file)
        except TapelessError as error:
            raise CommandError(f"{file}: {error}") from None


def _prints_apart() -> contextlib.AbstractContextManager[object]:
    """What the user's module prints goes to standard error, so that standard output is the text alone."""
    return contextlib.redirect_stdout(sys.stderr)


def _in_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
