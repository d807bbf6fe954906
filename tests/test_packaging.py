"""What pip installs is what was promised, and no more."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The project table of pyproject.toml."""
    loaded: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return loaded


def test_it_depends_on_four_packages_and_no_others(project: dict[str, Any]) -> None:
    """Each further one is something that every user installs, audits and upgrades."""
    assert project["dependencies"] == [
        "anyio>=4.11",
        "pydantic>=2.10",
        "starlette>=0.46",
        "typing_extensions>=4.13",
    ]
    assert project["requires-python"] == ">=3.11"


def test_the_oldest_versions_tested_are_the_oldest_allowed(project: dict[str, Any]) -> None:
    """A lower bound that nothing tests is a guess."""
    lines = (ROOT / ".ci" / "oldest.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    extras = project["optional-dependencies"]
    allowed = dict(line.split(">=") for line in project["dependencies"] + extras["server"])
    assert {name: pins[name] for name in allowed} == {
        name: f"{version}.0" for name, version in allowed.items()
    }


def test_the_extras_are_as_documented(project: dict[str, Any]) -> None:
    """An extra that is renamed breaks the installs that name it."""
    extras = {"server", "demo", "test", "servers", "bench", "docs", "all"}
    assert set(project["optional-dependencies"]) == extras


def test_no_address_is_made_up(project: dict[str, Any]) -> None:
    """Whoever publishes it fills in where it lives."""
    assert "urls" not in project


def test_the_changelog_speaks_of_this_version(project: dict[str, Any]) -> None:
    """The version stands in pyproject.toml alone, so this is where a release is noticed."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"\n## {project['version']}" in changelog


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    """Without the marker a type checker takes everything imported from it for Any."""
    assert files("websocket_kit").joinpath("py.typed").is_file()


def test_the_readme_stays_short() -> None:
    """What is longer belongs in the docs."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_no_lock_file_is_committed() -> None:
    """A library runs with what its users have; the oldest and newest are tested instead."""
    assert "uv.lock" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    if git := shutil.which("git"):  # an sdist may be tested without
        tracked = subprocess.run(
            [git, "ls-files", "uv.lock"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert tracked.stdout == ""


def test_importing_it_imports_no_server_no_framework_and_no_second_event_loop() -> None:
    """An import costs what it needs and no more, and works where the extras are not."""
    unwanted = {"aiofiles", "fastapi", "litestar", "quart", "trio", "uvicorn", "websockets"}
    program = f"import sys, websocket_kit; print(sorted({unwanted} & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert found.stdout == "[]\n"
