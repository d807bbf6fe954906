"""From the rounds of a case to its table: ratios, quartiles, and whether to believe them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Row:
    """One candidate of a table.

    Attributes:
        name: The candidate.
        lower: The first quartile of its ratios to the baseline, round by round.
        ratio: Their median.
        upper: The third quartile.
        cost: The median of what one unit cost, in the table's unit.
        at_most: The ratio that we want to stay below, if there is one.
    """

    name: str
    lower: float
    ratio: float
    upper: float
    cost: float
    at_most: float | None = None


@dataclass(frozen=True)
class Table:
    """What a case came to. The first row is the baseline, the second the control.

    Attributes:
        name: The case.
        tolerance: How far from 1 the control's ratio may be.
        rows: One for each candidate.
        left_out: The candidates that could not be measured, and why.
    """

    name: str
    tolerance: float
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = ()

    @property
    def void(self) -> bool:
        """Whether the machine was too noisy for this table to mean anything."""
        return not 1 - self.tolerance <= self.rows[1].ratio <= 1 + self.tolerance

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Make a table of what ``asdict`` made of it."""
        rows = tuple(Row(**row) for row in data["rows"])
        return cls(data["name"], data["tolerance"], rows, tuple(data["left_out"]))


@dataclass(frozen=True)
class Run:
    """All that one run found.

    Attributes:
        about: What it ran on and with: names and versions.
        tables: One for each case.
    """

    about: dict[str, str]
    tables: tuple[Table, ...]

    def to_json(self) -> dict[str, Any]:
        """The run as what the json module can write."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Make a run of what ``to_json`` made of it."""
        return cls(data["about"], tuple(map(Table.from_json, data["tables"])))


def estimate(costs: Mapping[str, Sequence[float]], at_most: Mapping[str, float]) -> tuple[Row, ...]:
    """Make a table's rows of the rounds.

    Args:
        costs: What one unit cost, by candidate, one figure a round; the baseline first.
        at_most: The ratios to stay below, by candidate.

    Raises:
        ValueError: There is a ratio to stay below for a candidate that isn't there.
    """
    unknown = sorted(at_most.keys() - costs.keys())
    if unknown:
        msg = f"targets for what is not measured: {', '.join(unknown)}"
        raise ValueError(msg)
    baseline = next(iter(costs.values()))
    rows: list[Row] = []
    for name, own in costs.items():
        ratios = [cost / base for cost, base in zip(own, baseline, strict=True)]
        lower, ratio, upper = quartiles(ratios)
        rows.append(Row(name, lower, ratio, upper, statistics.median(own), at_most.get(name)))
    return tuple(rows)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The first quartile, the median and the third, of one value or more."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, median, upper
