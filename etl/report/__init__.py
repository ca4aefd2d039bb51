"""The data owner's mail: what arrived, what is wrong in the department's own words, what to do by when.

`build` writes one .html, .eml and .xlsx per department; `send` mails them over the connection smtp_default. Both read
the books alone (ops.*, quality.*); nothing unmasked leaves etl.report.read.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from etl import db
from etl.errors import UsageError
from etl.report import chart, ledger, mail, workbook
from etl.report.facts import Facts, Score
from etl.report.post import Report, Sent, send
from etl.report.read import Reader
from etl.settings import Settings, now
from etl.spec import Registry
from etl.spec.registry import nearest

__all__ = ["Report", "Score", "Sent", "build", "send"]


def build(settings: Settings, registry: Registry, owner: str | None, out: Path, scores: Sequence[Score]) -> list[Report]:
    """Writes the reports of one department, or of every department that ever delivered, into `out`. Tells nobody yet."""
    if owner is not None and owner not in registry.departments:
        raise UsageError(f"没有部门 {owner}；{nearest(owner, registry.departments)}")
    con = db.connect(settings)
    try:
        con.set_session(isolation_level="REPEATABLE READ", readonly=True)
        reader = Reader(con, settings, registry, scores)
        out.mkdir(parents=True, exist_ok=True)
        return [_write(reader.facts(d), out) for d in ([owner] if owner else reader.departments())]
    finally:
        con.close()


def _write(facts: Facts, out: Path) -> Report:
    """One department's three files."""
    made, report_id = now(), _identity(facts)
    html, eml, xlsx = (out / f"{facts.department}.{suffix}" for suffix in ("html", "eml", "xlsx"))
    png = chart.scores(chart.lines(facts.scores))
    workbook.write(facts, xlsx)
    html.write_text(mail.html(facts, made, mail.as_data(png)), encoding="utf-8")
    eml.write_bytes(mail.message(facts, made, png, xlsx, report_id).as_bytes())
    told = ledger.Told(facts.sequence, facts.today.isoformat())
    return Report(facts.department, facts.title, facts.subject(), html, eml, xlsx, report_id, facts.instance, told)


def _identity(facts: Facts) -> str:
    """Names a report by day and by what is open, not by what is new: telling the same twice a day is one mail."""
    is_open = [
        [(p.dataset, p.column, p.problem, p.total) for p in facts.problems],
        [(r.dataset, r.code, r.total) for r in facts.refusals],
        [(d.dataset, d.other, d.field, d.believed, d.total) for d in facts.disagreements],
    ]
    digest = hashlib.sha256(json.dumps([facts.instance, facts.sequence, is_open]).encode()).hexdigest()
    return f"{facts.department}-{facts.today:%Y%m%d}-{digest[:12]}"
