"""The data owner's mail: what arrived, what is wrong in the department's own words, what to do by when.

`build` writes one .html, .eml and .xlsx per department; `send` mails them over the connection smtp_default. Both read
the books alone (ops.*, quality.*); nothing unmasked leaves etl.report.read.
"""

import hashlib
import json
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

from etl import connections, db, migrate, tickets
from etl.errors import UsageError
from etl.report import chart, ledger, mail, routing, workbook
from etl.report import leaders as month
from etl.report.facts import Facts, Score
from etl.report.post import CONNECTION, Report, Sent, addressed, send
from etl.report.read import Reader
from etl.settings import Settings, now
from etl.spec import Registry
from etl.spec.registry import nearest

__all__ = ["Report", "Score", "Sent", "build", "leaders", "notify_held", "send"]


def build(settings: Settings, registry: Registry, owner: str | None, out: Path, scores: Sequence[Score]) -> list[Report]:
    """Writes the reports of one department, or of every department that ever delivered, into `out`. Tells nobody yet."""
    if owner is not None and owner not in registry.departments:
        raise UsageError(f"没有部门 {owner}；{nearest(owner, registry.departments)}")
    migrate.terms(settings, registry)
    with db.transaction(settings) as writing:
        tickets.follow_all(writing, registry, settings.today)
    con = db.connect(settings)
    try:
        con.set_session(isolation_level="REPEATABLE READ", readonly=True)
        reader = Reader(con, settings, registry, scores)
        out.mkdir(parents=True, exist_ok=True)
        return [_write(settings, registry, reader.facts(d), out) for d in ([owner] if owner else reader.departments())]
    finally:
        con.close()


def _write(settings: Settings, registry: Registry, facts: Facts, out: Path) -> Report:
    """One department's three files."""
    made, report_id = now(), _identity(facts)
    html, eml, xlsx = (out / f"{facts.department}.{suffix}" for suffix in ("html", "eml", "xlsx"))
    png = chart.scores(chart.lines(facts.scores))
    printed = workbook.write(facts, xlsx)
    html.write_text(mail.html(facts, made, mail.as_data(png)), encoding="utf-8")
    _keep_letter(settings, registry, facts.department, mail.message(facts, made, png, xlsx, report_id), eml)
    told = ledger.Told(facts.sequence, facts.today.isoformat())
    return Report(
        facts.department,
        facts.title,
        facts.subject(),
        html,
        eml,
        xlsx,
        report_id,
        facts.instance,
        told,
        facts.deadline,
        tuple(printed),
        facts.urgent,
    )


def _keep_letter(settings: Settings, registry: Registry, department: str, letter: EmailMessage, file: Path) -> None:
    """The letter as a file that a mail program opens and sends: with its sender, and whom it is for today."""
    addressed(letter, connections.get(CONNECTION, settings.home), routing.recipients(registry, department, settings.today).wanted)
    file.write_bytes(letter.as_bytes())


def notify_held(settings: Settings, registry: Registry, dataset: str, out: Path, scores: Sequence[Score] = ()) -> list[Sent]:
    """A delivery of this dataset is held: its department is told at once, whatever it was told lately. Nothing when it was told of this already."""
    return send(settings, registry, [r for r in build(settings, registry, dataset.split("/")[0], out, scores) if r.urgent])


def leaders(settings: Settings, registry: Registry, out: Path, scores: Sequence[Score]) -> Report:
    """Writes the leaders' page of the month into `out` (leaders.html, leaders.eml). Tells nobody yet."""
    migrate.terms(settings, registry)
    con = db.connect(settings)
    try:
        con.set_session(isolation_level="REPEATABLE READ", readonly=True)
        page = month.page(con, registry, scores, settings.today, routing.load().platform)
        instance = str(db.rows(con, "select id from ops.instance")[0][0])
    finally:
        con.close()
    out.mkdir(parents=True, exist_ok=True)
    made, html, eml = now(), out / "leaders.html", out / "leaders.eml"
    said = hashlib.sha256(repr((instance, page)).encode()).hexdigest()[:12]
    report_id = f"{routing.LEADERS}-{settings.today:%Y%m%d}-{said}"
    html.write_text(mail.leaders_html(page, made), encoding="utf-8")
    _keep_letter(settings, registry, routing.LEADERS, mail.leaders_message(page, made, report_id), eml)
    told = ledger.Told(0, settings.today.isoformat())
    return Report(routing.LEADERS, "领导", page.subject(), html, eml, out / "leaders.xlsx", report_id, instance, told, settings.today)


def _identity(facts: Facts) -> str:
    """Names a report by day and by what is open, not by what is new: telling the same twice a day is one mail."""
    is_open = [
        [(p.dataset, p.column, p.problem, p.total) for p in facts.problems],
        [(r.dataset, r.code, r.total) for r in facts.refusals],
        [(d.dataset, d.other, d.field, d.believed, d.total) for d in facts.disagreements],
    ]
    digest = hashlib.sha256(json.dumps([facts.instance, facts.sequence, is_open]).encode()).hexdigest()
    return f"{facts.department}-{facts.today:%Y%m%d}-{digest[:12]}"
