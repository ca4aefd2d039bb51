"""ZIP archives from outside: checked before anything is unpacked."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from etl.errors import DeliveryRefused
from etl.extract.limits import SMALL_ENOUGH, Limits, size, too_big

BLOCK = 1024 * 1024
HEADER_BYTES = 30  # of a member's local header, before its name
MANY = 10_000  # members
DIRECTORY_BYTES = 16 * 1024 * 1024  # which zipfile reads at one go: of ten thousand members with long names
END, END64 = b"PK\x05\x06", b"PK\x06\x06"  # the records behind the directory, and where they may stand
TAIL_BYTES = 128 * 1024


def members(path: Path, name: str, limits: Limits) -> list[zipfile.ZipInfo]:
    """The files inside, checked: no member is encrypted, a link, or named outside; together they stay within the limits.

    Raises DeliveryRefused: truncated or format (no ZIP), password, unsafe_path, too_big.
    """
    _directory_small_enough(path, name)
    try:
        with zipfile.ZipFile(path) as archive:
            found = [m for m in archive.infolist() if not m.is_dir()]
    except zipfile.BadZipFile:
        with path.open("rb") as f:
            begun = f.read(4) == b"PK\x03\x04"
        raise DeliveryRefused("truncated" if begun else "format", f"{name} {'不完整，压缩包被截断' if begun else '不是压缩包'}") from None
    except (OSError, ValueError, NotImplementedError, struct.error, MemoryError):
        raise DeliveryRefused("format", f"{name} 的压缩包读不通") from None
    if len(found) > MANY:
        raise too_big(f"{name} 的压缩包", f"{len(found)} 个文件", f"{MANY} 个")
    for member in found:
        _safe(member, name)
    _as_listed(found, path, name)
    _small_enough(sum(m.file_size for m in found), path, name, limits)
    return found


def unpack(path: Path, member: zipfile.ZipInfo, name: str, limits: Limits) -> Iterator[bytes]:
    """A member's bytes in blocks, whose number and check sum must be what the directory says. Raises truncated, format, too_big."""
    out, check = 0, 0
    try:
        for block in _inflated(path, member):
            out, check = out + len(block), zlib.crc32(block, check)
            if out > member.file_size:  # a header that lies: how much, decides how it is told
                _small_enough(out, path, name, limits)
            else:
                yield block
    except (zlib.error, zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError):
        raise DeliveryRefused("format", f"{name} 的压缩包已损坏") from None
    if out > member.file_size:
        raise DeliveryRefused("format", f"{name} 解压出的内容比压缩包自己记的多，压缩包不可信")
    if out < member.file_size:
        raise DeliveryRefused("truncated", f"{name} 的压缩包不完整，文件被截断")
    if check != member.CRC:
        raise DeliveryRefused("format", f"{name} 的压缩包已损坏，校验和不符")


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


def _directory_small_enough(path: Path, name: str) -> None:
    """Refuses a directory of members that would itself fill the memory, by what the record behind it says."""
    with path.open("rb") as f:
        f.seek(max(path.stat().st_size - TAIL_BYTES, 0))
        tail = f.read()
    for mark, layout, skipped in ((END, "<HHI", 8), (END64, "<QQQ", 24)):
        at = tail.rfind(mark)
        if at >= 0 and len(tail) >= at + skipped + struct.calcsize(layout):
            _, count, length = struct.unpack_from(layout, tail, at + skipped)
            whole = (0xFFFF, 0xFFFFFFFF) if mark == END else (-1, -1)  # the older record's sign that the newer one tells
            if (count > MANY and count != whole[0]) or (length > DIRECTORY_BYTES and length != whole[1]):
                raise too_big(f"{name} 的压缩包", f"{count} 个文件的目录有 {size(length)}", f"{MANY} 个文件、{size(DIRECTORY_BYTES)}")


def _as_listed(found: list[zipfile.ZipInfo], path: Path, name: str) -> None:
    """Every member begins with the name that the directory gives it, and shares its bytes with no other.

    Readers differ in whom they believe; and members that overlap are how a small archive unpacks without end.
    """
    before = 0
    with path.open("rb") as f:
        for member in sorted(found, key=lambda m: m.header_offset):
            if member.header_offset < before:
                raise DeliveryRefused("format", f"{name} 的压缩包里文件互相重叠，压缩包不可信")
            f.seek(member.header_offset)
            local = f.read(HEADER_BYTES)
            length = int.from_bytes(local[26:28], "little")
            written = f.read(length).decode("utf-8" if member.flag_bits & 0x800 else "cp437", "replace")
            if local[:4] != b"PK\x03\x04" or written != member.orig_filename:
                raise DeliveryRefused("format", f"{name} 的压缩包目录与其中的文件对不上，压缩包不可信")
            before = f.tell() + int.from_bytes(local[28:30], "little") + member.compress_size


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
