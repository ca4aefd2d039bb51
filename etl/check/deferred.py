"""Modules that a library imports at its top and never uses here: loaded when somebody first asks them for something.

The standard library's LazyLoader is of no use for this: it loads at any attribute access, and `inspect` looks at
`__file__` of every module there is.
"""

import importlib
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class Deferred(ModuleType):
    """Stands in sys.modules for a module until one of its names is asked for."""

    def __init__(self, spec: ModuleSpec):
        super().__init__(spec.name)
        self.__spec__ = spec
        self.__path__ = list(spec.submodule_search_locations or [])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def defer(name: str) -> None:
    """Defers a module, unless it is imported already or not installed."""
    if name not in sys.modules and (spec := find_spec(name)) is not None:
        sys.modules[name] = Deferred(spec)
