"""_SUCCESS: what the department says it delivered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.errors import DeliveryRefused

LONGEST = 1024 * 1024


@dataclass(frozen=True)
class Promised:
    """Rows and SHA-256 of one file, each None when not told."""

    rows: int | None
    sha256: str | None


def read(path: Path) -> dict[str, Promised]:
    """File name → what was promised of it; nothing for an empty _SUCCESS. Anything but that or the agreed JSON is refused (format)."""
    if path.stat().st_size > LONGEST:
        raise _wrong()
    try:
        text = path.read_bytes().decode("utf-8-sig").strip()
        if not text:
            return {}
        files = json.loads(text)["files"]
        return {str(name): _one(told) for name, told in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _wrong() from None


def check_bytes(promised: dict[str, Promised], delivered: Sequence[tuple[str, str]]) -> None:
    """Raises truncated for a promised file that did not come, checksum for one whose SHA-256 (name, sha256) differs."""
    found = dict(delivered)
    for name, told in promised.items():
        if name not in found:
            raise DeliveryRefused("truncated", f"_SUCCESS 清单中的文件 {name} 没有送到")
        if told.sha256 and told.sha256 != found[name]:
            raise DeliveryRefused("checksum", f"{name} 的 SHA-256 与 _SUCCESS 清单不符，文件在传送中被改动或损坏")


def check_rows(promised: dict[str, Promised], name: str, rows: int) -> None:
    """Raises row_count when a file held another number of rows than promised."""
    told = promised.get(name)
    if told and told.rows is not None and told.rows != rows:
        raise DeliveryRefused("row_count", f"{name} 有 {rows} 行，_SUCCESS 清单上是 {told.rows} 行")


def _one(told: dict[str, Any]) -> Promised:
    rows, sha = told.get("rows"), told.get("sha256")
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int)):
        raise ValueError("rows")
    if sha is not None and not isinstance(sha, str):
        raise ValueError("sha256")
    return Promised(rows, sha.lower() if sha else None)


def _wrong() -> DeliveryRefused:
    return DeliveryRefused("format", '_SUCCESS 应为空文件或 {"files": {"文件名": {"rows": 行数, "sha256": "…"}}}')
