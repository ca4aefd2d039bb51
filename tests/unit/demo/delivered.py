"""Reads a delivered file the plain way, with other libraries than the generator wrote it with: header and records as text."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import dbfread
import pyogrio
import python_calamine

Records = list[dict[str, str | None]]


def decoded(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030")


def _csv(path: Path) -> Records:
    return list(csv.DictReader(io.StringIO(decoded(path), newline="")))


def _sheets(path: Path, key: str) -> Records:
    """Rows below the header row that holds the key column; totals and notes are no rows."""
    out: Records = []
    for sheet in python_calamine.CalamineWorkbook.from_path(path).sheet_names:
        rows = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        head = next(i for i, r in enumerate(rows) if key in [str(v) for v in r])
        start = head + 1
        while start < len(rows) and rows[start][0] == "" and not any(isinstance(v, float) for v in rows[start]):
            start += 1
        for row in rows[start:]:
            cells = [str(v) if v != "" else None for v in row]
            filled = sum(c is not None for c in cells)
            if filled > 1 and cells[0] != "合计":
                out.append(dict(zip([str(v) for v in rows[head]], cells, strict=True)))
    return out


def _dump(path: Path) -> dict[str, Records]:
    """Table name → records of a plain PostgreSQL dump."""
    out: dict[str, Records] = {}
    for table, columns, body in re.findall(r"COPY (\S+) \((.*?)\) FROM stdin;\n(.*?)\\\.\n", path.read_text(encoding="utf-8"), re.S):
        names = columns.split(", ")
        out[table] = [{n: None if v == "\\N" else v for n, v in zip(names, line.split("\t"), strict=True)} for line in body.splitlines()]
    return out


def dump(path: Path, table: str) -> Records:
    return _dump(path)[table]


def records(path: Path, key: str) -> Records:
    """The records of one delivered file."""
    match path.suffix:
        case ".csv":
            return _csv(path)
        case ".xlsx":
            return _sheets(path, key)
        case ".json":
            return list(json.loads(path.read_text(encoding="utf-8"))["data"])
        case ".jsonl":
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        case ".xml":
            return [{c.tag: c.text for c in row} for row in ElementTree.parse(path).getroot()]
        case ".dbf":
            return [dict(r) for r in dbfread.DBF(str(path), encoding="gbk", char_decode_errors="replace")]
        case ".txt":
            return [{"line": line} for line in decoded(path).split("\r\n") if line]
        case ".zip":
            return [dict(r) for r in pyogrio.read_dataframe(f"/vsizip/{path}", encoding="gbk").drop(columns="geometry").to_dict("records")]
        case _:
            return [dict(r) for r in pyogrio.read_dataframe(path).drop(columns="geometry").to_dict("records")]
