"""Holds an answer's imports to the list of `autograder.submission.imports` while it runs.

An installed package that is not on the list is replaced by a stand-in. Importing it is allowed, because a notebook may
begin with imports that it does not need; using it raises an error with an explanation. The files of packages with
ready-made attention cannot be read anyway (`landlock.py`), so removing the stand-ins gains nothing.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from collections.abc import Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from types import FrameType
from typing import Any, NoReturn

from autograder.submission.imports import listed
from autograder.workers import worker_messages
from autograder.workers.namespace import Namespace, StudentMessage

JUDGES = ("autograder", "solutions")  # students have no use for these, so importing them is an error at once


def hold_to_the_list(own: Iterable[str]) -> None:
    """From now on this process imports what is on the list, and stand-ins for the rest; `own` as in `listed`."""
    sys.meta_path.insert(0, _Door(frozenset(own)))


class _Door(MetaPathFinder, Loader):
    """Finds stand-ins for what is not on the list."""

    def __init__(self, own: frozenset[str]) -> None:
        self.own = own

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A stand-in's specification, None where the import goes on as usual."""
        if listed(fullname, self.own) or not _asked_by_the_answer():
            return None
        root = fullname.partition(".")[0]
        if root in JUDGES:
            return None  # the walls refuse it
        if not isinstance(sys.modules.get(root), _StandIn) and not _installed(root):
            return None  # Python says that there is no such package
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """An empty stand-in."""
        return _StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: a stand-in has no code."""


class _StandIn(types.ModuleType):
    """A module that may be imported and not used. What is imported from it cannot be used either."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing(self.__name__)


class _Nothing:
    """The value of any attribute of a stand-in: using it raises an error."""

    def __init__(self, package: str) -> None:
        self.__dict__["_package"] = package

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise StudentMessage(worker_messages.NOT_ON_THE_LIST.said(name=self.__dict__["_package"]))

    __call__ = __mro_entries__ = __iter__ = __getitem__ = __setattr__ = _refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


def _asked_by_the_answer() -> bool:
    """Whether the import statement, or the call of `importlib`, stands in the answer's own code."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    if frame is None:
        return False
    name = frame.f_code.co_filename
    return name in Namespace.files or (name.startswith("<") and not name.startswith("<frozen"))


def _installed(root: str) -> bool:
    return root in sys.modules or importlib.machinery.PathFinder.find_spec(root) is not None
