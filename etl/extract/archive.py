"""ZIP archives from outside: checked before anything is unpacked."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from etl.errors import DeliveryRefused
from etl.extract.limits import SMALL_ENOUGH, Limits, size, too_big

BLOCK = 1024 * 1024
HEADER_BYTES = 30  # of a member's local header, before its name
MANY = 10_000  # members


def members(path: Path, name: str, limits: Limits) -> list[zipfile.ZipInfo]:
    """The files inside, checked: no member is encrypted, a link, or named outside; together they stay within the limits.

    Raises DeliveryRefused: truncated or format (no ZIP), password, unsafe_path, too_big.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = [m for m in archive.infolist() if not m.is_dir()]
    except zipfile.BadZipFile:
        with path.open("rb") as f:
            begun = f.read(4) == b"PK\x03\x04"
        raise DeliveryRefused("truncated" if begun else "format", f"{name} {'不完整，压缩包被截断' if begun else '不是压缩包'}") from None
    except (OSError, ValueError, NotImplementedError):
        raise DeliveryRefused("format", f"{name} 的压缩包读不通") from None
    if len(found) > MANY:
        raise too_big(f"{name} 的压缩包", f"{len(found)} 个文件", f"{MANY} 个")
    for member in found:
        _safe(member, name)
    _small_enough(sum(m.file_size for m in found), path, name, limits)
    return found


def unpack(path: Path, member: zipfile.ZipInfo, name: str, limits: Limits) -> Iterator[bytes]:
    """A member's bytes in blocks. Counts what really comes out: a header may lie. Raises too_big, truncated, format."""
    out = 0
    try:
        for block in _inflated(path, member):
            out += len(block)
            if out > member.file_size:
                _small_enough(out, path, name, limits)
            yield block
    except (zlib.error, zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError):
        raise DeliveryRefused("format", f"{name} 的压缩包已损坏") from None
    if out < member.file_size:
        raise DeliveryRefused("truncated", f"{name} 的压缩包不完整，文件被截断")


def _inflated(path: Path, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member as any reader would unpack it, past the size its header claims."""
    if member.compress_type == zipfile.ZIP_DEFLATED:
        yield from _deflated(path, member)
    else:
        with zipfile.ZipFile(path) as archive, archive.open(member) as f:
            while block := f.read(BLOCK):
                yield block


def _deflated(path: Path, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with path.open("rb") as f:
        f.seek(member.header_offset)
        local = f.read(HEADER_BYTES)
        if len(local) < HEADER_BYTES or local[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile("local header")
        f.seek(int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little"), 1)
        left, inflate = member.compress_size, zlib.decompressobj(-zlib.MAX_WBITS)
        while left > 0 and not inflate.eof:
            block = f.read(min(BLOCK, left))
            if not block:
                return
            left -= len(block)
            out = inflate.decompress(block, BLOCK)
            yield out
            while inflate.unconsumed_tail:
                yield inflate.decompress(inflate.unconsumed_tail, BLOCK)
        yield inflate.flush()


def _safe(member: zipfile.ZipInfo, name: str) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise DeliveryRefused("unsafe_path", f"{name} 的压缩包里有指向包外的路径")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DeliveryRefused("unsafe_path", f"{name} 的压缩包里有符号链接")
    if member.flag_bits & 0x1:
        raise DeliveryRefused("password", f"{name} 的压缩包设了密码，请去掉密码重送")


def _small_enough(unzipped: int, path: Path, name: str, limits: Limits) -> None:
    zipped = max(path.stat().st_size, 1)
    if unzipped > limits.unzipped:
        raise too_big(f"{name} 解压后", size(unzipped), size(limits.unzipped))
    if unzipped > SMALL_ENOUGH and unzipped > zipped * limits.ratio:
        raise too_big(f"{name} 解压后是压缩时的", f"{unzipped // zipped} 倍", f"{limits.ratio} 倍")
