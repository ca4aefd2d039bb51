"""The pages of the checks: the list, one per column rule, one per claim of a suite."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from etl.site import words
from etl.site.checks import Check
from etl.site.known import Known, Seen
from etl.site.page import Page

HERE = (("检查", "checks/index.html"),)


def pages(k: Known) -> Iterator[Page]:
    """Every page of the checks."""
    rules: dict[str, dict[str, list[Seen]]] = defaultdict(lambda: defaultdict(list))
    claims: dict[str, list[Seen]] = defaultdict(list)
    for each in k.seen.values():
        for s in each:
            if s.check.rule:
                rules[s.check.rule][s.check.problem].append(s)
            else:
                claims[s.check.page].append(s)
    yield Page(
        "checks/index.html", "checks.html.j2", "检查", "checks", {"rules": _listed_rules(k, rules), "claims": _listed_claims(k, claims)}
    )
    for rule in k.registry.rules:
        yield _rule(k, rule, rules.get(rule, {}))
    for page, seen in claims.items():
        yield _claim(k, page, seen[0].check, sorted(seen, key=lambda s: s.order))


def _sum(seen: list[Seen]) -> dict[str, int]:
    return {
        "targets": len({s.target for s in seen}), "failed": sum(s.failed for s in seen), "checked": sum(s.checked for s in seen),
        "missed": sum(s.state == "failed" for s in seen), "open": sum(s.open for s in seen), "broken": sum(s.state == "broken" for s in seen),
    }  # fmt: skip


def _listed_rules(k: Known, rules: dict[str, dict[str, list[Seen]]]) -> list[dict[str, Any]]:
    out = []
    for name, rule in k.registry.rules.items():
        for problem, told in rule.problems.items():
            seen = rules.get(name, {}).get(problem, [])
            out.append({"rule": name, "title": rule.title, "problem": problem, "told": told, "columns": len(seen), **_sum(seen)})
    return sorted(out, key=lambda x: (-x["failed"], x["rule"], x["problem"]))


def _listed_claims(k: Known, claims: dict[str, list[Seen]]) -> list[dict[str, Any]]:
    out = [{"check": seen[0].check, "about": about(k, seen[0].check), **_sum(seen)} for seen in claims.values()]
    grave = list(words.SEVERITIES)
    return sorted(out, key=lambda x: (-x["missed"], grave.index(x["check"].severity), -x["failed"], x["check"].stem, x["check"].name))


def about(k: Known, check: Check) -> str:
    """What a check is about: a form of delivery and who delivers it, or a library table."""
    if check.stem in k.stems:
        return f"{k.owners(check.stem)} · {k.stems[check.stem][0].title}"
    return k.target(check.targets[0])[0]


def _rule(k: Known, name: str, problems: dict[str, list[Seen]]) -> Page:
    rule = k.registry.rules[name]
    told = []
    for problem, declared in rule.problems.items():
        seen = sorted(problems.get(problem, []), key=lambda s: (-s.open, -s.failed, s.target, s.check.name))
        told.append({"name": problem, "told": declared, "found": [s for s in seen if s.failed or s.open], "others": [s for s in seen if not (s.failed or s.open)], **_sum(seen)})  # fmt: skip
    used = [(s.name, k.delivered(s, n), c.as_) for s in k.registry.sources.values() for n, c in s.columns.items() if c.rule == name]
    return Page(
        f"rules/{name}.html",
        "rule.html.j2",
        f"规则：{rule.title}",
        "checks",
        {"name": name, "rule": rule, "problems": told, "used": used},
        HERE,
    )


def _claim(k: Known, page: str, check: Check, seen: list[Seen]) -> Page:
    lines = [(k.target(s.target)[0], s.history.shares) for s in seen if s.history and len(s.history.shares) > 1] if len(seen) <= 6 else []
    given = {"check": check, "seen": seen, "about": about(k, check), "lines": lines, **_sum(seen)}
    return Page(page, "claim.html.j2", f"{about(k, check)}：{check.says}", "checks", given, HERE)
