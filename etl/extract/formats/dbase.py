"""DBF: fixed-width records, Chinese in GBK whatever the language driver byte claims."""

import struct
from typing import Any

import dbfread

from etl.errors import DeliveryRefused
from etl.extract.encoding import ENOUGH, decode_field, undecodable
from etl.extract.reading import Raw, Reading
from etl.extract.rows import BATCH
from etl.extract.values import shortest

HEAVY = 64 * 1024 * 1024  # bytes of a batch


def read(raw: Raw, reading: Reading) -> None:
    """Reads one DBF; deleted records do not count. Raises encoding, format, truncated, missing_column."""
    encoding = codec(raw, reading)
    table = _open(raw)
    names = reading.names.header([_decode(f.name, encoding) for f in table.fields], raw.name)
    batch = []
    most = max(min(BATCH, HEAVY // table.header.recordlen), 1)
    for record in table:
        batch.append([_value(v, f.type, encoding) for v, f in zip((v for _, v in record), table.fields, strict=True)])
        if len(batch) == most:
            reading.write_rows(raw, names, batch)
            batch = []
    reading.write_rows(raw, names, batch)


def _open(raw: Raw) -> Any:
    """dbfread's table of raw bytes, checked against the length that its header claims."""
    try:
        table = dbfread.DBF(raw.path, encoding="latin-1", raw=True, recfactory=None, ignore_missing_memofile=True)
    except (dbfread.DBFNotFound, struct.error, ValueError, LookupError):
        raise DeliveryRefused("format", f"{raw.name} 不是 DBF 文件") from None
    header = table.header
    plausible = header.recordlen == 1 + sum(f.length for f in table.fields) and table.fields
    if not plausible:
        raise DeliveryRefused("format", f"{raw.name} 不是 DBF 文件，或表头已损坏")
    whole = header.headerlen + header.numrecords * header.recordlen
    if raw.path.stat().st_size < whole:
        short = whole - raw.path.stat().st_size
        raise DeliveryRefused("truncated", f"{raw.name} 的表头记有 {header.numrecords} 条记录，文件短了 {short} 字节")
    return table


def codec(raw: Raw, reading: Reading) -> str:
    """The codec in which every text field decodes: the declared one, else the other. Raises encoding with the byte offset.

    Declared GB18030 that is valid UTF-8 throughout is UTF-8: GBK text never is, but UTF-8 often passes for GBK.
    """
    declared = "utf-8" if reading.terms.encoding.startswith("utf-8") else "gb18030"
    faults = {"utf-8": _fault(raw, "utf-8")}
    found = "utf-8" if faults["utf-8"][0] is None and (declared == "utf-8" or faults["utf-8"][1] >= ENOUGH) else "gb18030"
    if found == "gb18030":
        faults[found] = _fault(raw, found)
        if faults[found][0] is not None:
            at = faults[declared][0]
            raise undecodable(raw.name, at, reading.terms.encoding)
    reading.encodings[raw.name] = found
    if found != declared:
        reading.note(f"{raw.name} 的编码与约定不同：约定 {reading.terms.encoding}，实为 {found}")
    return found


def _fault(raw: Raw, codec: str) -> tuple[int | None, int]:
    """Byte offset of the first text that does not decode, and how many characters beyond ASCII there are before it."""
    table, beyond = _open(raw), 0
    for number, record in enumerate(table):
        at = table.header.headerlen + number * table.header.recordlen + 1
        for (_, value), field in zip(record, table.fields, strict=True):
            if field.type == "C" and not value.isascii():
                try:
                    beyond += sum(c > "\x7f" for c in decode_field(value.rstrip(b"\0 "), codec))
                except UnicodeDecodeError as e:
                    return int(at) + e.start, beyond
            at += field.length
    return None, beyond


def _value(raw: bytes, kind: str, codec: str) -> str | None:
    """A field as text: blanks that fill it up are no content; dates ISO, numbers shortest."""
    if kind == "C":
        return decode_field(raw.rstrip(b"\0 "), codec) or None
    value = raw.strip(b"\0 ").decode("ascii", "replace")
    if kind == "D":
        return f"{value[:4]}-{value[4:6]}-{value[6:]}" if len(value) == 8 and value.isdigit() else value or None
    return shortest(value) or None if kind in ("N", "F") else value or None


def _decode(name: str, codec: str) -> str:
    return decode_field(name.encode("latin-1"), codec)
