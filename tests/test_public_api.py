"""The public API, written out whole in ``public_api.txt``: a change to it shows in a review.

``python -m tests.test_public_api`` writes the file anew. It is drawn from the source rather than
from the objects, so that it holds annotations as they were written, on every Python alike.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from copy import copy
from functools import cache
from pathlib import Path
from textwrap import indent
from types import ModuleType

import pytest

import websocket_kit

SNAPSHOT = Path(__file__).with_name("public_api.txt")
MODULES = [
    "websocket_kit",
    *sorted(
        f"websocket_kit.{found.name}"
        for found in pkgutil.iter_modules(websocket_kit.__path__)
        if not found.name.startswith("_")
    ),
]
# Not exported, but part of what the signatures say.
MENTIONED = [
    ("HeadersLike", "websocket_kit.closing"),
    ("Options", "websocket_kit._options"),
    ("ServingOptions", "websocket_kit._options"),
]


def public_names(module: ModuleType) -> list[str]:
    names: list[str] = module.__all__
    return names


def api() -> str:
    """What every public module exports, then each name once, as it is declared."""
    blocks: list[str] = []
    homes = set(MENTIONED)
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        names = public_names(module)
        blocks.append("\n".join([f"# {module_name}", *(f"#   {name}" for name in names)]))
        homes.update((name, find_home(module, name)) for name in names)
    blocks.extend("\n".join(declare(home, name)) for name, home in sorted(homes))
    return "\n\n".join(blocks) + "\n"


def find_home(module: ModuleType, name: str) -> str:
    """The module that declares what another one exports."""
    home = getattr(getattr(module, name), "__module__", None)
    if isinstance(home, str) and home in source_files():
        return home
    return next(each for each in source_files() if name in declarations(each))


@cache
def source_files() -> dict[str, Path]:
    root = Path(websocket_kit.__path__[0])
    return {
        ".".join(["websocket_kit", *path.relative_to(root).with_suffix("").parts]): path
        for path in sorted(root.rglob("*.py"))
    }


@cache
def declarations(module_name: str) -> dict[str, list[ast.stmt]]:
    return by_name(ast.parse(source_files()[module_name].read_text("utf-8")).body)


def by_name(body: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """The statements that declare each name: of an overloaded function, the overloads."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in flatten(body):
        found.setdefault(declared(statement), []).append(statement)
    return {
        name: [each for each in statements if is_overload(each)] or statements
        for name, statements in found.items()
    }


def flatten(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If):  # if TYPE_CHECKING
            yield from flatten(statement.body)
        else:
            yield statement


def declared(statement: ast.stmt) -> str:
    match statement:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return ""


def is_overload(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        ast.unparse(decorator) == "overload" for decorator in statement.decorator_list
    )


def declare(home: str, name: str) -> Iterator[str]:
    for statement in declarations(home)[name]:
        yield header(statement)
        if isinstance(statement, ast.ClassDef):
            yield from (indent(line, "    ") for line in members(home, name))


def members(home: str, name: str) -> Iterator[str]:
    """What a class declares, and what it has from private bases in the package."""
    cls: type = getattr(importlib.import_module(home), name)
    for base in cls.__mro__:
        private = base.__name__.startswith("_") and base.__module__ in source_files()
        if base is cls or private:
            (node,) = declarations(base.__module__)[base.__name__]
            assert isinstance(node, ast.ClassDef)
            for member, statements in by_name(node.body).items():
                if member == "__init__" or (member and not member.startswith("_")):
                    yield from map(header, statements)


def header(statement: ast.stmt) -> str:
    """A declaration without its body: the decorators, the signature, a constant's value."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        statement = copy(statement)
        statement.body = []
    return ast.unparse(statement).removesuffix(":")


def test_the_public_api_is_as_reviewed() -> None:
    """A name or a signature changes on purpose, and a reviewer sees it, or not at all."""
    difference = difflib.unified_diff(
        SNAPSHOT.read_text("utf-8").splitlines(),
        api().splitlines(),
        "reviewed",
        "as it is now",
        lineterm="",
    )
    text = "\n".join(difference)
    assert not text, f"if this is meant, run: python -m tests.test_public_api\n{text}"


def test_there_are_at_most_thirty_names_at_the_top() -> None:
    """A surface that is worth a sentence a name."""
    assert len(websocket_kit.__all__) <= 30


@pytest.mark.parametrize("module_name", MODULES)
def test_a_public_module_lists_its_names_sorted_and_once(module_name: str) -> None:
    """So that a reader finds a name, and a merge conflict in the list solves itself."""
    names = public_names(importlib.import_module(module_name))
    assert names == sorted(set(names))


@pytest.mark.parametrize("module_name", MODULES)
def test_every_public_name_exists_and_says_what_it_does(module_name: str) -> None:
    """``help()`` and editors show it; an alias of a type has no docstring of its own."""
    module = importlib.import_module(module_name)
    silent = {
        name
        for name in public_names(module)
        if callable(found := getattr(module, name)) and not inspect.getdoc(found)
    }
    assert module.__doc__
    assert silent == set()


@pytest.mark.parametrize("module_name", MODULES)
def test_every_public_method_says_what_it_does(module_name: str) -> None:
    """The same for the methods and properties."""
    module = importlib.import_module(module_name)
    classes = [getattr(module, name) for name in public_names(module)]
    silent = {
        f"{cls.__qualname__}.{name}"
        for cls in classes
        if isinstance(cls, type)
        for name, member in vars(cls).items()
        if not name.startswith("_")
        and (inspect.isroutine(member) or isinstance(member, property))
        and not inspect.getdoc(getattr(cls, name))
    }
    assert silent == set()


if __name__ == "__main__":
    SNAPSHOT.write_text(api(), "utf-8")
