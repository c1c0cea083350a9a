"""A folder of files that nobody else can have written: private, replaced whole, and never trusted without a look.

On POSIX the folder and each file must belong to this user and must not be writable by others, which is asked of the
opened file itself, so that nothing can be exchanged in between; links are not followed. Windows has no such modes:
there the folder lies in the user's profile by default, whose access lists say the same.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LARGEST = 64 * 2**20  # bytes of a file that is read
FORGOTTEN = 3600.0  # seconds after which an unfinished file is nobody's
_NAME = re.compile(r"[0-9a-f]{32}-[0-9a-f]{12}\.py")  # of a finished file
_UNFINISHED = re.compile(rf"\.{_NAME.pattern}\.\d+\.[0-9a-f]{{12}}")
_SAFE = hasattr(os, "getuid") and os.open in os.supports_dir_fd
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Untrusted(Exception):
    """A file or folder that somebody else may have written; `why` is half a sentence."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path} {why}")
        self.path, self.why = path, why


class PrivateFolder:
    """The files of one folder, by name. Methods raise OSError, and Untrusted."""

    def __init__(self, above: str, name: str) -> None:
        self.path = os.path.join(os.path.realpath(above), name)

    def names(self) -> list[str]:
        """The finished files, sorted; none where there is no folder."""
        try:
            with self._opened() as at:
                return sorted(name for name in os.listdir(at) if _NAME.fullmatch(name))
        except FileNotFoundError:
            return []

    def read(self, name: str) -> bytes:
        """What is in a file."""
        with self._opened() as at:
            handle = os.open(self._place(name, at), os.O_RDONLY | _FLAGS, dir_fd=_dir(at))
            with open(handle, "rb") as file:
                found = os.fstat(file.fileno())
                _check(found, os.path.join(self.path, name))
                if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                    raise Untrusted(os.path.join(self.path, name), "is no ordinary file")
                return file.read(LARGEST)

    def write(self, name: str, content: bytes, most: int) -> None:
        """Put a file there, whole or not at all; of more than `most` files the oldest go."""
        self._make()
        with self._opened() as at:
            unfinished = f".{name}.{os.getpid()}.{os.urandom(6).hex()}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
            place = self._place(unfinished, at)
            try:
                with open(os.open(place, flags, 0o600, dir_fd=_dir(at)), "wb") as file:
                    file.write(content)
                self._replace(place, self._place(name, at), _dir(at))
            except BaseException:
                with suppress(OSError):
                    os.unlink(place, dir_fd=_dir(at))
                raise
            self._tidy(at, most)

    def remove(self, name: str) -> None:
        """Remove a file, if that is allowed."""
        with suppress(OSError, Untrusted), self._opened() as at:
            os.unlink(self._place(name, at), dir_fd=_dir(at))

    def _make(self) -> None:
        """The folder and those above it, each for this user alone."""
        missing = []
        path = self.path
        while path and not os.path.isdir(path) and os.path.dirname(path) != path:
            missing.append(path)
            path = os.path.dirname(path)
        for path in reversed(missing):
            with suppress(FileExistsError):  # another process was faster
                os.mkdir(path, 0o700)

    @contextmanager
    def _opened(self) -> Iterator[int | str]:
        """A descriptor of the folder, found to be private; its path where there are no descriptors of folders."""
        if not _SAFE:
            if not os.path.isdir(self.path):
                raise FileNotFoundError(self.path)
            yield self.path
            return
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | _FLAGS)
        try:
            _check(os.fstat(handle), self.path)
            yield handle
        finally:
            os.close(handle)

    def _replace(self, place: str, final: str, at: int | None) -> None:
        try:
            os.replace(place, final, src_dir_fd=at, dst_dir_fd=at)
        except PermissionError:  # Windows: another process is reading what this one has found to be missing
            if _SAFE or not os.path.exists(final):
                raise
            os.unlink(place)

    def _place(self, name: str, at: int | str) -> str:
        return name if isinstance(at, int) else os.path.join(at, name)

    def _tidy(self, at: int | str, most: int) -> None:
        """Remove the oldest files beyond the bound, and what was left unfinished long ago."""
        ages = []
        for name in os.listdir(at):
            with suppress(OSError):  # another process was faster
                age = os.stat(self._place(name, at), dir_fd=_dir(at), follow_symlinks=False).st_mtime
                if _NAME.fullmatch(name):
                    ages.append((age, name))
                elif _UNFINISHED.fullmatch(name) and time.time() - age > FORGOTTEN:
                    os.unlink(self._place(name, at), dir_fd=_dir(at))
        for _, name in sorted(ages)[: max(len(ages) - most, 0)]:
            with suppress(OSError):
                os.unlink(self._place(name, at), dir_fd=_dir(at))


def _dir(at: int | str) -> int | None:
    return at if isinstance(at, int) else None


def _check(found: os.stat_result, path: str) -> None:
    if not _SAFE:
        return
    if found.st_uid != os.geteuid():
        raise Untrusted(path, "belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Untrusted(path, "may be written by other users")
