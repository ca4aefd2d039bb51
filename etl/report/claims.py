"""A claim about a dataset in its owner's words: what is wrong with a row that does not meet it, and what should stand there.

The columns are called as the department calls them: the owner knows no cleaned names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.report import words
from etl.spec import Registry, Source
from etl.spec.suite import Claim

NUMBER_STATES = "_state"  # cleaned columns that tell whether a number is one by its check digit
BARE = {"geom": "@geometry"}
REPEATS = {"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"}


@dataclass(frozen=True)
class Asked:
    """What a failed claim asks. `columns`: the delivered columns it looks at, the one it is about first. `repeats`: its rows are wrong
    because of each other, and are told side by side."""

    says: str
    expected: str
    columns: tuple[str, ...]
    repeats: bool = False


def asked(claim: Claim, registry: Registry, source: Source) -> Asked:
    """What is wrong with the rows that fail, and what to do, in words."""
    delivered = {
        c.as_ + suffix: name for name, c in source.columns.items() for suffix in registry.rules[c.rule].outputs
    } | BARE  # cleaned → delivered
    titles = {name: title for name, (_, title) in registry.outputs(source).items()}

    def name(cleaned: Any) -> str:
        own = delivered.get(str(cleaned))
        declared = source.columns.get(own or "")
        return words.column(own, declared.title if declared else None) if own else titles.get(str(cleaned), str(cleaned))

    def label(cleaned: Any) -> Callable[[Any], str]:
        declared = source.columns.get(delivered.get(str(cleaned), ""))
        codes = registry.codes.get(declared.codes or "") if declared else None
        return lambda value: codes.codes.get(str(value), str(value)) if codes else str(value)

    says, expected = _words(claim, name, label)
    looked = [delivered[c] for c in _columns(claim) if c in delivered]
    own = [claim.column] if claim.column else []
    return Asked(says, expected or claim.because.rstrip("。"), tuple(dict.fromkeys(own + looked)), claim.type in REPEATS)


def _columns(claim: Claim) -> list[str]:
    """The cleaned columns that a claim names as what it is about."""
    k = claim.kwargs
    return [str(k[n]) for n in ("column", "column_A", "column_B") if n in k] + [str(c) for c in k.get("column_list") or ()]


def _words(claim: Claim, name: Callable[[Any], str], label: Callable[[Any], Callable[[Any], str]]) -> tuple[str, str]:
    """(what is wrong, what should be); nothing of the second where only the claim's own reason says it."""
    k = claim.kwargs
    column, a, b = (name(k[n]) if n in k else "" for n in ("column", "column_A", "column_B"))
    listed = "、".join(name(c) for c in k.get("column_list") or ())
    values = list(dict.fromkeys(map(label(k.get("column")), k.get("value_set") or ())))
    if claim.type == "expect_column_values_to_be_in_set" and str(k["column"]).endswith(NUMBER_STATES):
        persons = "legacy15" in k["value_set"]
        return f"{column}缺、错或不是约定的号码", "填写正确的18位身份号码" if persons else ""
    said: Mapping[str, tuple[str, str]] = {
        "expect_column_values_to_not_be_null": (f"{column}空着，或所写的读不出", "填写实际的值；“不详”“无”之类等于没填"),
        "expect_column_values_to_be_null": (f"{column}不该有值", "留空"),
        "expect_column_values_to_be_in_set": (f"{column}不是约定的写法", f"只填：{_few(values)}"),
        "expect_column_values_to_not_be_in_set": (f"{column}填了不该填的值", f"不填：{_few(values)}"),
        "expect_column_values_to_match_regex": (f"{column}的写法不合约定", ""),
        "expect_column_values_to_not_match_regex": (f"{column}中有不该有的内容", ""),
        "expect_column_values_to_be_between": (f"{column}超出合理的范围", _between(k)),
        "expect_column_value_lengths_to_be_between": (f"{column}的字数不对", f"字数{_between(k)}"),
        "expect_column_pair_values_a_to_be_greater_than_b": (
            f"{a}早于（小于）{b}",
            "" if k.get("or_equal") else f"{a}应晚于（大于）{b}",
        ),
        "expect_column_pair_values_to_be_equal": (f"{a}与{b}不同", "两列应相同"),
        "expect_column_values_to_be_unique": (f"{column}重复", "各行应不同；同一个值的几行请核对，只留对的"),
        "expect_compound_columns_to_be_unique": (f"{listed}合起来重复", "各行应不同；同样的几行请核对，只留对的"),
        "expect_select_column_values_to_be_unique_within_record": (f"{listed}中有相同的", "一行之内各不相同"),
        "expect_column_values_to_refer_to": (f"{column}在平台已有的数据中找不到", "填写确有的值"),
    }
    return said.get(claim.type, (claim.because.partition("；")[0].rstrip("。"), ""))


def _few(values: Sequence[str]) -> str:
    return "、".join(values[:12]) + (f" 等 {len(values)} 个值" if len(values) > 12 else "")


def _between(k: Mapping[str, Any]) -> str:
    low, high = (_bound(k.get(n)) for n in ("min_value", "max_value"))
    if low and high:
        return f"应在 {low} 与 {high} 之间"
    return f"应不早于（不小于）{low}" if low else f"应不晚于（不大于）{high}"


def _bound(value: Any) -> str:
    if isinstance(value, dict):  # {$PARAMETER: today}
        return "交付当日"
    return "" if value is None else str(value)
