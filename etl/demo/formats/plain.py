"""Text files: CSV, separated text, JSON, JSON lines, XML, SQL dumps. Whole columns are joined at once, no row is handled alone."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from etl.demo import text
from etl.demo.fates import BAD_SHAPE_MARK
from etl.demo.rows import Output
from etl.demo.text import Text

SLICE = 100_000


def folder(out: Output) -> Path:
    """drop/<department>/<dataset>/<date>/, made."""
    path = out.drop / out.dataset.department / out.dataset.stem / out.date
    path.mkdir(parents=True, exist_ok=True)
    return path


def file(out: Output, suffix: str) -> Path:
    return folder(out) / f"{out.dataset.stem}_{out.date}.{suffix}"


def write_lines(path: Path, lines: Text, encoding: str, head: str = "", tail: str = "", mark: bytes = b"") -> None:
    """Lines that already end as they should, in slices."""
    with path.open("wb") as f:
        f.write(mark + head.encode(encoding))
        for start in range(0, len(lines), SLICE):
            part = "".join(lines.slice(start, SLICE).to_pylist())
            f.write(part.encode(encoding, errors="replace"))
        f.write(tail.encode(encoding))


def _quoted(column: Text) -> Text:
    """Quotes where a value holds a separator, a quote or a line break."""
    filled = pc.fill_null(column, "")
    needs = pc.match_substring_regex(filled, '[",\r\n]')
    if not pc.any(needs).as_py():
        return filled
    doubled = pc.replace_substring(filled, '"', '""')
    return pc.if_else(needs, text.join('"', doubled, '"'), filled)


def separated(columns: Sequence[Text], separator: str, end: str) -> Text:
    """One line per row."""
    pieces: list[Text | str] = []
    for i, c in enumerate(columns):
        pieces += [c] if i == 0 else [separator, c]
    return text.join(*pieces, end)


def _columns(table: pa.Table) -> list[Text]:
    return [table.column(i).combine_chunks() for i in range(table.num_columns)]


def csv(encoding: str = "utf-8", end: str = "\n", bom: bool = False) -> Callable[[Output], None]:
    """Comma-separated with a header."""

    def write(out: Output) -> None:
        table = out.columns
        lines = separated([_quoted(c) for c in _columns(table)], ",", end)
        write_lines(file(out, "csv"), lines, encoding, ",".join(table.column_names) + end, mark=b"\xef\xbb\xbf" if bom else b"")

    return write


def piped(out: Output) -> None:
    """Without header, with a trailing separator, GB18030; a row marked as misshapen has a field too few, or one too many.

    Unquoted text has no way to hold a line end or its own separator: a department's export leaves a blank there.
    """
    columns = [pc.replace_substring_regex(pc.fill_null(c, ""), r"[\r\n|]+", " ") for c in _columns(out.table)]
    marked = pc.equal(columns[-1], BAD_SHAPE_MARK)
    lines = separated(columns, "|", "|\r\n")
    short = separated(columns[:-1], "|", "|\r\n")
    long = text.join(columns[0], "|", separated([*columns[:-1], columns[-2]], "|", "|\r\n"))
    odd = pc.if_else(pc.equal(pc.utf8_slice_codeunits(columns[0], 9, 10), "5"), short, long)
    write_lines(file(out, "txt"), pc.if_else(marked, odd, lines), "gb18030")


def _json_text(column: Text) -> Text:
    """JSON strings; null stays null."""
    escaped = pc.replace_substring(pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), '"', '\\"'), "\n", "\\n")
    return pc.fill_null(text.where(pc.is_valid(column).to_numpy(zero_copy_only=False), text.join('"', escaped, '"'), "null"), "null")


def json_objects(table: pa.Table, numbers: Sequence[str], end: str, absent: Sequence[str] = ()) -> Text:
    """One JSON object per row."""
    pieces: list[Text | str] = []
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        value = pc.fill_null(column, "null") if name in numbers else _json_text(column)
        pieces += [("{" if not pieces else ", ") + json.dumps(name, ensure_ascii=False) + ": ", value]
    assert not absent
    return text.join(*pieces, "}" + end)


def json_data(out: Output) -> None:
    """{"data": [ … ]}."""
    lines = json_objects(out.table, (), ",\n")
    if len(lines):
        lines = text.put(lines, [len(lines) - 1], pc.utf8_rtrim(lines.slice(len(lines) - 1), ",\n"))
    write_lines(file(out, "json"), lines, "utf-8", '{"data": [\n', "\n]}\n")


def api(numbers: Sequence[str]) -> Callable[[Output], None]:
    """drop/<department>/api/<dataset>.jsonl, in order of the update time."""

    def write(out: Output) -> None:
        path = out.drop / out.dataset.department / "api"
        path.mkdir(parents=True, exist_ok=True)
        write_lines(path / f"{out.dataset.stem}.jsonl", json_objects(out.table, numbers, "\n"), "utf-8")

    return write


def escape_xml(column: Text) -> Text:
    plain = pc.fill_null(column, "")
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        plain = pc.replace_substring(plain, char, entity)
    return plain


def xml(root: str, element: str) -> Callable[[Output], None]:
    """One element per row, one child per column."""

    def write(out: Output) -> None:
        pieces: list[Text | str] = [f"<{element}>"]
        for name in out.table.column_names:
            pieces += [f"<{name}>", escape_xml(out.table.column(name).combine_chunks()), f"</{name}>"]
        day = f"{out.date[:4]}-{out.date[4:6]}-{out.date[6:]}"
        head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} date="{day}">\n'
        write_lines(file(out, "xml"), text.join(*pieces, f"</{element}>\n"), "utf-8", head, f"</{root}>\n")

    return write


def _dumped(column: Text) -> Text:
    r"""Backslash escapes of COPY; null is \N."""
    plain = column
    for char, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        plain = pc.replace_substring(plain, char, escape)
    return pc.fill_null(plain, "\\N")


def database(schema: str, table_name: str, comments: dict[str, str], stamp: str, first: bool) -> Callable[[Output], None]:
    """Appends a table to drop/<department>/database.sql; the first table of a department begins the dump."""

    def write(out: Output) -> None:
        path = out.drop / out.dataset.department / "database.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        name = f"{schema}.{table_name}"
        names = out.table.column_names
        kinds = ",\n".join(f"    {c} {'timestamp without time zone' if c == stamp else 'character varying(200)'}" for c in names)
        notes = "".join(f"COMMENT ON COLUMN {name}.{c} IS '{comments[c]}';\n" for c in names)
        new = not path.exists() or first
        head = "-- PostgreSQL database dump\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n" if new else ""
        head += f"CREATE SCHEMA {schema};\n\n" if new else ""
        head += f"CREATE TABLE {name} (\n{kinds}\n);\n{notes}\nCOPY {name} ({', '.join(names)}) FROM stdin;\n"
        with path.open("w" if new else "a", encoding="utf-8", newline="") as f:
            f.write(head)
            columns = [_dumped(c) for c in _columns(out.table)]
            lines = separated(columns, "\t", "\n")
            for start in range(0, len(lines), SLICE):
                f.write("".join(lines.slice(start, SLICE).to_pylist()))
            f.write("\\.\n\n")

    return write
