"""What the docs show of the code is what the code says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def lifecycle(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """The script that draws the lifecycle."""
    return load_file(DOCS / "lifecycle.py")


def test_the_lifecycle_diagram_is_drawn_from_the_table(lifecycle: ModuleType) -> None:
    drawn = (DOCS / "_static" / "lifecycle.svg").read_text("utf-8")
    assert drawn == lifecycle.draw(), "run: python docs/lifecycle.py"


def test_the_lifecycle_page_shows_the_table(lifecycle: ModuleType) -> None:
    page = (DOCS / "reference" / "lifecycle.md").read_text("utf-8")
    assert page == lifecycle.insert(page, lifecycle.tabulate()), "run: python docs/lifecycle.py"
