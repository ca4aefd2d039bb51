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
from dataclasses import dataclass
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from functools import partial
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from etl import connections
from etl.connections import Connection
from etl.report import ledger
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


@dataclass(frozen=True)
class Sent:
    """What became of a mail. state: sent, queued (in the outbox), kept (no mail server or no recipient: files only), already."""

    department: str
    report_id: str
    state: str
    recipients: int = 0
    reason: str = ""


def send(settings: Settings, registry: Registry, reports: Sequence[Report]) -> list[Sent]:
    """Sends what waits in the outbox, then the reports. Never raises for a mail server that fails: those mails wait."""
    with ledger.locked(settings.home):
        connection = connections.get(CONNECTION, settings.home)
        for report in reports:
            _keep(settings, report)
        if not connection:
            return [Sent(r.department, r.report_id, "kept", reason="没有声明连接 smtp_default，邮件只存为文件") for r in reports]
        out: list[Sent] = []
        for report in reports:
            if (ledger.folder(settings.home) / "sent" / f"{report.report_id}.json").exists():
                out.append(Sent(report.department, report.report_id, "already", reason="同样内容今天已发过"))
            else:
                _queue(settings.home, report)
        return out + _Postman(settings.home, registry, connection).empty_outbox()


def _keep(settings: Settings, report: Report) -> None:
    """Keeps the report's files under JICHU_HOME/mail and remembers what the department has been told."""
    folder = ledger.folder(settings.home) / f"{settings.today:%Y%m%d}"
    folder.mkdir(exist_ok=True)
    for file in (report.html, report.eml, report.xlsx):
        if file.parent.resolve() != folder.resolve():
            shutil.copyfile(file, folder / file.name)
    ledger.remember(settings.home, report.instance, report.department, report.told)


def _queue(home: Path, report: Report) -> None:
    """Into the outbox: the letter first, then its slip; a letter without a slip was never queued."""
    outbox = ledger.folder(home) / "outbox"
    slip = outbox / f"{report.report_id}.json"
    if not slip.exists():
        ledger.write(outbox / f"{report.report_id}.eml", report.eml.read_bytes())
        ledger.write(slip, json.dumps({"department": report.department, "done": [], "tries": 0, "reason": ""}).encode())


@dataclass
class _Postman:
    """Empties the outbox over one connection declaration. `down`: why the server cannot be reached, once that is known."""

    home: Path
    registry: Registry
    connection: Connection
    down: str = ""

    def empty_outbox(self) -> list[Sent]:
        """Tries every waiting mail, oldest first."""
        slips = sorted((self.home / "mail" / "outbox").glob("*.json"), key=lambda p: (p.stat().st_mtime, p.name))
        return [self._deliver(slip) for slip in slips]

    def _deliver(self, slip: Path) -> Sent:
        known = json.loads(slip.read_text(encoding="utf-8"))
        letter = message_from_bytes(slip.with_suffix(".eml").read_bytes(), policy=SMTP)
        done, reason = self._to_each(letter, known["department"], list(known["done"]))
        if reason:
            ledger.write(
                slip, json.dumps({**known, "done": done, "tries": known["tries"] + 1, "reason": reason}, ensure_ascii=False).encode()
            )
            log.warning("mail %s waits in the outbox: %s", slip.stem, reason)
            return Sent(known["department"], slip.stem, "queued", len(done), reason)
        ledger.write(
            self.home / "mail" / "sent" / slip.name,
            json.dumps({"at": now().isoformat(timespec="seconds"), "recipients": len(done)}).encode(),
        )
        slip.unlink()
        slip.with_suffix(".eml").unlink()
        return Sent(known["department"], slip.stem, "sent", len(done))

    def _to_each(self, letter: EmailMessage, department: str, done: list[str]) -> tuple[list[str], str]:
        """Sends to the owners who have it not yet; for an owner whose address is refused for good, to the substitutes."""
        declared = self.registry.departments.get(department)
        owners, substitutes = _addresses(declared.owners if declared else []), _addresses(declared.substitutes if declared else [])
        wanted = owners or substitutes
        if not wanted:
            return done, "没有登记收件人（schemas/departments.yml 的 owners）"
        refused, reason = self._hand_over(letter, [a for a in wanted if a not in done])
        done += [a for a in wanted if a not in refused and a not in done] if not reason else []
        gone = [a for a, permanent in refused.items() if permanent]
        later = [a for a, permanent in refused.items() if not permanent]
        if gone and not reason:
            instead = [a for a in substitutes if a not in done and a not in wanted]
            again, reason = self._hand_over(letter, instead)
            done += [a for a in instead if a not in again] if not reason else []
            if not reason and not any(a in done for a in substitutes):
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


def _addresses(texts: Sequence[str]) -> list[str]:
    """The addresses of `name <address>` texts; what holds no @ is no address."""
    return list(dict.fromkeys(a for _, a in map(parseaddr, texts) if "@" in a))


def _yes(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1", "yes", "on")


def _smtp(connection: Connection, letter: EmailMessage, recipients: list[str]) -> dict[str, bool]:
    """Sends one letter. Returns the refused recipients (True: for good); raises when nobody could even be asked."""
    extra = connection.extra
    sender = str(extra.get("from_email") or (connection.login if "@" in (connection.login or "") else "") or "jichu@localhost")
    for name in ("From", "To"):
        del letter[name]
    letter["From"] = Address(SENDER, addr_spec=sender)
    letter["To"] = ", ".join(recipients)
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
