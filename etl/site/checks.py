"""Every check there is, in plain Chinese: what the column rules look for, and what the suites claim."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from etl.site import words
from etl.site.lineage import by_stem
from etl.spec import Registry, Source
from etl.spec.suite import Claim, load_suite

# problems between two columns of a row (looked for only where both are declared)
PAIRS = {
    "id_birth_differs": ("citizen_id", "birth_date"),
    "id_sex_differs": ("citizen_id", "sex_code"),
    "coordinate_exchanged": ("longitude", "latitude"),
}
OPERATORS = {"==": "为", "!=": "不为", ">": "大于", "<": "小于", ">=": "不小于", "<=": "不大于"}


@dataclass(frozen=True)
class Check:
    """A check of one dataset form (`stem`) or library table. `name`: as in quality.result; `page`: where it is told; `rule`: of a column rule."""

    stem: str
    name: str
    targets: tuple[str, ...]
    columns: tuple[str, ...]
    delivered: str | None
    says: str
    why: str
    dimension: str
    severity: str
    page: str
    rule: str = ""
    problem: str = ""
    code: str = ""


def catalogue(registry: Registry, comments: dict[str, dict[str, str]]) -> list[Check]:
    """Every check, the datasets' first. comments: schema.table → column → what its comment says."""
    out: list[Check] = []
    for stem, alike in by_stem(registry).items():
        out += _of_rules(registry, stem, alike)
        titles = {n: t for n, (_, t) in registry.outputs(alike[0]).items()}
        out += _of_suite(stem, tuple(s.name for s in alike), titles)
    for library in registry.ordered_libraries():
        for table in library.tables:
            out += _of_suite(table.replace(".", "/"), (table,), comments.get(table, {}))
    return out


def rule_page(rule: str, problem: str) -> str:
    """Where a column rule's problem is told."""
    return f"rules/{rule}.html#{problem}"


def claim_page(stem: str, name: str) -> str:
    """Where a claim is told."""
    return f"checks/{stem.replace('/', '.')}.{name}.html"


def _of_rules(registry: Registry, stem: str, alike: list[Source]) -> Iterator[Check]:
    source, targets = alike[0], tuple(s.name for s in alike)
    cleaned = {c.as_ for c in source.columns.values()}
    looked = [(n, c.as_, c.rule, c.required) for n, c in source.columns.items()]
    if source.geometry:
        looked.append(("@geometry", "geom", "geometry", True))
    for delivered, name, rule, required in looked:
        for problem, told in registry.rules[rule].problems.items():
            pair = PAIRS.get(problem, ())
            if (pair and not (name in pair and cleaned.issuperset(pair))) or (problem == "missing_value" and not required):
                continue
            page = rule_page(rule, problem)
            columns = pair or (name,)
            yield Check(
                stem, f"{name}_{problem}", targets, columns, delivered, told.title, f"应当：{told.expected}", told.dimension, told.severity, page, rule, problem
            )  # fmt: skip


def _of_suite(stem: str, targets: tuple[str, ...], titles: dict[str, str]) -> Iterator[Check]:
    suite = load_suite(stem)
    for claim in suite.expectations if suite else ():
        page = claim_page(stem, claim.name)
        code = str(claim.kwargs.get("unexpected_rows_query", "")).replace("{batch}", stem.split("/")[-1])
        says, why = (claim.because.rstrip("。"), "下面的查询应当一行也找不到") if code else (say(claim, titles), claim.because)
        code = code or str(claim.kwargs.get("regex", ""))
        yield Check(
            stem, claim.name, targets, tuple(named(claim)), claim.column, says, why, claim.dimension, claim.severity, page, code=code
        )


def named(claim: Claim) -> list[str]:
    """The columns a claim is about; of a query: the words in it (whoever asks compares them with the columns there are)."""
    k = claim.kwargs
    found = [k[n] for n in ("column", "column_A", "column_B") if isinstance(k.get(n), str)]
    found += [str(c) for c in k.get("column_list") or ()]
    found += [c for c, _, _ in _conditions(k.get("row_condition"))]
    found += re.findall(r"[a-z_][a-z0-9_]*", re.sub(r"'[^']*'", "", str(k.get("unexpected_rows_query", ""))))
    return list(dict.fromkeys(found))


def _conditions(condition: Any) -> list[tuple[str, str, str]]:
    """(column, operator, value) of a row condition."""
    if not isinstance(condition, dict):
        return []
    parts = condition.get("conditions", [condition])
    return [
        (str(p["column"].get("name")), str(p.get("operator", "")), str(p.get("parameter", "")))
        for p in parts
        if isinstance(p, dict) and isinstance(p.get("column"), dict)
    ]


def say(claim: Claim, titles: dict[str, str]) -> str:
    """A claim as a sentence of plain Chinese."""
    k = claim.kwargs

    def title(column: Any) -> str:
        said = titles.get(str(column))
        return f"{words.title(said)}（{column}）" if said else str(column)

    sentence = _sentence(claim.type, k, title)
    if rows := _conditions(k.get("row_condition")):
        sentence = "，".join(f"{title(c)}{OPERATORS.get(o, o)}{v or '空'}的行" for c, o, v in rows) + "：" + sentence
    mostly = k.get("mostly")
    return sentence + (f"，至少 {100 * float(mostly):g}% 的行如此" if mostly is not None and float(mostly) < 1 else "")


def _sentence(kind: str, k: dict[str, Any], title: Any) -> str:
    column = title(k.get("column"))
    listed = [title(c) for c in k.get("column_list") or ()]
    a, b = title(k.get("column_A")), title(k.get("column_B"))
    sentences = {
        "expect_column_values_to_not_be_null": f"{column}不为空",
        "expect_column_values_to_be_null": f"{column}为空",
        "expect_column_values_to_be_unique": f"{column}不重复",
        "expect_column_values_to_match_regex": f"{column}的写法合乎规定",
        "expect_column_values_to_not_match_regex": f"{column}没有不该有的写法",
        "expect_column_values_to_be_in_set": f"{column}只取 {_values(k.get('value_set'))}",
        "expect_column_values_to_not_be_in_set": f"{column}不取 {_values(k.get('value_set'))}",
        "expect_column_values_to_be_between": f"{column}{_between(k)}",
        "expect_column_value_lengths_to_be_between": f"{column}的字数{_between(k)}",
        "expect_column_value_lengths_to_equal": f"{column}为 {k.get('value')} 个字",
        "expect_column_pair_values_a_to_be_greater_than_b": f"{a}{'不小（早）于' if k.get('or_equal') else '大（晚）于'}{b}",
        "expect_column_pair_values_to_be_equal": f"{a}与{b}相同",
        "expect_compound_columns_to_be_unique": f"{'、'.join(listed)}合起来不重复",
        "expect_select_column_values_to_be_unique_within_record": f"{'、'.join(listed)}互不相同",
        "expect_column_values_to_refer_to": f"{column}在 {k.get('table')}.{k.get('key')} 中找得到",
        "expect_table_row_count_to_be_between": f"行数{_between(k)}",
    }
    return sentences.get(kind) or f"{kind.removeprefix('expect_').replace('_', ' ')}：{column if k.get('column') else ''}"


def _values(given: Any) -> str:
    values = [str(v) for v in given or ()]
    return "、".join(values[:8]) + (f" 等 {len(values)} 个值" if len(values) > 8 else "")


def _between(k: dict[str, Any]) -> str:
    low, high = (_bound(k.get(n)) for n in ("min_value", "max_value"))
    if low and high:
        return f"在 {low} 与 {high} 之间"
    return f"不小（早）于 {low}" if low else f"不大（晚）于 {high}"


def _bound(value: Any) -> str:
    if isinstance(value, dict):
        return "业务日期" if "today" in value.values() else str(next(iter(value.values()), ""))
    return "" if value is None else str(value)
