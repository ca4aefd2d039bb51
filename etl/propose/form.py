"""How a delivered file is written: format, encoding, separator, header, records, coordinate system.

Only its head is looked at (`HEAD_BYTES`, a worksheet's first rows); what is found here is put to the test when the project's
own reader reads the whole file by it.
"""

import codecs
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl.errors import UsageError
from etl.spec import Column, Source

HEAD_BYTES = 1024 * 1024
BLOCK = 1024 * 1024
FEW = 6  # characters beyond ASCII: fewer say little about an encoding
SUFFIXES = {
    ".csv": "text", ".txt": "text", ".dat": "text", ".tsv": "text", ".xlsx": "xlsx", ".xlsm": "xlsx", ".xls": "xlsx", ".json": "json",
    ".geojson": "json", ".xml": "xml", ".kml": "xml", ".dbf": "dbf", ".zip": "shapefile", ".gpkg": "geopackage",
}  # fmt: skip
LINES = (".ndjson", ".jsonl")
DROPPED_AS = {"csv": (".csv", ".txt"), "text": (".txt", ".csv", ".dat")}  # what etl.extract takes from a delivery folder


@dataclass
class Form:
    """`terms`: keys of the spec's `delivery` beside channel, kind and due; `columns`: delivered names in order, where reading
    needs them declared (worksheets, files without a header); `unnamed`: names that cannot be declared (empty, twice);
    `header`, `merges`: the rows of a header that is more than one row deep, and its merged ranges (top left bottom right, from 0);
    `facts` what was found and `doubts` what was not certain, both Chinese sentences."""

    terms: dict[str, Any]
    columns: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    rest: bool = False
    header: list[list[str]] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    @property
    def format(self) -> str:
        return str(self.terms["format"])


def look(file: Path) -> Form:
    """The form of a file, by its suffix and its first bytes. Raises UsageError in a sentence for what no reader reads."""
    if not file.is_file():
        raise UsageError(f"没有文件 {file}")
    if not file.stat().st_size:
        raise UsageError(f"{file.name} 是空文件")
    suffix = file.suffix.lower()
    if suffix in LINES:
        raise UsageError(f"{file.name} 是逐行 JSON（ndjson），现有的读法不读；请部门改交 JSON 列表（.json），或由接口提供（channel: api）")
    if suffix not in SUFFIXES:
        raise UsageError(f"不认识后缀 {suffix or '（无）'}；读得懂的有：{'、'.join(SUFFIXES)}")
    return _lookers()[SUFFIXES[suffix]](file)


def _lookers() -> dict[str, Callable[[Path], "Form"]]:
    """Kind of suffix → the function that looks. Imported now: some libraries are slow to import."""
    from etl.propose import layer_form, record_form, sheet_form, text_form

    return {
        "text": text_form.look,
        "xlsx": sheet_form.look,
        "json": record_form.look_json,
        "xml": record_form.look_xml,
        "dbf": layer_form.look_dbf,
        "shapefile": layer_form.look_shapefile,
        "geopackage": layer_form.look_geopackage,
    }


def encoding_of(file: Path) -> tuple[str, list[str]]:
    """utf-8, utf-8-sig or gb18030 for a whole text file, and what is doubtful of it. Raises UsageError for other encodings."""
    with file.open("rb") as f:
        head = f.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UsageError(f"{file.name} 是 UTF-16 编码，现有的读法只读 UTF-8 与 GB18030；请在 Excel 或记事本里另存为 UTF-8")
    fault, beyond = _decodes(file, "utf-8")
    if fault is None:
        doubts = [f"全文只有 {beyond} 个汉字等字符，看不准是 UTF-8 还是 GB18030，暂作 UTF-8"] if 0 < beyond < FEW else []
        return ("utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"), doubts
    fault_gb, _ = _decodes(file, "gb18030")
    if fault_gb is None:
        return "gb18030", []
    raise UsageError(f"{file.name} 既不是 UTF-8（第 {fault} 字节起不合）也不是 GB18030（第 {fault_gb} 字节起不合）；请部门重新导出")


def _decodes(file: Path, codec: str) -> tuple[int | None, int]:
    """Byte offset of the first fault (None = none), and how many characters beyond ASCII there are, counted up to FEW a block."""
    decoder, read, beyond = codecs.getincrementaldecoder(codec)("strict"), 0, 0
    with file.open("rb") as f:
        while True:
            block = f.read(BLOCK)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as e:
                return read - pending + e.start, beyond
            if beyond < FEW and not text.isascii():
                beyond += len(text) - len(text.encode("ascii", "ignore")) - text.count("\ufeff")
            read += len(block)
            if not block:
                return None, beyond


def head_of(file: Path, encoding: str) -> str:
    """The first megabyte as text; a line that it cuts is left out."""
    with file.open("rb") as f:
        raw = f.read(HEAD_BYTES)
        whole = not f.read(1)
    text = codecs.getincrementaldecoder("gb18030" if encoding.startswith("gb") else "utf-8")("ignore").decode(raw, whole)
    text = text.removeprefix("\ufeff")
    return text if whole or "\n" not in text else text[: text.rindex("\n") + 1]


def draft(name: str, form: Form) -> Source:
    """A source that reads the file and takes every column as text: to see what there is, before anything is declared."""
    columns = {c: Column.model_validate({"as": f"c{i}"}) for i, c in enumerate(form.columns)}
    columns |= {"@file": Column.model_validate({"as": "file"})}
    return Source.model_validate(
        {
            "name": name,
            "stem": name,
            "title": name,
            "delivery": {"channel": "file", "kind": "full", **form.terms},
            "key": ["@file"],
            "columns": columns,
            "rest": "rest_of_columns" if form.rest else None,
        }
    )
