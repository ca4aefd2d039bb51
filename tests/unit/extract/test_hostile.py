"""Broken and hostile deliveries, one line each: the reason they are refused for; and what looks hostile but is data, and is kept."""

import gzip
import io
import json
import os
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas
import pytest
import shapely
from delivering import Office, rows, source, workbook, zipped

from etl.errors import DeliveryRefused
from etl.spec import Source

CSV = source(["编号", "名称"])
TEXT = source(["编号", "名称"], "text", separator="|", quoted=False, header=False, encoding="gb18030")
XLSX = source(["编号", "名称"], "xlsx")
JSON = source(["编号", "名称"], "json")
XML = source(["编号", "名称"], "xml", records="row")
KML = source(["name", "code"], "kml", key="code", crs="EPSG:4326")
GEOJSON = source(["code", "n"], "geojson", crs="EPSG:4490")
SHAPEFILE = source(["DKBH"], "shapefile", encoding="gbk", crs="EPSG:4544")
PACKAGE = source(["code"], "geopackage", crs="EPSG:4490")
DBF = source(["JGDM"], "dbf", encoding="gbk")

MB = 1024 * 1024
HEAD = "编号,名称\n"
BOOK = workbook(("表", [["编号", "名称"], ["1", "甲"]]))
SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'


def inside(book: bytes, change: Callable[[dict[str, bytes]], None], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The archive with its members changed."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        files = {n: archive.read(n) for n in archive.namelist()}
    change(files)
    return zipped(files, compression)


def put(name: str, data: bytes) -> bytes:
    """The workbook with one member set."""
    return inside(BOOK, lambda files: files.update({name: data}))


def in_sheet(before: bytes, after: bytes) -> bytes:
    """The workbook with bytes of its sheet replaced."""

    def change(files: dict[str, bytes]) -> None:
        assert before in files[SHEET]
        files[SHEET] = files[SHEET].replace(before, after)

    return inside(BOOK, change)


def directory(book: bytes, offset: int, value: bytes, member: str = SHEET) -> bytes:
    """The archive with bytes of a member's entry in the central directory overwritten: 16 CRC, 20 packed, 24 unpacked size, 42 place, 46 name."""
    at = next(i for i in range(len(book)) if book.startswith(b"PK\x01\x02", i) and book.startswith(member.encode(), i + 46))
    return book[: at + offset] + value + book[at + offset + len(value) :]


def linked(target: bytes) -> bytes:
    """An archive whose sheet is a symbolic link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", b"<workbook/>")
        link = zipfile.ZipInfo(SHEET)
        link.external_attr = 0o120777 << 16
        archive.writestr(link, target)
    return out.getvalue()


def locked() -> bytes:
    """An archive whose members are marked as encrypted."""
    book = bytearray(BOOK)
    for i in range(len(book) - 4):
        if book[i : i + 4] in (b"PK\x03\x04", b"PK\x01\x02"):
            book[i + (6 if book[i + 2] == 3 else 8)] |= 1
    return bytes(book)


def many_members() -> bytes:
    """An archive that claims more members than anyone reads."""
    at = BOOK.rindex(b"PK\x05\x06")
    return BOOK[: at + 8] + struct.pack("<HH", 60_000, 60_000) + BOOK[at + 12 :]


def package(view: bool) -> bytes:
    """A GeoPackage whose one layer is, where `view`, a view that computes without end."""
    path = Path(os.environ["PYTEST_HOSTILE"]) / "x.gpkg"
    path.unlink(missing_ok=True)
    geopandas.GeoDataFrame({"code": ["1"]}, geometry=[shapely.Point(105, 28)], crs="EPSG:4490").to_file(path, layer="cells")
    if view:
        con = sqlite3.connect(path)
        for (name,) in con.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            con.execute(f'drop trigger "{name}"')
        con.executescript(
            "alter table cells rename column code to kept; alter table cells rename to other; create view cells as with recursive r(fid) as (select 1 union all select fid + 1 from r)"
            " select r.fid, other.geom, other.kept as code from r, other;"
        )
        con.close()
    return path.read_bytes()


def dbf(records: int, claimed: int, width: int = 10) -> bytes:
    head = struct.pack("<BBBBLHH20x", 3, 118, 3, 1, claimed, 65, 1 + width) + struct.pack("<11sc4xBB14x", b"JGDM", b"C", width, 0) + b"\r"
    return head + (b" " + b"1".ljust(width)) * records + b"\x1a"


def geojson(geometry: object) -> bytes:
    feature = {"type": "Feature", "properties": {"code": "1", "n": 1}, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


REFUSED: dict[str, tuple[Source, str, Callable[[], bytes], str]] = {
    # archives that are cut short or lie
    "an archive cut short": (XLSX, "a.xlsx", lambda: BOOK[: len(BOOK) // 2], "truncated"),
    "an archive without its directory's end": (XLSX, "a.xlsx", lambda: BOOK[:-22], "truncated"),
    "a member whose check sum is wrong": (XLSX, "a.xlsx", lambda: directory(BOOK, 16, b"\0\0\0\0"), "format"),
    "a member larger than the directory says": (XLSX, "a.xlsx", lambda: directory(BOOK, 24, struct.pack("<L", 10)), "format"),
    "a member smaller than the directory says": (XLSX, "a.xlsx", lambda: directory(BOOK, 24, struct.pack("<L", 10**6)), "truncated"),
    "a member with another name in its own header": (XLSX, "a.xlsx", lambda: directory(BOOK, 46, b"xl/worksheets/sheet2.xml"), "format"),
    "a member that begins elsewhere": (XLSX, "a.xlsx", lambda: directory(BOOK, 42, struct.pack("<L", 5)), "format"),
    "two members in one place": (XLSX, "a.xlsx", lambda: directory(BOOK, 42, struct.pack("<L", 0)), "format"),
    "more members than anyone reads": (XLSX, "a.xlsx", many_members, "too_big"),
    # bombs
    "a bomb in a workbook": (XLSX, "a.xlsx", lambda: put(SHEET, b" " * (40 * MB)), "too_big"),
    "a bomb that says it is small": (
        XLSX,
        "a.xlsx",
        lambda: directory(put(SHEET, b" " * (40 * MB)), 24, struct.pack("<L", 100)),
        "too_big",
    ),
    "a bomb in a zipped shapefile": (
        SHAPEFILE,
        "a.zip",
        lambda: zipped({f"x.{s}": b"\0" * (20 * MB) for s in ("shp", "shx", "dbf")}),
        "too_big",
    ),
    "an archive in an archive": (SHAPEFILE, "a.zip", lambda: zipped({"x.zip": zipped({"x.shp": b"\0" * (40 * MB)})}), "format"),
    "a packed CSV that nobody agreed to": (CSV, "a.csv.gz", lambda: gzip.compress(b"0" * (40 * MB)), "format"),
    "a packed CSV under the name of one": (CSV, "a.csv", lambda: gzip.compress(HEAD.encode() + b"1,x\n"), "encoding"),
    # paths
    "a member above its folder": (XLSX, "a.xlsx", lambda: put("../../../tmp/x.xml", b"x"), "unsafe_path"),
    "a member above its folder, the Windows way": (XLSX, "a.xlsx", lambda: put("..\\..\\x.xml", b"x"), "unsafe_path"),
    "a member at the root": (SHAPEFILE, "a.zip", lambda: zipped({"/etc/x.shp": b"x"}), "unsafe_path"),
    "a member on a drive": (SHAPEFILE, "a.zip", lambda: zipped({"C:/x.shp": b"x"}), "unsafe_path"),
    "a member that is a link": (XLSX, "a.xlsx", lambda: linked(b"/etc/passwd"), "unsafe_path"),
    # XML
    "entities that multiply": (XML, "a.xml", lambda: LAUGHS + b"<rows><row>&c;</row></rows>", "format"),
    "an entity from a file": (
        XML,
        "a.xml",
        lambda: b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rows><row>&x;</row></rows>',
        "format",
    ),
    "a document type from elsewhere": (XML, "a.xml", lambda: b'<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><rows/>', "format"),
    "a parameter entity": (XML, "a.xml", lambda: b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]><rows/>', "format"),
    "entities in KML": (KML, "a.kml", lambda: LAUGHS + b"<kml>&c;</kml>", "format"),
    "entities in a workbook's sheet": (XLSX, "a.xlsx", lambda: in_sheet(b"<worksheet", LAUGHS + b"<worksheet"), "format"),
    "entities in UTF-16 in a workbook": (
        XLSX,
        "a.xlsx",
        lambda: put("xl/sharedStrings.xml", (LAUGHS.decode() + "<sst/>").encode("utf-16")),
        "format",
    ),
    "a workbook's XML in a strange encoding": (
        XLSX,
        "a.xlsx",
        lambda: put("xl/styles.xml", b'<?xml version="1.0" encoding="UTF-7"?><styleSheet/>'),
        "format",
    ),
    "XML within XML without end": (XML, "a.xml", lambda: b"<a>" * 100_000, "format"),
    # what is not what its name says, or is closed to us
    "HTML named xlsx": (XLSX, "a.xlsx", lambda: "<html><table><tr><td>编号</td></tr></table></html>".encode(), "format"),
    "a CSV named xlsx": (XLSX, "a.xlsx", lambda: f"{HEAD}1,甲\n".encode("gbk"), "format"),
    "a Word document named xlsx": (XLSX, "a.xlsx", lambda: zipped({"word/document.xml": b"<w/>"}), "format"),
    "a workbook named csv": (CSV, "a.csv", lambda: BOOK, "format"),
    "a protected workbook": (
        XLSX,
        "a.xlsx",
        lambda: b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
        "password",
    ),
    "an archive with a password": (XLSX, "a.xlsx", locked, "password"),
    # text
    "bytes that are no UTF-8": (CSV, "a.csv", lambda: HEAD.encode() + b"1,\xff\xfe\n", "encoding"),
    "bytes that are no GB18030": (TEXT, "a.txt", lambda: b"1|\xff\xff\n", "encoding"),
    "UTF-16": (CSV, "a.csv", lambda: f"{HEAD}1,甲\n".encode("utf-16"), "encoding"),
    "a NUL byte": (CSV, "a.csv", lambda: f"{HEAD}1,a\0b\n".encode(), "format"),
    "a NUL byte in text": (TEXT, "a.txt", lambda: b"1|a\0b\n", "format"),
    "a NUL byte in XML": (XML, "a.xml", lambda: b"<rows><row><a>\0</a></row></rows>", "format"),
    "a quote that is never closed": (CSV, "a.csv", lambda: f'{HEAD}1,"甲\n2,乙\n'.encode(), "truncated"),
    "a quote in the header that is never closed": (CSV, "a.csv", lambda: '"编号,名称\n1,甲\n'.encode(), "format"),
    # widths and lengths
    "a hundred thousand columns": (
        CSV,
        "a.csv",
        lambda: (HEAD[:-1] + "".join(f",c{i}" for i in range(100_000)) + "\n").encode(),
        "too_big",
    ),
    "a hundred thousand commas": (CSV, "a.csv", lambda: (HEAD[:-1] + "," * 100_000 + "\n").encode(), "too_big"),
    "a hundred thousand columns in JSON": (
        JSON,
        "a.json",
        lambda: json.dumps([{"编号": "1", "名称": "x"} | {f"c{i}": i for i in range(100_000)}]).encode(),
        "too_big",
    ),
    "other columns in every record": (
        JSON,
        "a.json",
        lambda: json.dumps([{"编号": str(i), "名称": "x", f"c{i}": 1} for i in range(30_000)]).encode(),
        "too_big",
    ),
    "sixteen thousand columns in a workbook": (
        XLSX,
        "a.xlsx",
        lambda: workbook(("表", [["编号", "名称", *(f"c{i}" for i in range(16_000))], ["1", "甲"]])),
        "too_big",
    ),
    "a cell of 64 MB in CSV": (CSV, "a.csv", lambda: (HEAD + "1," + "x" * (64 * MB) + "\n").encode(), "too_big"),
    "a cell of 64 MB in quotes": (CSV, "a.csv", lambda: (HEAD + '1,"' + "x\n" * (32 * MB) + '"\n').encode(), "too_big"),
    "a cell of 64 MB in text": (TEXT, "a.txt", lambda: b"1|" + b"x" * (64 * MB) + b"\n", "too_big"),
    "a cell of 64 MB in JSON": (JSON, "a.json", lambda: ('[{"编号": "1", "名称": "' + "x" * (64 * MB) + '"}]').encode(), "too_big"),
    "a cell of 64 MB in XML": (
        XML,
        "a.xml",
        lambda: ("<rows><row><编号>1</编号><名称>" + "x" * (64 * MB) + "</名称></row></rows>").encode(),
        "too_big",
    ),
    "a cell of 2 MB in a workbook": (XLSX, "a.xlsx", lambda: in_sheet("甲".encode(), b"x" * (2 * MB)), "too_big"),
    "a record that says it is many": (DBF, "a.dbf", lambda: dbf(1, 4_000_000_000), "truncated"),
    # structures
    "JSON within JSON without end": (JSON, "a.json", lambda: f'[{{"编号": {nested(100_000)}}}]'.encode(), "format"),
    "coordinates within coordinates without end": (
        GEOJSON,
        "a.geojson",
        lambda: geojson(None).replace(b'"geometry": null', f'"geometry": {{"type": "Polygon", "coordinates": {nested(900)}}}'.encode()),
        "format",
    ),
    "a list of a city's numbers that are no records": (JSON, "a.json", lambda: b"[1, 2, 3]", "format"),
    "a layer that computes without end": (PACKAGE, "a.gpkg", lambda: package(view=True), "missing_column"),
    "a database that is no package": (PACKAGE, "a.gpkg", lambda: b"SQLite format 3\0" + b"\xff" * 5000, "format"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused_for_its_reason_and_leaves_nothing(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], case: str
) -> None:
    of, name, made, code = REFUSED[case]
    monkeypatch.setenv("PYTEST_HOSTILE", str(tmp_path))
    data = made()
    before = set(tmp_path.rglob("*"))
    office.deliver({name: data})
    with pytest.raises(DeliveryRefused) as refused:
        office.land(of)
    assert refused.value.code == code, refused.value.sentence
    assert any(word in refused.value.sentence for word in (name.partition(".")[0], ".csv", "交付"))
    assert len(refused.value.sentence) < 400
    left = [p for p in tmp_path.rglob("*") if p not in before and p.is_file() and office.drop not in p.parents]
    assert left == []
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("of", "name", "data", "at"),
    [
        (CSV, "a.csv", HEAD.encode() + b"1,\xff\xfe\n", len(HEAD.encode()) + 2),
        (TEXT, "a.txt", "1|王五\n2|".encode("gb18030") + b"\xff\xff\n", 9),
        (XML, "a.xml", "<rows><row>甲".encode() + b"\xff</row></rows>", 14),
        (JSON, "a.json", b'[{"a": "\xff"}]', 8),
    ],
)
def test_the_first_byte_that_is_no_text_is_named(office: Office, of: Source, name: str, data: bytes, at: int) -> None:
    office.deliver({name: data})
    with pytest.raises(DeliveryRefused, match=f"encoding.*第 {at} 字节"):
        office.land(of)


def test_formulas_without_a_stored_value_are_empty_and_told_and_never_computed(office: Office) -> None:
    calls = ['=HYPERLINK("http://127.0.0.1:9/x","y")', "=cmd|'/c calc'!A1", '=WEBSERVICE("http://127.0.0.1:9/")']
    office.deliver({"a.xlsx": workbook(("表", [["编号", "名称"], *([str(i), c] for i, c in enumerate(calls))]))})
    landed = office.land(XLSX)
    assert [r["名称"] for r in rows(landed)] == [None] * 3
    assert any("3 个公式" in n for n in landed.notes)


TEXTS = {
    "rare characters": "㐂𠮷𬱖𪚥",
    "a name with a middle dot": "买买提·吐尔逊",
    "a line end": "第一行\n第二行",
    "a Windows line end": "第一行\r\n第二行",
    "a formula": "=1+1",
    "other beginnings of formulas": "@SUM(A1)",
    "a command": "=cmd|'/c calc'!A1",
    "markup": "<script>alert(1)</script>&amp;",
    "SQL": "'; DROP TABLE x; --",
    "a shell's text": "$(rm -rf /tmp/x) `id` ; | &",
    "a path": "../../etc/passwd",
    "a template": "{{ 7*7 }} ${7*7} %s %(x)s {0}",
    "a separator and quotes": 'a,"b"|c\td',
    "full width and joiners": "ＡＢ\u3000\u200d\u202e倒",
    "a decimal that looks like a date": "1-2",
    "a long number": "510502198501010011",
    "a backslash": "\\N\\n\\",
    "a control character": "a\x01b\x1fc",
}


def delivered(form: str, value: str) -> tuple[Source, str, bytes]:
    """One row with this value, in a format."""
    quoted = value.replace('"', '""')
    if form == "csv":
        return CSV, "a.csv", f'{HEAD}1,"{quoted}"\n'.encode()
    if form == "gb18030":
        return source(["编号", "名称"], encoding="gb18030"), "a.csv", f'{HEAD}1,"{quoted}"\n'.encode("gb18030")
    if form == "json":
        return JSON, "a.json", json.dumps([{"编号": "1", "名称": value}]).encode()
    if form == "xml":
        escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#13;")
        return XML, "a.xml", f"<rows><row><编号>1</编号><名称>{escaped}</名称></row></rows>".encode()
    if form == "text":
        return TEXT, "a.txt", f"1|{value}\n".encode("gb18030")
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#13;")
    return XLSX, "a.xlsx", in_sheet("甲".encode(), escaped.encode())


UNABLE = {
    # separators of the format itself
    "text": {"a line end", "a Windows line end", "a separator and quotes", "a command", "a shell's text"},
    "xml": {"a control character"},  # no character of XML
    "xlsx": {"a control character"},
}


@pytest.mark.parametrize("form", ["csv", "gb18030", "json", "xml", "text", "xlsx"])
@pytest.mark.parametrize("what", TEXTS)
def test_text_is_data_and_is_kept(office: Office, form: str, what: str) -> None:
    if what in UNABLE.get(form, ()):
        return
    of, name, data = delivered(form, TEXTS[what])
    assert [r["名称"] for r in office.take(of, {name: data})] == [TEXTS[what]]


@pytest.mark.parametrize("name", ["=1+1", "<script>", "'; drop table x; --", "$(id)", "a\nb", "../x", "𠮷", "%s", "列" * 300])
def test_a_strange_extra_column_is_kept_under_its_name_and_told(office: Office, name: str) -> None:
    quoted = name.replace('"', '""')
    office.deliver({"a.csv": f'编号,名称,"{quoted}"\n1,甲,x\n'.encode()})
    landed = office.land(CSV)
    assert rows(landed)[0][name] == "x"
    assert any("多出的列" in n for n in landed.notes)


@pytest.mark.parametrize(
    "name", ["a b;rm -rf $HOME.csv", "-rf.csv", "=1+1.csv", "$(id).csv", "名'; drop.csv", "a\nb.csv", "%s.csv", "x" * 240 + ".csv"]
)
def test_a_strange_file_name_reaches_no_shell_and_no_query(office: Office, name: str) -> None:
    assert [r["名称"] for r in office.take(CSV, {name: f"{HEAD}1,甲\n".encode()})] == ["甲"]


@pytest.mark.parametrize("name", ["a!b.gpkg", "a.zip!x.gpkg", "zip:x.gpkg", "vsimem.gpkg|layer"])
def test_gdal_reads_no_meaning_into_a_file_name(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PYTEST_HOSTILE", str(tmp_path))
    name = name if name.endswith(".gpkg") else f"{name}.gpkg"
    assert [r["code"] for r in office.take(PACKAGE, {name: package(view=False)})] == ["1"]


@pytest.mark.parametrize("what", ["fifo", "socket", "folder", "link", "dangling", "success_fifo"])
def test_what_is_no_plain_file_is_never_opened(office: Office, what: str) -> None:
    folder = office.deliver({"b.csv": f"{HEAD}1,甲\n".encode()}, done=None if what == "success_fifo" else b"")
    place = folder / ("_SUCCESS" if what == "success_fifo" else "a.csv")
    if what in ("fifo", "success_fifo"):
        os.mkfifo(place)
    elif what == "socket":
        import socket

        here = Path.cwd()
        os.chdir(folder)  # a socket's path may not be long
        socket.socket(socket.AF_UNIX).bind("a.csv")
        os.chdir(here)
    elif what == "folder":
        place.mkdir()
        assert [r["名称"] for r in rows(office.land(CSV))] == ["甲"]
        return
    else:
        place.symlink_to("/etc/passwd" if what == "link" else "/nowhere/at/all")
    with pytest.raises(DeliveryRefused, match="unsafe_path"):
        office.land(CSV)


def test_a_device_is_never_opened(office: Office) -> None:
    folder = office.deliver({})
    try:
        os.mknod(folder / "a.csv", 0o20666, os.makedev(1, 5))  # /dev/zero: bytes without end
    except PermissionError:
        pytest.skip("only root may make a device")
    with pytest.raises(DeliveryRefused, match="unsafe_path"):
        office.land(CSV)


@pytest.mark.parametrize(
    ("geometry", "kept"),
    [
        ({"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}, True),  # crosses itself
        ({"type": "Point", "coordinates": [28.6, 105.4]}, True),  # axes exchanged
        ({"type": "Point", "coordinates": [1e308, -1e308]}, True),
        ({"type": "Point", "coordinates": [0, 0]}, True),
        ({"type": "Point", "coordinates": ["105", None]}, False),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, False),  # a ring of two points
        ({"type": "Polygon", "coordinates": []}, False),
        ({"type": "Circle", "coordinates": [1, 2]}, False),
        ({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]}, True),
        ({}, False),
    ],
)
def test_a_wrong_geometry_lands_as_it_is_or_empty_and_its_row_stays(office: Office, geometry: object, kept: bool) -> None:
    """Whether it can stand is judged by the rules: bad_geometry, outside_city."""
    (row,) = office.take(GEOJSON, {"a.geojson": geojson(geometry)})
    assert (row["code"], bool(row["@geometry"])) == ("1", kept)
