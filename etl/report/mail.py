"""The mail itself: one page of HTML that needs nothing else, the same in plain text, and the message that carries them.

Tables and inline styles, because Outlook and Foxmail know nothing else; a style block only for dark screens.
The picture is a data: URI in the .html and an inline part (CID) in the .eml.
"""

import base64
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from etl.report import chart, words
from etl.report.facts import Delivery, Facts
from etl.report.leaders import Page

TEMPLATES = Path(__file__).parent / "templates"
SENDER = "基础数据平台"
SHOWN, MOST, HINTED = 5, 8, 3  # refusals and differences, what must be mended, hints in the mail; the workbook has them all
DELIVERIES = 8
COLOURS = {
    "rows_new": "#1f7a45",
    "rows_changed": "#2b6cb0",
    "rows_unchanged": "#aebccb",
    "rows_duplicate": "#8468b5",
    "rows_quarantined": "#b42318",
}


@cache
def _templates() -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {"count": words.count, "score": words.score}
    return env


def bar(delivery: Delivery) -> list[tuple[str, int, str, int]]:
    """The fates of a delivery's rows as parts of 100: label, per cent (at least 2 where there is any), colour, rows."""
    whole = delivery.rows["rows_in"] or 1
    parts = [
        (label, max(2, round(100 * delivery.rows[name] / whole)), COLOURS[name], delivery.rows[name])
        for name, label in words.FATES
        if delivery.rows[name]
    ]
    over = sum(p[1] for p in parts) - 100
    if parts:
        i = max(range(len(parts)), key=lambda n: parts[n][1])
        label, width, colour, rows = parts[i]
        parts[i] = (label, width - over, colour, rows)
    return parts


def _context(facts: Facts, made: datetime) -> dict[str, Any]:
    lines = chart.lines(facts.scores)
    value, previous = facts.total
    return {
        "f": facts,
        "words": words,
        "bar": bar,
        "made": f"{made:%Y-%m-%d %H:%M}",
        "as_of": words.day(facts.today),
        "day": lambda d: words.day(d, facts.today),
        "lines": lines,
        "alt": chart.alt(lines),
        "moved_total": words.change(value, previous),
        "dataset_lines": [(t, *v) for t, v in facts.datasets.items()] if len(facts.datasets) > 1 else lines,
        "value": value,
        "shown": SHOWN,
        "most": MOST,
        "hinted": HINTED,
        "deliveries": facts.deliveries[:DELIVERIES],
    }


def html(facts: Facts, made: datetime, picture: str | None) -> str:
    """The page; `picture` is the address of the chart (cid: or data:), None without scores."""
    return _templates().get_template("mail.html.j2").render(**_context(facts, made), picture=picture)


def text(facts: Facts, made: datetime) -> str:
    """The same in plain text."""
    return _templates().get_template("mail.txt.j2").render(**_context(facts, made))


def leaders_html(page: Page, made: datetime) -> str:
    """The leaders' page, for the screen and for one sheet of A4."""
    return _templates().get_template("leaders.html.j2").render(**_leaders(page, made))


def leaders_message(page: Page, made: datetime, report_id: str) -> EmailMessage:
    """The leaders' mail: text and HTML."""
    m = _message(page.subject(), made, report_id, page.platform.reply_to)
    m.set_content(_templates().get_template("leaders.txt.j2").render(**_leaders(page, made)), charset="utf-8", cte="base64")
    m.add_alternative(leaders_html(page, made), subtype="html", charset="utf-8", cte="base64")
    return m


def _leaders(page: Page, made: datetime) -> dict[str, Any]:
    return {"p": page, "words": words, "day": words.day, "made": f"{made:%Y-%m-%d %H:%M}"}


def as_data(png: bytes | None) -> str | None:
    """A picture as a data: URI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}" if png else None


def message(facts: Facts, made: datetime, png: bytes | None, workbook: Path, report_id: str) -> EmailMessage:
    """The mail: text, HTML with its picture, the workbook. The sender is set when it is sent."""
    m = _message(facts.subject(), made, report_id, facts.platform.reply_to if facts.platform else "")
    m.set_content(text(facts, made), charset="utf-8", cte="base64")
    m.add_alternative(html(facts, made, f"cid:scores.{report_id}@jichu" if png else None), subtype="html", charset="utf-8", cte="base64")
    if png:
        page = m.get_payload()[1]  # type: ignore[index]
        page.add_related(png, "image", "png", cid=f"<scores.{report_id}@jichu>", filename="scores.png", disposition="inline")  # type: ignore[union-attr]
    m.add_attachment(
        workbook.read_bytes(),
        maintype="application",
        subtype="vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        filename=f"{facts.title}待改数据清单_{facts.today:%Y%m%d}.xlsx",
    )
    return m


def _message(subject: str, made: datetime, report_id: str, reply_to: str) -> EmailMessage:
    m = EmailMessage(policy=SMTP)
    m["Subject"] = subject.replace(" ", "\u00a0")  # a plain blank is lost where a long encoded line is folded
    m["Date"] = format_datetime(made)
    m["Message-ID"] = f"<{report_id}@jichu>"
    m["Auto-Submitted"] = "auto-generated"
    m["X-Jichu-Report"] = report_id
    if reply_to:
        m["Reply-To"] = reply_to
    return m
