"""Tables as charts."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks.charts import LEFT, RIGHT, WIDTH, draw
from tests.benchmarks.estimating import Row, Table

SVG = "{http://www.w3.org/2000/svg}"


def chart(*ratios: float, name: str = "peer") -> ET.Element:
    rows = [Row("raw ASGI", 1, 1, 1, 1e-6), Row("raw ASGI once more (control)", 1, 1, 1, 1e-6)]
    rows += [
        Row(f"{name} {index}", ratio * 0.9, ratio, ratio * 1.1, 1e-6)
        for index, ratio in enumerate(ratios)
    ]
    return ET.fromstring(draw(Table("text", 0.05, tuple(rows))))  # noqa: S314 - our own


def texts(element: ET.Element) -> list[str]:
    return [text.text or "" for text in element.iter(f"{SVG}text")]


def dots(element: ET.Element) -> list[float]:
    return [float(dot.attrib["cx"]) for dot in element.iter(f"{SVG}circle")]


def test_a_chart_names_each_row_and_its_ratio_but_not_the_control() -> None:
    shown = texts(chart(4.8))
    assert {"raw ASGI", "peer 0", "4.80"} <= set(shown)
    assert not any("control" in text for text in shown)


def test_the_scale_is_logarithmic() -> None:
    """From 1 to 2 is as far as from 2 to 4."""
    one, two, four = dots(chart(2, 4))
    assert two - one == pytest.approx(four - two, abs=0.2)


@pytest.mark.parametrize("ratios", [(1.05, 1.1), (0.012, 0.3), (2, 40), (1, 30_000)])
def test_all_is_within_the_chart(ratios: tuple[float, ...]) -> None:
    element = chart(*ratios)
    places = [
        float(line.attrib[end]) for line in element.iter(f"{SVG}line") for end in ("x1", "x2")
    ]
    assert min(places + dots(element)) >= LEFT
    assert max(places + dots(element)) <= WIDTH - RIGHT


@pytest.mark.parametrize("ratios", [(1.05, 1.1), (0.012, 0.3), (2, 40), (1, 30_000)])
def test_the_scale_has_a_1_and_room_between_its_marks(ratios: tuple[float, ...]) -> None:
    marks = [e for e in chart(*ratios).iter(f"{SVG}text") if e.get("text-anchor") == "middle"]
    assert "1" in [mark.text for mark in marks]
    places = [float(mark.attrib["x"]) for mark in marks]
    assert all(after - before >= 30 for before, after in itertools.pairwise(places))


def test_our_rows_stand_out() -> None:
    kinds = [dot.attrib["class"] for dot in chart(1.7, name="websocket_kit").iter(f"{SVG}circle")]
    assert kinds == ["peer", "ours"]


def test_it_can_be_read_on_light_and_on_dark() -> None:
    style = next(chart(2).iter(f"{SVG}style")).text or ""
    light, _, dark = style.partition("@media(prefers-color-scheme:dark)")
    color = re.compile(r"\.card{fill:(#\w+)}")
    assert color.findall(light) == ["#fff"]
    assert color.findall(dark) == ["#161b22"]


def test_a_reader_that_sees_no_pictures_is_told_what_it_is() -> None:
    element = chart(2)
    assert element.get("role") == "img"
    assert element.get("aria-label") == "Text echo, in memory: times raw ASGI"
