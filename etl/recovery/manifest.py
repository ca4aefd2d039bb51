"""The manifest of a backup: what it was made of, and the digests of every file, in SHA-256 and SM3 (GB/T 32905)."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes

from etl.errors import UsageError

NAME = "manifest.json"
FORMAT = 1
BLOCK = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What stands in manifest.json. tables: table → [rows, checksum]; files: path → [bytes, SHA-256, SM3]."""

    format: int
    made_at: str
    instance: str
    revision: str
    postgres: str
    owner: str
    roles: list[str]
    home: list[str]
    tables: dict[str, list[Any]]
    files: dict[str, list[Any]]

    def write(self, folder: Path) -> None:
        """manifest.json, and beside it its own digest for whoever keeps that elsewhere."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()
        (folder / NAME).write_bytes(text)
        (folder / f"{NAME}.sha256").write_text(f"{hashlib.sha256(text).hexdigest()}  {NAME}\n", encoding="ascii")

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(f[0] for f in self.files.values())


def read(folder: Path) -> Manifest:
    """The manifest of a backup. UsageError when the folder is none, or one of another form."""
    try:
        text = (folder / NAME).read_bytes()
        told = (folder / f"{NAME}.sha256").read_text(encoding="ascii").split()[0]
        made = Manifest(**json.loads(text))
    except (OSError, ValueError, TypeError, IndexError):
        raise UsageError(f"{folder} 不是 jichu backup 做的备份（缺 {NAME} 或读不出来）") from None
    if hashlib.sha256(text).hexdigest() != told:
        raise UsageError(f"{folder}：{NAME} 与它的摘要不符，备份被改动或损坏")
    if made.format != FORMAT:
        raise UsageError(f"{folder} 是第 {made.format} 版格式的备份，本程序只认第 {FORMAT} 版")
    return made


def digests(path: Path, to: Path | None = None) -> list[Any]:
    """[bytes, SHA-256, SM3] of a file; with `to` copies it meanwhile, and forces the copy to the disk."""
    sha, sm3, count = hashlib.sha256(), hashes.Hash(hashes.SM3()), 0
    with path.open("rb") as source, (to or Path(os.devnull)).open("wb") as out:
        while block := source.read(BLOCK):
            sha.update(block)
            sm3.update(block)
            count += len(block)
            if to:
                out.write(block)
        if to:
            out.flush()
            os.fsync(out.fileno())
    return [count, sha.hexdigest(), sm3.finalize().hex()]


def files(folder: Path) -> Iterator[Path]:
    """Every plain file below a folder, in order, but scratch that a process works in."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and not path.is_symlink() and not any(p.startswith((".tmp-", ".part-")) or p == ".lock" for p in inside):
            yield path


def broken(folder: Path, manifest: Manifest) -> list[str]:
    """Files that are missing, changed or not in the manifest."""
    own = {NAME, f"{NAME}.sha256"}
    there = {str(p.relative_to(folder)) for p in files(folder)} - own
    wrong = [f"{n}（缺少）" for n in sorted(set(manifest.files) - there)] + [f"{n}（多出）" for n in sorted(there - set(manifest.files))]
    return wrong + [f"{n}（内容不符）" for n in sorted(there & set(manifest.files)) if digests(folder / n) != manifest.files[n]]
