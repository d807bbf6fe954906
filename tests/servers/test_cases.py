"""The cases cover every rule, and the exceptions are about cases and servers that exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.servers.exceptions import TABLE
from tests.servers.launch import KINDS
from tests.servers.rules import RULES

FILES = sorted((Path(__file__).parent / "cases").glob("test_*.py"))


def cases_in(path: Path) -> list[ast.FunctionDef]:
    return [
        node
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def rules_of(test: ast.FunctionDef) -> list[int]:
    return [
        ast.literal_eval(argument)
        for call in test.decorator_list
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.rule"
        for argument in call.args
    ]


def test_every_rule_has_a_case_and_every_case_a_rule_that_exists() -> None:
    marked = {rule for path in FILES for test in cases_in(path) for rule in rules_of(test)}
    assert marked == set(RULES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_case_is_compared_with_the_same_of_all_servers(path: Path) -> None:
    for test in cases_in(path):
        calls = [node for node in ast.walk(test) if isinstance(node, ast.Call)]
        assert sum(ast.unparse(call.func) == "same" for call in calls) == 1, test.name


def test_every_exception_is_about_a_case_and_servers_that_exist() -> None:
    names = {test.name for path in FILES for test in cases_in(path)}
    assert {row.case.partition("[")[0] for row in TABLE} <= names
    assert {server for row in TABLE for server in row.servers} <= set(KINDS)


def test_no_two_exceptions_are_about_the_same() -> None:
    about = [(row.case, server) for row in TABLE for server in row.servers]
    assert len(about) == len(set(about))
