"""The proposal as YAML that reads like the specs beside it: one line per column, comments where something is to be looked at."""

from collections.abc import Sequence
from typing import Any

import yaml

from etl.propose.columns import Told
from etl.spec import Source
from etl.spec.source import Terms

_DEFAULTS: dict[str, Any] = {n: f.default for n, f in Terms.model_fields.items() if not f.is_required()}


def flow(value: Any) -> str:
    """A value on one line, as YAML reads it back the same."""
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=10**6, sort_keys=False)
    return text.strip().removesuffix("...").strip()


def source(s: Source, told: Sequence[Told], facts: Sequence[str], doubts: Sequence[str], notes: Sequence[str]) -> str:
    """The spec. Doubts of a column stand at the column, the others and `notes` (columns that are not declared) at the head."""
    own = {t.delivered: t.doubts for t in told}
    head = [f"# {f}" for f in ("由 jichu new-source 提议，请逐条核对带“？”的注释，核对完删去。", *facts)]
    head += [f"# ？{line}" for d in dict.fromkeys([*notes, *doubts]) if d in notes or not d.startswith("列“") for line in d.splitlines()]
    terms = {
        k: v for k, v in s.delivery.model_dump().items() if k in ("channel", "kind", "due") or (v is not None and v != _DEFAULTS.get(k))
    }
    lines = [*head, f"title: {flow(s.title)}", f"delivery: {flow(terms)}", f"key: {flow(s.key)}", "columns:"]
    for name, column in s.columns.items():
        body = column.model_dump(by_alias=True, exclude_defaults=True)
        lines += [f"  # ？{d}" for d in own.get(name, [])]
        lines.append(f"  {flow(name)}: {flow(body)}")
    if s.running_number:
        lines.append(f"running_number: {flow(s.running_number)}")
    if s.rest:
        lines.append(f"rest: {s.rest}   # 未声明的各列")
    if s.geometry:
        lines.append(f"geometry: {flow({'kinds': list(s.geometry.kinds)})}")
    lines += _feeds(s)
    return "\n".join(lines) + "\n"


def _feeds(s: Source) -> list[str]:
    if not s.feeds:
        return ["feeds: []   # 供给哪个库由人来定：schemas/libraries/*.yml 的 inputs"]
    lines = ["feeds:"]
    for feed in s.feeds:
        lines += [f"  - to: {feed.to}", f"    role: {feed.role}"]
        if feed.fields is not None:
            lines.append(f"    fields: {flow(feed.fields)}")
    return lines


def suite(claims: Sequence[dict[str, Any]]) -> str:
    """The expectations, keyed as those beside them."""
    lines = ["expectations:"]
    for claim in claims:
        for i, (key, value) in enumerate(claim.items()):
            lines.append(f"{'  - ' if i == 0 else '    '}{key}: {flow(value)}")
    return "\n".join(lines) + "\n"
