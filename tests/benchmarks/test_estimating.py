"""From what the rounds cost to ratios with quartiles, and when not to believe them."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.estimating import Row, Run, Table, estimate, quartiles


def table(control: float, *, tolerance: float = 0.05) -> Table:
    rows = (Row("raw", 1, 1, 1, 1e-6), Row("raw once more (control)", control, control, control, 0))
    return Table("text", tolerance, rows)


def test_each_round_is_divided_by_its_own_baseline() -> None:
    """The machine was twice as slow in the second round; the ratio doesn't know."""
    rows = estimate({"raw": [1.0, 2.0, 1.0], "wrapper": [3.0, 6.0, 3.0]}, {})
    assert [row.ratio for row in rows] == [1.0, 3.0]


def test_a_rows_ratio_is_the_median_between_its_quartiles() -> None:
    rows = estimate({"raw": [1.0] * 5, "wrapper": [9.0, 2.0, 3.0, 4.0, 1.0]}, {})
    assert (rows[1].lower, rows[1].ratio, rows[1].upper) == (2.0, 3.0, 4.0)


def test_a_rows_cost_is_the_median_of_its_own_rounds() -> None:
    assert estimate({"raw": [1.0, 5.0, 2.0]}, {})[0].cost == 2.0


def test_one_round_is_its_own_quartiles() -> None:
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)


def test_a_row_knows_what_it_should_stay_below() -> None:
    rows = estimate({"raw": [1.0], "wrapper": [2.0]}, {"wrapper": 1.5})
    assert [row.at_most for row in rows] == [None, 1.5]


def test_a_target_for_a_candidate_that_is_not_there_is_an_error() -> None:
    """A renamed candidate would lose its target in silence."""
    with pytest.raises(ValueError, match="not measured: wraper"):
        estimate({"raw": [1.0], "wrapper": [2.0]}, {"wraper": 1.5})


@pytest.mark.parametrize("control", [0.95, 1.0, 1.05])
def test_a_table_counts_while_its_control_is_within_the_tolerance(control: float) -> None:
    assert not table(control).void


@pytest.mark.parametrize("control", [0.94, 1.06])
def test_a_table_whose_control_is_further_off_is_void(control: float) -> None:
    assert table(control).void


def test_a_table_may_tolerate_more() -> None:
    assert not table(1.059, tolerance=0.06).void


def test_a_run_survives_json() -> None:
    run = Run({"CPython": "3.11"}, (table(1.0),))
    assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run
