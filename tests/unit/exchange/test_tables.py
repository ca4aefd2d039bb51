"""A counts table as it is published: long form, totals, hidden figures."""

import pytest

from etl.errors import UsageError
from etl.exchange.opening.tables import counts
from etl.spec.opendata import OpenSet

SET = OpenSet.model_validate(
    {
        "title": "试", "abstract": "试", "provider": "health", "keywords": ["试"], "update_cycle": "每月",
        "columns": {"town": "乡镇", "sex": "性别", "n": "人数"}, "counts": {"rows": ["town"], "columns": ["sex"], "measure": "n"},
    }
)  # fmt: skip


def test_figures_are_rounded_and_totals_are_of_the_true_figures() -> None:
    told = counts("x", SET, [("甲", "男", 14), ("甲", "女", 24), ("乙", "男", 34), ("乙", "女", 44)], 10, 10).to_pylist()
    assert {(r["town"], r["sex"]): r["n"] for r in told} == {
        ("乙", "女"): 40, ("乙", "男"): 30, ("乙", "合计"): 80, ("甲", "女"): 20, ("甲", "男"): 10, ("甲", "合计"): 40,
        ("合计", "女"): 70, ("合计", "男"): 50, ("合计", "合计"): 120,
    }  # fmt: skip
    assert not any(r["suppressed"] for r in told)


def test_a_combination_that_does_not_occur_is_hidden_like_any_small_one() -> None:
    told = {(r["town"], r["sex"]): r for r in counts("x", SET, [("甲", "男", 50), ("甲", "女", 60), ("乙", "男", 70)], 10, 10).to_pylist()}
    assert told["乙", "女"]["n"] is None
    assert told["乙", "女"]["suppressed"]


def test_of_nothing_there_is_an_empty_table() -> None:
    assert counts("x", SET, [], 10, 10).num_rows == 0


def test_an_empty_dimension_is_named_with_its_file() -> None:
    with pytest.raises(UsageError, match=r"sql/open/x.sql：维度列里有空值"):
        counts("x", SET, [(None, "男", 5)], 10, 10)
