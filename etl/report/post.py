"""Sends the mails: every mail is first put into an outbox on disk, so that none is lost; what was sent is marked, so that none goes twice.

JICHU_HOME/mail/
    <business date>/<department>.{html,eml,xlsx}   what was reported, whether or not there is a mail server
    outbox/<report id>.{eml,json}                  not accepted yet by every recipient; tried again at the next send
    sent/<report id>.json                          accepted: when, by how many
"""

import json
import logging
import shutil
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from etl import connections, db, tickets
from etl.connections import Connection
from etl.report import ledger, routing
from etl.report.mail import SENDER
from etl.settings import Settings, now
from etl.spec import Registry

CONNECTION = "smtp_default"
TRIES = 4
log = logging.getLogger("jichu.report")


@dataclass(frozen=True)
class Report:
    """One department's report as it was built, and the state of the books it tells of."""

    department: str
    title: str
    subject: str
    html: Path
    eml: Path
    xlsx: Path
    report_id: str
    instance: str
    told: ledger.Told
    due: date
    tickets: tuple[int, ...] = ()
    urgent: bool = False


@dataclass(frozen=True)
class Sent:
    """What became of a mail. state: sent, queued (in the outbox), kept (no mail server or no recipient: files only), already,
    quiet (the department had one a few days ago; what is new waits for the next)."""

    department: str
    report_id: str
    state: str
    recipients: int = 0
    reason: str = ""


def send(settings: Settings, registry: Registry, reports: Sequence[Report]) -> list[Sent]:
    """Sends what waits in the outbox, then the reports. Never raises for a mail server that fails: those mails wait."""
    with ledger.locked(settings.home):
        connection = connections.get(CONNECTION, settings.home)
        out: list[Sent] = []
        for report in reports:
            if connection and (state := _needless(settings, report)):
                _keep(settings, report)
                out.append(state)
                continue
            _keep(settings, report)
            ledger.remember(settings.home, report.instance, report.department, report.told)
            if connection:
                _queue(settings, report)
            else:
                _hand_on(settings, report)
                out.append(Sent(report.department, report.report_id, "kept", reason="没有声明连接 smtp_default，邮件只存为文件"))
        return out + (_Postman(settings, registry, connection).empty_outbox() if connection else [])


def _needless(settings: Settings, report: Report) -> Sent | None:
    """Why a report need not go out: the same was sent today, or the department had a mail a few days ago and nothing is held since."""
    if (ledger.folder(settings.home) / "sent" / f"{report.report_id}.json").exists():
        return Sent(report.department, report.report_id, "already", reason="同样内容今天已发过")
    last = ledger.last(settings.home, report.instance, report.department).day
    if not report.urgent and last and 0 <= (settings.today - last).days < routing.load().quiet_days:
        return Sent(report.department, report.report_id, "quiet", reason=f"{last} 刚通报过，留待下次")
    return None


def _keep(settings: Settings, report: Report) -> None:
    """Keeps the report's files under JICHU_HOME/mail."""
    folder = ledger.folder(settings.home) / f"{settings.today:%Y%m%d}"
    folder.mkdir(exist_ok=True)
    for file in (report.html, report.eml, report.xlsx):
        if file.exists() and file.parent.resolve() != folder.resolve():
            shutil.copyfile(file, folder / file.name)


def _hand_on(settings: Settings, report: Report) -> None:
    """Without a mail server the files are handed on by people: the tickets in them are told now, and their time runs."""
    with db.transaction(settings) as con:
        db.rows(
            con,
            "insert into quality.letter (letter_id, department, day, urgent, state, recipients, reason) values (%s, %s, %s, %s, 'kept', 0, '没有邮件服务器，存为文件') "
            "on conflict (letter_id) do nothing",
            [report.report_id, report.department, settings.today, report.urgent],
        )
        tickets.sent(con, report.tickets, report.report_id, settings.today, report.due)


def _queue(settings: Settings, report: Report) -> None:
    """Into the outbox: the letter first, then its slip; a letter without a slip was never queued."""
    outbox = ledger.folder(settings.home) / "outbox"
    slip = outbox / f"{report.report_id}.json"
    if not slip.exists():
        known = Slip(report.department, report.instance, f"{settings.today}", f"{report.due}", report.urgent, list(report.tickets))
        ledger.write(outbox / f"{report.report_id}.eml", report.eml.read_bytes())
        ledger.write(slip, known.text())


@dataclass
class Slip:
    """What the outbox knows of a letter: whom it is for, who has it already, which tickets it tells of and until when they are due."""

    department: str
    instance: str
    day: str
    due: str
    urgent: bool
    tickets: list[int]
    done: list[str] = field(default_factory=list)
    tries: int = 0
    reason: str = ""

    def text(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False).encode()


@dataclass
class _Postman:
    """Empties the outbox over one connection declaration. `down`: why the server cannot be reached, once that is known."""

    settings: Settings
    registry: Registry
    connection: Connection
    down: str = ""

    def empty_outbox(self) -> list[Sent]:
        """Tries every waiting mail, oldest first."""
        slips = sorted((self.settings.home / "mail" / "outbox").glob("*.json"), key=lambda p: (p.stat().st_mtime, p.name))
        return [self._deliver(slip) for slip in slips]

    def _deliver(self, path: Path) -> Sent:
        slip = Slip(**json.loads(path.read_text(encoding="utf-8")))
        letter = message_from_bytes(path.with_suffix(".eml").read_bytes(), policy=SMTP)
        slip.done, slip.reason = self._to_each(letter, slip.department, list(slip.done))
        slip.tries += bool(slip.reason)
        ledger.write(path, slip.text())  # who has it is known before anything else can fail
        self._book(path.stem, slip)
        if slip.reason:
            log.warning("mail %s waits in the outbox: %s", path.stem, slip.reason)
            return Sent(slip.department, path.stem, "queued", len(slip.done), slip.reason)
        ledger.write(
            self.settings.home / "mail" / "sent" / path.name,
            json.dumps({"at": now().isoformat(timespec="seconds"), "recipients": len(slip.done)}).encode(),
        )
        path.unlink()
        path.with_suffix(".eml").unlink()
        return Sent(slip.department, path.stem, "sent", len(slip.done))

    def _book(self, letter: str, slip: Slip) -> None:
        """Into quality.letter, and its tickets are told now; a letter about another database is none of this one's business."""
        with db.transaction(self.settings) as con:
            if str(db.rows(con, "select id from ops.instance")[0][0]) != slip.instance:
                return
            state = "queued" if slip.reason else "sent"
            day, due = date.fromisoformat(slip.day), date.fromisoformat(slip.due)
            db.rows(
                con,
                "insert into quality.letter (letter_id, department, day, urgent, state, recipients, reason) values (%s, %s, %s, %s, %s, %s, %s) "
                "on conflict (letter_id) do update set state = excluded.state, recipients = excluded.recipients, reason = excluded.reason, at = now()",
                [letter, slip.department, day, slip.urgent, state, len(slip.done), slip.reason or None],
            )
            if state == "sent":
                tickets.sent(con, slip.tickets, letter, day, due)

    def _to_each(self, letter: EmailMessage, department: str, done: list[str]) -> tuple[list[str], str]:
        """Sends to those who have it not yet; for an address that is refused for good, to the substitutes."""
        to = routing.recipients(self.registry, department, self.settings.today)
        if not to.wanted:
            return done, "没有登记收件人（schemas/departments.yml 的 owners）"
        refused, reason = self._hand_over(letter, [a for a in to.wanted if a not in done])
        done += [a for a in to.wanted if a not in refused and a not in done] if not reason else []
        gone = [a for a, permanent in refused.items() if permanent]
        later = [a for a, permanent in refused.items() if not permanent]
        if gone and not reason:
            instead = [a for a in to.instead if a not in done]
            again, reason = self._hand_over(letter, instead)
            done += [a for a in instead if a not in again] if not reason else []
            if not reason and not done:
                reason = "收件人地址被邮件服务器拒绝，替补也不可用"
        return done, reason or ("收件人暂时不能收信" if later else "")

    def _hand_over(self, letter: EmailMessage, recipients: list[str]) -> tuple[dict[str, bool], str]:
        """One handing over, with back-off on what may pass. Returns refused recipient → for good?, and why nothing could be sent."""
        if not recipients or self.down:
            return {}, self.down
        try:
            tries = int(self.connection.extra.get("retry_limit") or TRIES)
            attempt = partial(_smtp, self.connection, letter, recipients)
            return Retrying(
                stop=stop_after_attempt(tries), wait=wait_random_exponential(0.5, max=10), retry=retry_if_exception(_may_pass), reraise=True
            )(attempt), ""
        except smtplib.SMTPResponseException as e:
            reason = f"邮件服务器 {self.connection.place} 拒绝（代码 {e.smtp_code}）"
            if isinstance(e, smtplib.SMTPConnectError | smtplib.SMTPAuthenticationError):
                self.down = reason
            return {}, reason
        except (OSError, smtplib.SMTPException) as e:
            self.down = f"连接不上邮件服务器 {self.connection.place}（{type(e).__name__}）"
            return {}, self.down


def _may_pass(error: BaseException) -> bool:
    """Whether trying again may help: no connection, or a temporary refusal (4xx)."""
    if isinstance(error, smtplib.SMTPResponseException):
        return 400 <= error.smtp_code < 500
    unclear = isinstance(error, smtplib.SMTPException | ssl.SSLError) and not isinstance(error, smtplib.SMTPServerDisconnected)
    return isinstance(error, OSError) and not unclear


def _yes(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1", "yes", "on")


def addressed(letter: EmailMessage, connection: Connection | None, recipients: Sequence[str]) -> str:
    """Writes on a letter who sends it and to whom. Returns the sender's address."""
    login = connection.login or "" if connection else ""
    sender = str((connection.extra.get("from_email") if connection else "") or (login if "@" in login else "") or "jichu@localhost")
    for name in ("From", "To"):
        del letter[name]
    letter["From"] = Address(SENDER, addr_spec=sender)
    if recipients:
        letter["To"] = ", ".join(recipients)
    return sender


def _smtp(connection: Connection, letter: EmailMessage, recipients: list[str]) -> dict[str, bool]:
    """Sends one letter. Returns the refused recipients (True: for good); raises when nobody could even be asked."""
    extra = connection.extra
    sender = addressed(letter, connection, recipients)
    secure = not _yes(extra.get("disable_ssl"))
    context = ssl.create_default_context()
    if extra.get("ssl_context") == "none":  # Airflow's spelling for a server with a certificate of its own
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, timeout = connection.host or "localhost", float(extra.get("timeout") or 30)
    client: smtplib.SMTP
    if secure:
        client = smtplib.SMTP_SSL(host, connection.port or 465, timeout=timeout, context=context)
    else:
        client = smtplib.SMTP(host, connection.port or 25, timeout=timeout)
    with client:
        if not secure and not _yes(extra.get("disable_tls")):
            client.starttls(context=context)
        if connection.login:
            client.login(connection.login, connection.password or "")
        try:
            refused = client.send_message(letter, sender, recipients)
        except smtplib.SMTPRecipientsRefused as e:
            refused = e.recipients
    return {a: code >= 500 for a, (code, _) in refused.items()}
