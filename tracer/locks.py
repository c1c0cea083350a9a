"""Locks that are open in a forked child: a thread that held one when the process was forked does not exist there."""

from __future__ import annotations

import os
import weakref
from _thread import RLock  # as functools does: threading takes its time to import


class Lock:
    """A reentrant lock, for `with`."""

    def __init__(self) -> None:
        self._lock = RLock()
        _all.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def _reopen(self) -> None:
        if self._lock.acquire(blocking=False):  # it is free, or held by the thread that forked
            self._lock.release()
        else:
            self._lock = RLock()


_all: weakref.WeakSet[Lock] = weakref.WeakSet()


def _reopen_all() -> None:
    for lock in list(_all):
        lock._reopen()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reopen_all)
