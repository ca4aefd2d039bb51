"""Opening a package that somebody sent: nothing in it is believed before its signature, and no byte is used before its digest."""

import json
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from etl.errors import UsageError
from etl.exchange import trust
from etl.exchange.manifest import Digests, File, Manifest, digests
from etl.exchange.trust import PackageRefused

OWN = {"manifest.json", "manifest.sig", "README.txt"}
SMALL = 32 << 20  # bytes of a manifest; of thousands of tables it has one or two million
CHUNK = 1 << 20
LIMIT_GB = 50
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


@dataclass(frozen=True)
class Opened:
    """A package whose manifest is signed by whom we believe and meant for us. Its files are still to be verified, one by one."""

    manifest: Manifest
    sha256: str
    sm3: str
    signed: bool
    archive: zipfile.ZipFile

    def extract(self, file: File, target: Path | None) -> None:
        """Reads a file of the package, into `target` if given; PackageRefused unless length, SHA-256 and SM3 are the manifest's."""
        told = Digests()
        try:
            with self.archive.open(file.name) as source, (target or Path(os.devnull)).open("wb") as sink:
                while chunk := source.read(CHUNK):
                    told.update(chunk)
                    if told.bytes > file.bytes:
                        raise PackageRefused(f"{file.name} 比清单所说的 {file.bytes} 字节长，不收")
                    sink.write(chunk)
        except BROKEN:
            raise PackageRefused(f"{file.name} 读不完整：包被截断或损坏，请对方重发") from None
        if told.bytes != file.bytes or told.finish() != (file.sha256, file.sm3):
            raise PackageRefused(f"{file.name} 的内容与清单的摘要（SHA-256、SM3）对不上：被改过或传坏了")


@contextmanager
def opened(path: Path, us: str) -> Iterator[Opened]:
    """Opens a package for the instance `us` (its code). Raises PackageRefused with the reason; changes nothing."""
    if not path.is_file():
        raise UsageError(f"没有文件 {path}")
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN:
        raise PackageRefused(f"{path.name} 不是完整的交换包：被截断，或不是 ZIP 文件") from None
    with archive:
        _safe(archive)
        document, signature = (_small(archive, name) for name in ("manifest.json", "manifest.sig"))
        manifest = _manifest(document)
        signed = trust.verify(manifest.sender.code, manifest.signature, document, signature.decode("ascii", "replace").strip(), "这个包")
        if manifest.receiver.code != us:
            raise PackageRefused(f"这个包是给 {manifest.receiver.title}（{manifest.receiver.code}）的，本实例是 {us}")
        if manifest.sender.code == us:
            raise PackageRefused(f"这个包是本实例 {us} 自己发出的，不收")
        _complete(archive, manifest)
        yield Opened(manifest, *digests([document]), signed, archive)


def _limit() -> int:
    """Bytes that a package may hold unpacked: JICHU_EXCHANGE_LIMIT in GB."""
    text = os.environ.get("JICHU_EXCHANGE_LIMIT") or str(LIMIT_GB)
    try:
        return int(float(text) * (1 << 30))
    except ValueError:
        raise UsageError(f"JICHU_EXCHANGE_LIMIT 应为数字（GB），现为“{text}”") from None


def _safe(archive: zipfile.ZipFile) -> None:
    """Plain files with plain names, each once, not too big in all."""
    names = [i.filename for i in archive.infolist()]
    for info in archive.infolist():
        if not (info.filename in OWN or re.fullmatch(r"data/[a-z0-9_.]+", info.filename)) or ".." in info.filename:
            raise PackageRefused("包里有名称不安全或不该有的文件（绝对路径、上级目录或清单之外），不收")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise PackageRefused("包里有符号链接，不收")
        if info.flag_bits & 0x1:
            raise PackageRefused("包里有加了口令的文件，不收")
    if len(set(names)) != len(names):
        raise PackageRefused("包里有同名的文件，不收")
    if missing := OWN - set(names):
        raise PackageRefused(f"包里缺 {'、'.join(sorted(missing))}：不是交换包，或被截断")
    total, limit = sum(i.file_size for i in archive.infolist()), _limit()
    if total > limit:
        raise PackageRefused(f"包里的文件共 {total} 字节，超过所许的 {limit} 字节（JICHU_EXCHANGE_LIMIT）")


def _small(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        with archive.open(name) as f:
            content = f.read(SMALL + 1)
    except BROKEN:
        raise PackageRefused(f"{name} 读不完整：包被截断或损坏") from None
    if len(content) > SMALL:
        raise PackageRefused(f"{name} 大得不像清单，不收")
    return content


def _manifest(document: bytes) -> Manifest:
    try:
        return Manifest.model_validate(json.loads(document))
    except ValidationError as e:
        where = ".".join(map(str, e.errors()[0]["loc"]))
        raise PackageRefused(f"清单的 {where} 不合本版本的格式：对方的版本不同，或清单被改过") from None
    except (ValueError, RecursionError):
        raise PackageRefused("清单不是 JSON：包被改过或损坏") from None


def _complete(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """The files of the package are those of the manifest, no more and no fewer, in their sizes."""
    listed = {f.name: f.bytes for r in manifest.resources for f in (r.parquet, r.csv)}
    there = {i.filename: i.file_size for i in archive.infolist() if i.filename not in OWN}
    if set(listed) != set(there):
        raise PackageRefused("包里的文件与清单所列的不同：有缺少或多出的")
    if wrong := sorted(n for n in listed if listed[n] != there[n]):
        raise PackageRefused(f"{wrong[0]} 的长度与清单所说的不同：被改过或传坏了")
    if len({r.subject for r in manifest.resources}) != len(manifest.resources):
        raise PackageRefused("清单里同一张表列了两次，不收")
