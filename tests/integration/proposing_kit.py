"""How well a new source is proposed: the proposals for a whole city's files against the specs that people wrote, aspect by aspect."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from etl.errors import UsageError
from etl.propose import Proposal, propose
from etl.spec import Registry, Source

KIN = (
    {"date", "datetime", "end_date", "year_month", "year"},
    {"entity_code", "tax_number", "organization_code", "registration_number", "party_code"},
    {"number", "amount", "figure"},
)
ALIKE = {"gbk": "gb18030", "utf-8-sig": "utf-8"}  # read by one codec


@dataclass
class Score:
    """Right and all, by aspect; what was not right, one line each."""

    right: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def mark(self, aspect: str, good: bool, said: str) -> None:
        self.all[aspect] += 1
        self.right[aspect] += good
        if not good:
            self.wrong.append(f"{aspect}: {said}")

    def share(self, aspect: str) -> float:
        return self.right[aspect] / max(self.all[aspect], 1)

    def table(self) -> str:
        return "\n".join(f"{a:<28}{self.right[a]:>5} of {self.all[a]:>4}  {self.share(a):.1%}" for a in self.all)


def files(registry: Registry, drop: Path) -> list[tuple[Source, Path]]:
    """The first delivered file of each spec, of the first department that delivers in its form."""
    out = []
    for source in {s.stem: s for s in reversed(registry.sources.values()) if s.delivery.channel == "file"}.values():
        found = sorted(p for p in (drop / source.name).glob("*/*") if p.name != "_SUCCESS")
        out += [(source, found[0])] if found else []
    return sorted(out, key=lambda pair: pair[0].stem)


def propose_again(registry: Registry, source: Source, file: Path) -> Proposal | None:
    """The proposal for a dataset as if nobody had written its spec: neither it nor the spec's columns are known. None without rows."""
    without = {n: s for n, s in registry.sources.items() if s.stem != source.stem}
    try:
        return propose(source.name, file, registry=replace(registry, sources=without))
    except UsageError as e:
        if "没有数据行" not in str(e):
            raise
        return None


def judge(score: Score, wanted: Source, proposal: Proposal) -> None:
    """Marks every aspect of one proposal."""
    made, w, m = proposal.source, wanted.delivery, proposal.source.delivery
    score.mark("format", w.format == m.format, f"{wanted.name}: {m.format}, not {w.format}")
    if w.format in ("csv", "text", "dbf", "shapefile", "json", "xml"):
        score.mark(
            "encoding",
            ALIKE.get(w.encoding, w.encoding) == ALIKE.get(m.encoding, m.encoding),
            f"{wanted.name}: {m.encoding}, not {w.encoding}",
        )
    if w.format in ("csv", "text"):
        score.mark("separator, quoting", (w.separator, w.quoted) == (m.separator, m.quoted), f"{wanted.name}: {m.separator}")
    if w.format in ("csv", "text", "xlsx"):
        score.mark("header", (w.header, w.header_rows) == (m.header, m.header_rows), f"{wanted.name}: {m.header} {m.header_rows}")
    if w.format in ("json", "xml"):
        score.mark("records", w.records == m.records, f"{wanted.name}: {m.records}, not {w.records}")
    if wanted.geometry and made.geometry:
        score.mark("coordinate system", w.crs == m.crs, f"{wanted.name}: {m.crs}, not {w.crs}")
        score.mark("kind of geometry", set(made.geometry.kinds) <= set(wanted.geometry.kinds), f"{wanted.name}: {made.geometry.kinds}")
    score.mark("wide table", bool(wanted.rest) == bool(made.rest), wanted.name)
    delivered = [c for c in wanted.columns if not c.startswith("@")]
    named = dict(zip((t.delivered for t in proposal.told), delivered, strict=False)) if not w.header else {}
    key = [named.get(k, k) for k in made.key]
    score.mark("key", set(key) == set(wanted.key), f"{wanted.name}: {key}, not {wanted.key}")
    for t in proposal.told:
        column = wanted.columns.get(named.get(t.delivered, t.delivered))
        if column is None:
            continue  # a column that came later, of which the spec does not know
        where = f"{wanted.name} {t.delivered}: {t.rule} {t.choice.codes or ''}, not {column.rule} {column.codes or ''}"
        same = (t.rule, t.choice.codes) == (column.rule, column.codes)
        score.mark("rule, exactly", same, where)
        score.mark("rule, of its kind", same or any({t.rule, column.rule} <= kind for kind in KIN), where)
        if column.rule != "text":
            score.mark("columns that have a rule", same, where)
        if column.rule == "address" == t.rule:
            score.mark("role of an address", t.role == column.role, f"{wanted.name} {t.delivered}: {t.role}")
        score.mark("cleaned name", t.as_ == column.as_, f"{wanted.name} {t.delivered}: {t.as_}, not {column.as_}")
