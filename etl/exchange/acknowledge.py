"""Taking a receipt: from then on increments follow the package that it names."""

import json
import zipfile
from pathlib import Path

from psycopg2.extras import Json
from pydantic import ValidationError

from etl import db
from etl.errors import UsageError
from etl.exchange import ledger, receivers, trust
from etl.exchange.manifest import Receipt, canonical
from etl.exchange.trust import PackageRefused
from etl.settings import Settings
from etl.spec import exchange as declaration

BIGGEST = 4 << 20


def acknowledge(settings: Settings, package: str, file: Path) -> Receipt:
    """Books a receipt for a package (its file, its name, or the head of its number). Idempotent.

    Raises PackageRefused when the receipt is another's, is not signed by the receiver, or tells other checksums than were sent.
    """
    receipt, document = _read(file)
    us = receivers.ourselves(declaration.load())
    with db.transaction(settings) as con:
        wanted = _number(package)
        found = db.rows(
            con,
            "select package_id, receiver, manifest_sha256, manifest_sm3, acknowledged_at is not null from exchange.package where package_id::text like %s or file_name = %s",
            [wanted + "%", Path(package).name],
        )
        if len(found) != 1:
            raise UsageError(f"没有发出过包 {Path(package).name}；发出的包见 exchange.package")
        package_id, receiver, sha256, sm3, done = found[0]
        if str(receipt.package_id) != package_id or receipt.sender != us.code:
            raise PackageRefused("这份回执是别的包的")
        if receipt.receiver != receiver:
            raise PackageRefused(f"这份回执是 {receipt.receiver} 写的，而包是发给 {receiver} 的")
        trust.verify(receiver, receipt.signature, canonical(receipt), document, "这份回执")
        sent = dict(db.rows(con, "select subject, checksum from exchange.package_resource where package_id = %s", [package_id]))
        if (receipt.manifest_sha256, receipt.manifest_sm3) != (sha256, sm3) or receipt.checksums != sent:
            raise PackageRefused("回执所说的清单摘要或校验和与所发的不同，不能作为下一个增量的起点")
        if not done:
            db.rows(
                con,
                "update exchange.package set acknowledged_at = now(), receipt = %s where package_id = %s",
                [Json(receipt.model_dump(mode="json")), package_id],
            )
        ledger.forget(settings, con, receiver)
    return receipt


def _read(file: Path) -> tuple[Receipt, str]:
    try:
        if file.stat().st_size > BIGGEST:
            raise PackageRefused(f"{file.name} 大得不像回执，不收")
        told = json.loads(file.read_text(encoding="utf-8"))
        return Receipt.model_validate(told["receipt"]), str(told["signature"])
    except OSError:
        raise UsageError(f"回执文件 {file} 读不到") from None
    except (ValueError, KeyError, TypeError, ValidationError, RecursionError):
        raise PackageRefused(f"{file.name} 不是回执") from None


def _number(package: str) -> str:
    """The package's number: from its file when there is one, else as given."""
    path = Path(package)
    if path.is_file():
        try:
            with zipfile.ZipFile(path) as archive, archive.open("manifest.json") as f:
                return str(json.loads(f.read(32 << 20))["package_id"])
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError):
            raise PackageRefused(f"{path.name} 不是交换包") from None
    return "".join(c for c in package.lower() if c in "0123456789abcdef-")[:36] or "none"
