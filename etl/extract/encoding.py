"""Text files become UTF-8: the declared encoding is tried first, the other of UTF-8 and GB18030 next, nothing else."""

import codecs
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from etl.errors import DeliveryRefused

BLOCK = 1024 * 1024
HEAD = 64 * 1024
ENOUGH = 6  # characters beyond ASCII; GB18030 text of that length is valid UTF-8 once in a hundred thousand times


@dataclass(frozen=True)
class Decoded:
    """`path`: the same text as UTF-8; `encoding`: what it was; `note`: said when that is not what was declared."""

    path: Path
    encoding: str
    note: str | None = None


@dataclass(frozen=True)
class _Trial:
    """How far a codec came: byte offset of the first fault (None = the end), characters beyond ASCII, line of the first NUL."""

    fault: int | None
    beyond_ascii: int
    nul_line: int | None


def as_utf8(path: Path, name: str, declared: str, columns: Sequence[str], scratch: Path) -> Decoded:
    """The file as UTF-8, recoded into `scratch` when it is something else.

    Raises DeliveryRefused: encoding (with the byte offset of the first fault), format for NUL bytes (with the line) and for what is
    no text at all, whatever its name.
    """
    if what := _no_text(path):
        raise DeliveryRefused("format", f"{name} 是 {what}，不是约定的文本文件；请另存为约定的格式（{declared} 编码）再交付")
    as_declared = "utf-8" if declared.startswith("utf-8") else "gb18030"
    utf8 = _try(path, "utf-8")
    if utf8.fault is None:
        _no_nul(utf8, name)
        if as_declared == "utf-8" or not utf8.beyond_ascii:
            return Decoded(path, as_declared)
        if not _looks_gb18030(path, utf8, columns):
            return Decoded(path, "utf-8", f"{name} 的编码与约定不同：约定 {declared}，实为 utf-8")
    recoded = scratch / f"{path.name}.utf-8"
    with recoded.open("wb") as out:
        gb = _try(path, "gb18030", out)
    if gb.fault is None:
        _no_nul(gb, name)
        note = None if as_declared == "gb18030" else f"{name} 的编码与约定不同：约定 {declared}，实为 gb18030"
        return Decoded(recoded, "gb18030", note)
    if utf8.fault is None:
        return Decoded(path, "utf-8", f"{name} 的编码与约定不同：约定 {declared}，实为 utf-8")
    at = utf8.fault if as_declared == "utf-8" else gb.fault
    raise undecodable(name, at, declared)


def _no_text(path: Path) -> str:
    """What a file is that people hand in for a text, by its first bytes and (of a zip) what lies in it; empty for anything else."""
    with path.open("rb") as f:
        head = f.read(8)
    if head.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(path) as z:
                names = set(z.namelist())
        except (zipfile.BadZipFile, OSError, ValueError):
            return "残缺的压缩文件或 Excel 文件"
        return "Excel 工作簿（.xlsx）" if "xl/workbook.xml" in names else "Word 文件" if "word/document.xml" in names else "压缩文件（zip）"
    kinds = {
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "旧版 Excel 或 Word 文件（或带密码的工作簿）",
        b"%PDF": "PDF 文件",
        b"Rar!": "压缩文件（rar）",
    }
    return next((what for magic, what in kinds.items() if head.startswith(magic)), "")


def undecodable(name: str, at: int | None, declared: str) -> DeliveryRefused:
    """The refusal of bytes that are text in neither encoding; `at`: offset of the first fault."""
    return DeliveryRefused("encoding", f"{name} 第 {at} 字节起不是 {declared} 编码，按另一种编码（UTF-8、GB18030）也读不通")


def _looks_gb18030(path: Path, utf8: _Trial, columns: Sequence[str]) -> bool:
    """Whether a file that is valid UTF-8 and declared GB18030 is the latter after all: the column names decide."""
    with path.open("rb") as f:
        head = f.read(HEAD)
    if head.startswith(codecs.BOM_UTF8):
        return False
    in_gb = sum(c in head.decode("gb18030", "replace") for c in columns)
    in_utf8 = sum(c in head.decode("utf-8", "replace") for c in columns)
    return in_gb > in_utf8 or (in_gb == in_utf8 and utf8.beyond_ascii < ENOUGH)


def _try(path: Path, codec: str, out: BinaryIO | None = None) -> _Trial:
    """Decodes a whole file in blocks, writing UTF-8 to `out` as it goes."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    read, lines, nul, beyond = 0, 0, None, 0
    with path.open("rb") as f:
        while True:
            block = f.read(BLOCK)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as e:
                return _Trial(read - pending + e.start, beyond, nul)
            if out is not None:
                out.write(text.encode("utf-8"))
            if not text.isascii():
                beyond += 1 if beyond >= ENOUGH else sum(c > "\x7f" for c in text[:HEAD])
            if nul is None and "\0" in text:
                nul = lines + text[: text.index("\0")].count("\n") + 1
            lines += text.count("\n")
            read += len(block)
            if not block:
                return _Trial(None, beyond, nul)


def _no_nul(trial: _Trial, name: str) -> None:
    if trial.nul_line is not None:
        raise DeliveryRefused("format", f"{name} 第 {trial.nul_line} 行含有空字符（NUL），不是文本文件，或传送时损坏")


def decode_field(raw: bytes, codec: str) -> str:
    """A fixed-width field; a character cut in two by the field's end is dropped. Raises UnicodeDecodeError otherwise."""
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as e:
        if e.end >= len(raw) and len(raw) - e.start < 4:
            return raw[: e.start].decode(codec)
        raise
