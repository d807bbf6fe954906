"""Show whole examples in the pages: ``python docs/embed.py`` rewrites the blocks that do.

Such a block stands below ``<!-- from examples/mounting/quart_wrap.py -->`` and is that file, but
for the docstring at its head. So a page reads the same here and rendered, and the file is what is
tested. A test fails while a block differs from its file.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent
BLOCK = re.compile(r"(?<=<!-- from )(\S+)( -->\n+```python\n).*?(?=```\n)", re.DOTALL)


def embed(page: str) -> str:
    """The page with each example as its file has it."""
    return BLOCK.sub(lambda block: f"{block[1]}{block[2]}{_code(DOCS / block[1])}", page)


def _code(file: Path) -> str:
    return file.read_text("utf-8").partition('"""\n\n')[2]


if __name__ == "__main__":
    for path in sorted(DOCS.glob("*/*.md")):
        path.write_text(embed(path.read_text("utf-8")), encoding="utf-8")
