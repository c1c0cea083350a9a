"""What a function that is made from another one keeps of it: name, docstring, signature, and its place in a class."""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..tracer.locks import Lock
from ..tracer.pickling import name_in_module

MAXIMUM = 128  # objects of which the methods are kept

_binding = Lock()  # apart from the locks of functions: one of those may be held while a method of another is traced


class Wrapping:
    """A function made from `fun`. In a class it is a method; a pickle holds its name, or what it is made of."""

    __wrapped__: Callable[..., Any]
    __name__: str
    _owner: tuple[Wrapping, Any] | None = None  # of a method: the function in the class, and the object

    def __init__(self, fun: Callable[..., Any], signature: inspect.Signature) -> None:
        functools.update_wrapper(self, fun, updated=())  # type: ignore[arg-type]
        self.__name__ = getattr(fun, "__name__", type(fun).__name__)
        if isinstance(fun, functools.partial):
            self.__doc__ = fun.func.__doc__
        self.__signature__ = signature
        self._bound: OrderedDict[int, tuple[Any, Any]] = OrderedDict()  # by the identity of the object

    @abstractmethod
    def _parts(self) -> tuple[Any, ...]:
        """What makes it, and of what."""

    @abstractmethod
    def _for(self, instance: Any) -> Any:
        """The same for the bound method."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: what is made from the bound method."""
        if instance is None:
            return self
        with _binding:
            known = self._bound.get(id(instance))
            if known is None:
                known = self._bound[id(instance)] = (instance, self._for(instance))
                known[1]._owner = (self, instance)
                if len(self._bound) > MAXIMUM:
                    self._bound.popitem(last=False)
            return known[1]

    def __reduce__(self) -> Any:
        """By name if it is decorated in a module, as functions and methods are; else by what it is made of."""
        if self._owner is None:
            return name_in_module(self) or (made, self._parts())
        instance = self._owner[1]
        if getattr(instance, self.__name__, None) is self:
            return getattr, (instance, self.__name__)
        return of_instance, self._owner  # the class holds it under another name


def made(make: Any, *parts: Any) -> Any:
    """What a pickle calls with the parts that it holds."""
    return make(*parts)


def of_instance(function: Wrapping, instance: Any) -> Any:
    """The function as a method of the object."""
    return function.__get__(instance)
