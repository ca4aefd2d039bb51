"""Spatial formats and DBF."""

import io
import json
import struct
from pathlib import Path

import geopandas
import pytest
import shapely
from delivering import Office, rows, source, zipped

from etl.errors import DeliveryRefused

GEOJSON = source(["code", "n"], "geojson", crs="EPSG:4490")
SHAPEFILE = source(["DKBH", "MC", "MJ"], "shapefile", encoding="gbk", crs="EPSG:4544")
PACKAGE = source(["code", "name"], "geopackage", crs="EPSG:4490")
KML = source(["name", "code"], "kml", key="code", crs="EPSG:4326")
DBF = source(["JGDM", "JGMC", "RQ", "SL"], "dbf", encoding="gbk")


def feature(properties: object, geometry: object) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def shape(row: dict[str, object]) -> str | None:
    raw = row["@geometry"]
    return shapely.from_wkb(raw).wkt if raw else None


def test_geojson_keeps_texts_drops_heights_and_leaves_unreadable_shapes_empty(office: Office) -> None:
    data = {
        "type": "FeatureCollection",
        "crs": {"type": "name"},
        "features": [
            feature({"code": "01", "n": 1.50}, {"type": "Point", "coordinates": [105.426425, 28.6469, 300.5]}),
            feature({"code": "2018-03-01", "n": None, "more": "x"}, None),
            feature({"code": "3", "n": 2}, {"type": "Polygon", "coordinates": [[[1, 2], ["a", 3]]]}),
            feature({"code": "4", "n": 3}, {"type": "Point", "coordinates": []}),
        ],
    }
    taken = office.take(GEOJSON, {"a.geojson": json.dumps(data).encode()})
    assert [(r["code"], r["n"], r["more"]) for r in taken] == [
        ("01", "1.5", None),
        ("2018-03-01", None, "x"),
        ("3", "2", None),
        ("4", "3", None),
    ]
    assert [shape(r) for r in taken] == ["POINT (105.426425 28.6469)", None, None, None]


def shapefile(
    folder: Path, encoding: str = "gb18030", suffixes: tuple[str, ...] = (".shp", ".shx", ".dbf", ".prj"), inside: str = "图层/规划用地"
) -> bytes:
    frame = geopandas.GeoDataFrame(
        {"DKBH": ["1", "2"], "MC": ["居住用地", "绿地"], "MJ": [690.0, 1.25]},
        geometry=[shapely.Point(1, 2, 3), shapely.Point(3, 4, 5)],
        crs="EPSG:4544",
    )
    frame.to_file(folder / "x.shp", encoding="utf-8")
    raw = (
        (folder / "x.dbf")
        .read_bytes()
        .replace("居住用地".encode(), "居住用地".encode(encoding).ljust(12))
        .replace("绿地".encode(), "绿地".encode(encoding).ljust(6))
    )
    (folder / "x.dbf").write_bytes(raw)
    return zipped({f"{inside}{s}": (folder / f"x{s}").read_bytes() for s in suffixes})


@pytest.mark.parametrize(("encoding", "told"), [("gb18030", 0), ("utf-8", 1)])
def test_a_zipped_shapefile_is_decoded_and_flattened(office: Office, tmp_path: Path, encoding: str, told: int) -> None:
    office.deliver({"a.zip": shapefile(tmp_path, encoding)})
    landed = office.land(SHAPEFILE)
    taken = rows(landed)
    assert [(r["DKBH"], r["MC"], r["MJ"], shape(r)) for r in taken] == [
        ("1", "居住用地", "690", "POINT (1 2)"),
        ("2", "绿地", "1.25", "POINT (3 4)"),
    ]
    assert len(landed.notes) == told


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"suffixes": (".shp", ".shx")}, "truncated"),
        ({"suffixes": (".dbf", ".shx")}, "format"),
        ({"inside": "../../x"}, "unsafe_path"),
        ({"inside": "/etc/x"}, "unsafe_path"),
    ],
)
def test_an_incomplete_or_hostile_shapefile_is_refused(office: Office, tmp_path: Path, changed: dict[str, object], code: str) -> None:
    office.deliver({"a.zip": shapefile(tmp_path, **changed)})  # type: ignore[arg-type]
    with pytest.raises(DeliveryRefused) as refused:
        office.land(SHAPEFILE)
    assert refused.value.code == code
    assert not list(tmp_path.glob("**/etc"))


def test_a_cut_zip_is_refused_as_truncated(office: Office, tmp_path: Path) -> None:
    office.deliver({"a.zip": shapefile(tmp_path)[:-200]})
    with pytest.raises(DeliveryRefused, match="truncated"):
        office.land(SHAPEFILE)


def test_a_geopackage_gives_the_layers_that_hold_the_columns(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "x.gpkg"
    square = shapely.box(105, 28, 105.001, 28.001)
    geopandas.GeoDataFrame({"code": ["1", "2"], "name": ["甲", None]}, geometry=[square, None], crs="EPSG:4490").to_file(
        file, layer="cells"
    )
    geopandas.GeoDataFrame({"other": [1]}, geometry=[square], crs="EPSG:4490").to_file(file, layer="else")
    office.deliver({"a.gpkg": file.read_bytes()})
    landed = office.land(PACKAGE)
    taken = rows(landed)
    assert [(r["code"], r["name"], bool(r["@geometry"])) for r in taken] == [("1", "甲", True), ("2", None, False)]
    assert "“else”" in landed.notes[0]


def test_a_geopackage_cut_short_or_none_at_all_is_refused(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "x.gpkg"
    geopandas.GeoDataFrame({"code": ["1"] * 500, "name": ["甲"] * 500}, geometry=[shapely.Point(1, 2)] * 500, crs="EPSG:4490").to_file(file)
    for data in (file.read_bytes()[:20_000], b"PK\x03\x04 something else"):
        office.deliver({"a.gpkg": data})
        with pytest.raises(DeliveryRefused, match="format"):
            office.land(PACKAGE)


def test_kml_placemarks_in_folders_with_extended_data_of_both_kinds(office: Office) -> None:
    ring = "105,28,0 105.1,28,0 105.1,28.1,0 105,28,0"
    data = f"""<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>不是行</name><Folder><name>也不是</name>
    <Placemark><name>甲</name><ExtendedData><Data name="code"><value>1</value></Data></ExtendedData>
    <Point><coordinates>105.5,28.5,0</coordinates></Point></Placemark>
    <Placemark><name>乙</name><ExtendedData><SchemaData><SimpleData name="code">2</SimpleData></SchemaData></ExtendedData>
    <MultiGeometry><Polygon><outerBoundaryIs><LinearRing>
    <coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon></MultiGeometry></Placemark></Folder>
    <Placemark><ExtendedData><Data name="code"><value>3</value></Data></ExtendedData>
    <Point><coordinates>不详</coordinates></Point></Placemark></Document></kml>"""
    taken = office.take(KML, {"a.kml": data.encode()})
    assert [(r["name"], r["code"]) for r in taken] == [("甲", "1"), ("乙", "2"), (None, "3")]
    assert [(shape(r) or "")[:12] for r in taken] == ["POINT (105.5", "MULTIPOLYGON", ""]


def dbf(records: list[tuple[bytes, bytes, bytes, bytes]], deleted: int = 0, claimed: int | None = None) -> bytes:
    fields = [(b"JGDM", b"C", 10), (b"JGMC", b"C", 9), (b"RQ", b"D", 8), (b"SL", b"N", 10)]
    length = 1 + sum(n for _, _, n in fields)
    out = io.BytesIO()
    out.write(struct.pack("<BBBBLHH20x", 3, 118, 3, 1, len(records) if claimed is None else claimed, 32 + 32 * len(fields) + 1, length))
    for name, kind, width in fields:
        out.write(struct.pack("<11sc4xBB14x", name, kind, width, 0))
    out.write(b"\r")
    for i, record in enumerate(records):
        out.write(b"*" if i < deleted else b" ")
        for value, (_, kind, width) in zip(record, fields, strict=True):
            out.write(value.rjust(width) if kind == b"N" else value.ljust(width))
    out.write(b"\x1a")
    return out.getvalue()


def test_dbf_fields_lose_their_padding_and_deleted_records_do_not_count(office: Office) -> None:
    name = "某某公司".encode("gbk")
    data = dbf([(b"0", b"gone", b"", b""), (b"123-4", name, b"20180301", b"690.00"), (b"2", b"", b"", b"")], deleted=1)
    assert office.take(DBF, {"A.DBF": data}) == [
        {"row_number": 1, "JGDM": "123-4", "JGMC": "某某公司", "RQ": "2018-03-01", "SL": "690"},
        {"row_number": 2, "JGDM": "2", "JGMC": None, "RQ": None, "SL": None},
    ]


def test_a_character_cut_in_two_by_the_field_is_dropped(office: Office) -> None:
    cut = "某某某某某".encode("gbk")[:9]
    assert office.take(DBF, {"a.dbf": dbf([(b"1", cut, b"", b"")])})[0]["JGMC"] == "某某某某"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (dbf([(b"1", b"a", b"", b"")], claimed=9), "truncated"),
        (dbf([(b"1", b"\xff\xff\xffabc", b"", b"")]), "encoding"),
        (b"this is no dbf at all, just some text that is long enough", "format"),
        (b"\x03", "format"),
    ],
)
def test_a_broken_dbf_is_refused(office: Office, data: bytes, code: str) -> None:
    office.deliver({"a.dbf": data})
    with pytest.raises(DeliveryRefused) as refused:
        office.land(DBF)
    assert refused.value.code == code
