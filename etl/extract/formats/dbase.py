"""DBF: fixed-width records, Chinese in GBK whatever the language driver byte claims."""

import struct
from typing import Any

import dbfread

from etl.errors import DeliveryRefused
from etl.extract.encoding import decode_field
from etl.extract.reading import Raw, Reading
from etl.extract.rows import BATCH
from etl.extract.values import shortest


def read(raw: Raw, reading: Reading) -> None:
    """Reads one DBF. Deleted records do not count. Raises DeliveryRefused: encoding, format, truncated, missing_column."""
    codec = _codec(raw, reading)
    table = _open(raw)
    names = reading.names.header([_decode(f.name, codec) for f in table.fields], raw.name)
    batch = []
    for record in table:
        batch.append([_value(v, f.type, codec) for v, f in zip((v for _, v in record), table.fields, strict=True)])
        if len(batch) == BATCH:
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
        raise DeliveryRefused("truncated", f"{raw.name} 的表头记有 {header.numrecords} 条记录，文件短了 {whole - raw.path.stat().st_size} 字节")
    return table


def _codec(raw: Raw, reading: Reading) -> str:
    """The codec in which every text field decodes: the declared one, else the other. Raises encoding with the byte offset."""
    declared = "utf-8" if reading.terms.encoding.startswith("utf-8") else "gb18030"
    other = "gb18030" if declared == "utf-8" else "utf-8"
    fault = _fault(raw, declared)
    if fault is None:
        reading.encodings[raw.name] = declared
        return declared
    if _fault(raw, other) is None:
        reading.encodings[raw.name] = other
        reading.note(f"{raw.name} 的编码与约定不同：约定 {reading.terms.encoding}，实为 {other}")
        return other
    raise DeliveryRefused("encoding", f"{raw.name} 第 {fault} 字节起不是 {reading.terms.encoding} 编码，按另一种编码（UTF-8、GB18030）也读不通")


def _fault(raw: Raw, codec: str) -> int | None:
    """Byte offset of the first text that does not decode."""
    table = _open(raw)
    for number, record in enumerate(table):
        at = table.header.headerlen + number * table.header.recordlen + 1
        for value, field in zip((v for _, v in record), table.fields, strict=True):
            if field.type == "C":
                try:
                    decode_field(value.rstrip(b"\0 "), codec)
                except UnicodeDecodeError as e:
                    return at + int(e.start)
            at += field.length
    return None


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
