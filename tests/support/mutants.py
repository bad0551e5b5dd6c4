"""One place of the product changed while a test runs that is to see it: in the living modules, whoever imported what from where."""

import ast
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest


class Mutant(NamedTuple):
    """`old` stands once in the module and becomes `new`; `seen_by` passes without, and fails with it."""

    module: str
    old: str
    new: str
    seen_by: Callable[[], Any]


@contextmanager
def planted(one: Mutant) -> Iterator[None]:
    """The place must be there, or the mutant proves nothing. A function gets its other code, a table is another table for
    all that hold it."""
    module = importlib.import_module(one.module)
    assert module.__file__
    source = Path(module.__file__).read_text("utf-8")
    assert source.count(one.old) == 1, f"{one.old!r} is there {source.count(one.old)} times"
    line = source[: source.index(one.old)].count("\n") + 1
    changed = source.replace(one.old, one.new)
    tree = ast.parse(changed)
    place = next(each for each in reversed(tree.body) if each.lineno <= line)
    made = ModuleType(module.__name__)
    made.__file__ = module.__file__
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, made)  # dataclasses look for themselves there
        exec(compile(changed, f"<{one.module}>", "exec"), made.__dict__)
        patch.setitem(sys.modules, module.__name__, module)
        match place:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                patch.setattr(_function(getattr(module, name)), "__code__", _function(getattr(made, name)).__code__)
            case ast.ClassDef(name=name):
                for each, value in vars(getattr(made, name)).items():
                    if (function := _function(value)) and each in place_names(place):
                        patch.setattr(_function(vars(getattr(module, name))[each]), "__code__", function.__code__)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                _everywhere(getattr(module, name), getattr(made, name), patch)
            case _:
                raise AssertionError(f"nothing that can be changed in place: {ast.dump(place)[:80]}")
        yield


def place_names(place: ast.ClassDef) -> set[str]:
    return {each.name for each in place.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def _function(value: Any) -> Any:
    match value:
        case FunctionType():
            return value
        case property():
            return value.fget
        case cached_property():
            return value.func
        case staticmethod() | classmethod():
            return value.__func__
        case _:
            return getattr(value, "__wrapped__", None)


def _everywhere(old: Any, new: Any, patch: pytest.MonkeyPatch) -> None:
    for module in list(sys.modules.values()):
        if module.__name__.split(".")[0] in ("services", "tests", "shared"):
            for name, value in list(vars(module).items()):
                if value is old:
                    patch.setattr(module, name, new)
