"""Deliveries that are small and would become large: refused in bounded memory, measured in a process of their own."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from delivering import Office, refused_in_a_process
from test_hostile import BOOK, CSV, HEAD, JSON, KML, MB, SHEET, TEXT, XLSX, XML

from etl.spec import Source


def repeated(block: bytes, times: int) -> Callable[[Path], None]:
    """Writes a file of one block over and over."""

    def write(path: Path) -> None:
        with path.open("ab") as f:
            for _ in range(times):
                f.write(block)

    return write


def deflated(member: str, head: bytes, block: bytes, times: int, tail: bytes) -> Callable[[Path], None]:
    """Writes the workbook with one member of that content, packed as it grows."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(BOOK)) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in source.namelist():
                if name != member:
                    archive.writestr(name, source.read(name))
            with archive.open(member, "w", force_zip64=True) as f:
                f.write(head)
                for _ in range(times):
                    f.write(block)
                f.write(tail)

    return write


def quine(path: Path) -> None:
    """Many members that share one kernel of 8 MB of nothing: 1 MB would become gigabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    kernel = packer.compress(b"\0" * (8 * MB)) + packer.flush()
    check = zlib.crc32(b"\0" * (8 * MB))
    local, central = b"", b""
    for i in range(400):
        name = f"xl/worksheets/sheet{i:03d}.xml".encode()
        told = struct.pack("<HHHHLLL", 20, 0, 8, 0, 0, check & 0, 0)[:10] + struct.pack("<LLL", check, len(kernel), 8 * MB)
        if not i:
            local = b"PK\x03\x04" + told + struct.pack("<HH", len(name), 0) + name + kernel
        central += b"PK\x01\x02" + struct.pack("<H", 20) + told + struct.pack("<HHHHHLL", len(name), 0, 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 400, 400, len(central), len(local), 0)
    path.write_bytes(local + central + end)


SHEET_HEAD = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
BOMBS: dict[str, tuple[Source, str, bytes, Callable[[Path], None], str, dict[str, str]]] = {
    "a line of 80 MB in CSV": (CSV, "a.csv", HEAD.encode(), repeated(b"x" * MB, 80), "too_big", {}),
    "a header of 80 MB": (CSV, "a.csv", b"", repeated(b"x," * (MB // 2), 80), "too_big", {}),
    "a quoted record of 20 MB in short lines": (
        CSV,
        "a.csv",
        HEAD.encode(),
        repeated(b'"\n",' * (MB // 4), 20),
        "too_big",
        {"JICHU_MAX_RECORD_BYTES": "16000000"},
    ),
    "a line of 80 MB in text": (TEXT, "a.txt", b"", repeated(b"1|" * (MB // 2), 80), "too_big", {}),
    "a text of 80 MB in JSON": (JSON, "a.json", b'[{"a": "', repeated(b"x" * MB, 80), "too_big", {}),
    "a list of 20 MB in a JSON record": (JSON, "a.json", b'[{"a": [', repeated(b"[],[]," * (MB // 6), 20), "too_big", {}),
    "a text of 80 MB in XML": (XML, "a.xml", b"<rows><row>", repeated(b"x" * MB, 80), "too_big", {}),
    "an attribute of 80 MB in XML": (XML, "a.xml", b'<rows><row a="', repeated(b"x" * MB, 80), "too_big", {}),
    "an XML record of 80 MB of elements": (XML, "a.xml", b"<rows><row>", repeated(b"<a/>" * (MB // 4), 80), "too_big", {}),
    "a placemark of 80 MB": (KML, "a.kml", b"<kml><Placemark><coordinates>", repeated(b"1,2 " * (MB // 4), 80), "too_big", {}),
    "300 MB of nothing in a workbook": (XLSX, "a.xlsx", b"", deflated(SHEET, b"", b"\0" * MB, 300, b""), "too_big", {}),
    "members of a workbook that share their bytes": (XLSX, "a.xlsx", b"", quine, "format", {"JICHU_MAX_RATIO": "1000000"}),
    "a row of 80 MB in a workbook": (
        XLSX,
        "a.xlsx",
        b"",
        deflated(SHEET, SHEET_HEAD + b"<row>", b"<c><v>1</v></c>" * 70_000, 80, b"</row></sheetData></worksheet>"),
        "too_big",
        {"JICHU_MAX_RATIO": "2000"},
    ),
    "90 MB of texts in a workbook": (
        XLSX,
        "a.xlsx",
        b"",
        deflated("xl/sharedStrings.xml", b"<sst>", b"<si><t>abcdef</t></si>" * 48_000, 90, b"</sst>"),
        "too_big",
        {"JICHU_MAX_RATIO": "2000", "JICHU_MAX_STRINGS_BYTES": "50000000"},
    ),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_refused_in_bounded_memory(office: Office, case: str) -> None:
    of, name, head, write, code, env = BOMBS[case]
    folder = office.deliver({name: head})
    write(folder / name)
    told = refused_in_a_process(of, office, env)
    print(f"{case}: {told}")
    (folder / name).unlink()
    assert told["code"] == code
    assert told["grown_mb"] < 700
