"""The pages of quality: the city at a glance, departments, datasets, libraries, trends."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

from etl.site import history, words
from etl.site.facts import Delivery
from etl.site.known import Known, Seen, dataset_page, department_page, library_page
from etl.site.page import Page
from etl.site.tracing import forward
from etl.spec import Source

CURRENT = 8  # failed checks that a department's page tells


def pages(k: Known) -> Iterator[Page]:
    """Every page of quality but those of the checks."""
    departments = ranking(k)
    yield _front(k, departments)
    yield Page("departments/index.html", "departments.html.j2", "部门", "departments", {"departments": departments})
    yield Page("datasets/index.html", "datasets.html.j2", "数据集", "datasets", {"rows": [_brief(k, n) for n in k.registry.sources]})
    yield _trends(k)
    for d in departments:
        yield _department(k, d)
    for source in k.registry.sources.values():
        yield _dataset(k, source)
    for library in k.registry.libraries:
        yield _library(k, library)


def ranking(k: Known) -> list[dict[str, Any]]:
    """The departments, best score first; those without a score last, by name."""
    late = Counter(x.dataset.split("/")[0] for x in k.books.late)
    held = Counter(d.dataset.split("/")[0] for d in k.books.held())
    out: list[dict[str, Any]] = []
    for name in sorted({s.department for s in k.registry.sources.values()}):
        own = [n for n in k.registry.sources if n.split("/")[0] == name]
        score = k.score("department", name)
        seen = [s for n in own for s in k.seen.get(n, ())]
        out.append({
            "name": name, "title": k.department(name), "page": department_page(name), "score": score.value if score else None,
            "previous": score.previous if score else None, "dimensions": _dimensions(k, "department", name),
            "line": k.line("department", name, history.means(k.lines[n] for n in own if n in k.lines)), "datasets": own, "delivered": sum(n in k.books.deliveries for n in own),
            "late": late[name], "held": held[name], "failed": sum(s.state == "failed" for s in seen),
            "open": sum(f.open for n in own for f in k.books.findings.get(n, ())), "refused": sum(k.books.refused.get(n, 0) for n in own),
            "tickets": k.books.tickets.get(name, {}),
        })  # fmt: skip
    out.sort(key=lambda d: (d["score"] is None, -(d["score"] or 0), d["name"]))
    for place, d in enumerate(out, 1):
        d["place"] = place if d["score"] is not None else None
    return out


def _dimensions(k: Known, scope: str, name: str) -> list[dict[str, Any]]:
    """The six dimensions in the standard's order: name, value, change, what it rests on."""
    out = []
    for dimension, said in words.DIMENSIONS.items():
        s = k.score(scope, name, dimension)
        out.append({
            "name": dimension, "title": said, "means": words.MEANS[dimension], "value": s.value if s else None, "previous": s.previous if s else None,
            "checked": s.checked if s else 0, "failed": s.failed if s else 0,
        })  # fmt: skip
    return out


def _front(k: Known, departments: list[dict[str, Any]]) -> Page:
    city = k.score("city", "city")
    late, held = k.books.late, k.books.held()
    libraries = [_library_brief(k, n) for n in k.registry.libraries]
    deliveries, rows, refused = k.books.totals
    given = {
        "city": city, "dimensions": _dimensions(k, "city", "city"), "line": k.line("city", "city", history.means(d["line"] for d in departments)), "departments": departments,
        "late": late, "held": held, "held_libraries": [x for x in libraries if x["state"] == "held"], "libraries": libraries,
        "worst": _worst([s for each in k.seen.values() for s in each]), "deliveries": deliveries, "rows": rows, "refused": refused,
        "arrived": sum(n in k.books.deliveries for n in k.registry.sources), "open": sum(d["open"] for d in departments),
        "disputes": sum(d.open for d in k.books.disputes), "odd": k.books.odd, "overdue": sum(t.get("overdue", 0) for t in k.books.tickets.values()),
        "never": [n for n in k.registry.sources if n not in k.books.deliveries],
    }  # fmt: skip
    return Page("index.html", "index.html.j2", "全市数据质量", "home", given)


def _worst(seen: list[Seen], most: int = CURRENT) -> list[Seen]:
    """The failed checks that matter most: the gravest, then most rows."""
    return sorted((s for s in seen if s.state == "failed" and s.check.severity != "info"), key=lambda s: s.order)[:most]


def _department(k: Known, d: dict[str, Any]) -> Page:
    own = set(d["datasets"])
    lost = [x for x in k.books.disputes if x.other_from in own and x.open]
    won = [x for x in k.books.disputes if x.kept_from in own and x.open]
    given = {
        **d, "rows": [_brief(k, n) for n in d["datasets"]], "worst": _worst([s for n in own for s in k.seen.get(n, ())]),
        "lost": lost, "won": won, "late_now": [x for x in k.books.late if x.dataset in own],
        "odd_now": {n: said for n, said in k.books.odd.items() if n in own},
        "held_now": [x for x in k.books.held() if x.dataset in own],
        "resources": [r for s, r in sorted(k.resources.items()) if s in own], "open_days": _open_days(k, {d["name"]}),
    }  # fmt: skip
    return Page(d["page"], "department.html.j2", d["title"], "departments", given, (("部门", "departments/index.html"),))


def _brief(k: Known, name: str) -> dict[str, Any]:
    """A dataset in one line of a table."""
    source = k.registry.sources[name]
    score, deliveries = k.score("dataset", name), k.books.deliveries.get(name, [])
    loaded = [d for d in deliveries if d.state == "loaded"]
    seen = k.seen.get(name, [])
    return {
        "name": name, "title": source.title, "whose": k.department(source.department), "page": dataset_page(name), "due": words.DUE[source.delivery.due],
        "score": score.value if score else None, "previous": score.previous if score else None, "dimensions": _dimensions(k, "dataset", name),
        "last": loaded[-1] if loaded else None, "newest": deliveries[-1] if deliveries else None, "line": k.line("dataset", name, k.lines.get(name, [])),
        "failed": sum(s.state == "failed" for s in seen), "refused": k.books.refused.get(name, 0),
        "open": sum(f.open for f in k.books.findings.get(name, ())),
    }  # fmt: skip


def _dataset(k: Known, source: Source) -> Page:
    name = source.name
    deliveries, seen = k.books.deliveries.get(name, []), k.seen.get(name, [])
    brief = _brief(k, name)
    given = {
        **brief, "source": source, "deliveries": deliveries, "drawn": deliveries[-12:],
        "longest": max((d.rows["rows_in"] for d in deliveries[-12:]), default=0),
        "seen": seen, "wrong": [s for s in seen if s.state in ("failed", "broken") or s.failed], "fields": _fields(k, source),
        "refusals": k.books.refusals.get(name, []), "disputes": [d for d in k.books.disputes if name in (d.kept_from, d.other_from) and d.open],
        "resource": k.resources.get(name), "graph": forward(k, source),
        "counts": Counter(s.state for s in seen), "moving": [s for s in seen if s.moved][:6],
    }  # fmt: skip
    trail = (("部门", "departments/index.html"), (k.department(source.department), department_page(source.department)))
    return Page(brief["page"], "dataset.html.j2", source.title, "datasets", given, trail)


def _fields(k: Known, source: Source) -> list[dict[str, Any]]:
    """The delivered columns: rule, code table, where they go, how many are empty."""
    counted = k.staged.get(f"staging.{source.table}", {}).get(source.name)
    checks = defaultdict(list)
    for s in k.seen.get(source.name, []):
        if s.check.delivered:
            checks[s.check.delivered].append(s)
    listed = [(n, c.as_, c.rule, c.required) for n, c in source.columns.items()]
    if source.rest:
        listed.append(("其余各列", source.rest, "text", False))
    if source.geometry:
        listed.append(("@geometry", "geom", "geometry", source.geometry.required))
    out = []
    for delivered, name, rule, required in listed:
        filled = counted.filled.get(name) if counted else None
        suffixes = k.registry.rules[rule].outputs
        to = k.reached(source.stem, [name + suffix for suffix in suffixes])
        out.append({
            "delivered": k.delivered(source, delivered), "name": name, "rule": rule, "required": required, "key": delivered in source.key, "codes": k.codes(source, delivered),
            "rows": counted.rows if counted else 0, "empty": counted.rows - filled if counted and filled is not None else None,
            "sampled": bool(counted and counted.sampled), "to": to, "checks": checks[delivered],
        })  # fmt: skip
    return out


def _library_brief(k: Known, name: str) -> dict[str, Any]:
    library, score, publications = k.registry.libraries[name], k.score("library", name), k.books.publications.get(name, [])
    seen = [s for t in library.tables for s in k.seen.get(t, ())]
    return {
        "name": name, "title": library.title, "page": library_page(name), "line": k.line("library", name), "score": score.value if score else None,
        "previous": score.previous if score else None, "dimensions": _dimensions(k, "library", name), "publications": publications,
        "last": publications[-1] if publications else None, "state": publications[-1].state if publications else "",
        "rows": sum(k.fills[t].rows for t in library.tables if t in k.fills), "failed": sum(s.state == "failed" for s in seen), "seen": seen,
        "disputes": sum(d.open for d in k.books.disputes if d.library == name),
    }  # fmt: skip


def _library(k: Known, name: str) -> Page:
    brief, library = _library_brief(k, name), k.registry.libraries[name]
    tables = []
    for path in library.tables:
        fill, table = k.fills.get(path), k.database.tables.get(path)
        if table:
            columns = [(c, fill.rows - fill.filled[c.name] if fill else None) for c in table.columns]
            tables.append({"table": table, "fill": fill, "columns": columns, "seen": k.seen.get(path, [])})
    fields: dict[str, list[Any]] = defaultdict(list)
    for d in k.books.disputes:
        if d.library == name:
            fields[d.field].append(d)
    given = {**brief, "library": library, "tables": tables, "fields": dict(fields), "counts": Counter(s.state for s in brief["seen"]),
             "wrong": sorted((s for s in brief["seen"] if s.state in ("failed", "broken") or s.failed), key=lambda s: s.order)}  # fmt: skip
    return Page(brief["page"], "library.html.j2", library.title, "home", given, (("总览", "index.html"),))


def _trends(k: Known) -> Page:
    departments = {s.department for s in k.registry.sources.values()}
    lines = {d: k.line("department", d, history.means(k.lines[n] for n in k.lines if n.split("/")[0] == d)) for d in sorted(departments)}
    city = k.line("city", "city", history.means(lines.values()))
    days: dict[date, Counter[str]] = defaultdict(Counter)
    for each in k.books.deliveries.values():
        for d in each:
            if d.state == "loaded" and d.kind != "replay":
                days[d.day].update(d.rows)
    recent = sorted(days)[-20:]
    given = {
        "city": city, "open_days": _open_days(k, departments), "days": [(d, days[d]) for d in recent],
        "longest": max((days[d]["rows_in"] for d in recent), default=0), "lines": lines,
        "stages": _stages(k), "libraries": [_library_brief(k, n) for n in k.registry.libraries], "states": _states(k),
    }  # fmt: skip
    return Page("trends.html", "trends.html.j2", "历次运行的走势", "trends", given)


def _open_days(k: Known, departments: set[str]) -> history.Line:
    """How many findings were open at the end of each day."""
    moved: Counter[date] = Counter()
    for department, day, up, down in k.books.finding_days:
        if department in departments:
            moved[day] += up - down
    out, standing = [], 0
    for day in sorted(moved):
        standing += moved[day]
        out.append((day, float(standing)))
    return out[-26:]


def _stages(k: Known) -> list[dict[str, Any]]:
    """The newest runs: seconds by stage, the slowest things."""
    runs: dict[str, list[tuple[str, str, int, float]]] = defaultdict(list)
    for run, what, stage, rows, seconds in k.books.stages:
        runs[run].append((what, stage, rows, seconds))
    out = []
    for n, (run, each) in enumerate(runs.items(), 1):
        by_stage: Counter[str] = Counter()
        for _, stage, _, seconds in each:
            by_stage[stage] += seconds  # type: ignore[assignment]
        slowest = sorted(each, key=lambda x: -x[3])[:3]
        out.append({"run": run, "n": n, "seconds": sum(x[3] for x in each), "by_stage": by_stage.most_common(6), "slowest": slowest})
    return out


def _states(k: Known) -> dict[str, int]:
    """How many deliveries are in which state."""
    every: list[Delivery] = [d for each in k.books.deliveries.values() for d in each]
    return dict(Counter(d.state for d in every))
