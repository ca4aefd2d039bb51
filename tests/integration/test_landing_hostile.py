"""A day on which most departments deliver something broken or hostile: each is told its reason, and the others load."""

import io
import json
import os
import zipfile
from typing import Any

import pytest
from pipeline_kit import City, full_name, health_record, regions

GOOD = "health/health_records"
GEOMETRY = {
    "right": [[[[105.41, 28.81], [105.42, 28.81], [105.42, 28.82], [105.41, 28.81]]]],
    "crossing": [[[[105.41, 28.81], [105.42, 28.82], [105.42, 28.81], [105.41, 28.82], [105.41, 28.81]]]],
    "exchanged": [[[[28.81, 105.41], [28.81, 105.42], [28.82, 105.42], [28.81, 105.41]]]],
    "displaced": [[[[116.41, 39.81], [116.42, 39.81], [116.42, 39.82], [116.41, 39.81]]]],
}


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (40 * 1024 * 1024))
    return out.getvalue()


HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "civil_affairs/marriages": ("a.xlsx", b"<html><table></table></html>", "format"),
    "civil_affairs/social_organizations": ("a.xlsx", bomb(), "too_big"),
    "food_drug/food_licences": ("a.xml", b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><r><row>&a;</row></r>', "format"),
    "state_tax/taxpayers": ("a.csv", b"\xff\xff\xff", "encoding"),
    "planning/parcels": ("a.zip", b"PK\x03\x04" + b"\0" * 100, "truncated"),
    "quality_supervision/organization_codes": ("a.dbf", b"\x03" * 10, "format"),
    "housing/buildings": ("a.gpkg", b"not a package", "format"),
    "market_regulation/business_licences": ("a.json", b'[{"zzbs": ' + b"[" * 100_000, "format"),
    "court/dishonest_debtors": ("a.csv", "案号,名称\n1,\0\n".encode(), "format"),
    "emergency/shelters": ("a.kml", b"<kml><Placemark>", "truncated"),
    "agriculture/cooperatives": ("a.xlsx", b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "password"),
}


def test_each_is_told_its_reason_and_the_others_load(city: City, capfd: pytest.CaptureFixture[str]) -> None:
    city.health("20180301", [health_record(f"h{i}", full_name(i), "", "1980-01-01") for i in range(10)])
    for dataset, (name, data, _) in HOSTILE.items():
        city.deliver(dataset, "20180301", data, name)
    linked = city.deliver("water/intake_permits", "20180301", b"", "b.xlsx")
    (linked / "a.xlsx").symlink_to("/etc/passwd")
    os.mkfifo(city.deliver("justice/lawyers", "20180301", b"", "b.xlsx") / "a.xlsx")
    every = [GOOD, *HOSTILE, "water/intake_permits", "justice/lawyers"]
    code, out, err = city.command("run", *(word for d in every for word in ("--only", d)))
    assert code == 3, err
    assert "Traceback" not in out + err
    told = dict(city.query("select dataset, split_part(reason, ':', 1) from ops.delivery where state = 'rejected'"))
    assert told == {d: c for d, (_, _, c) in HOSTILE.items()} | {"water/intake_permits": "unsafe_path", "justice/lawyers": "unsafe_path"}
    assert city.states(GOOD) == [("2018-03-01", "loaded", None)]
    assert city.counts(GOOD)[0][:2] == (10, 10)
    assert city.query("select count(*) from population.person") == [(10,)]


def test_wrong_shapes_are_set_right_or_refused_row_by_row(city: City) -> None:
    features: list[dict[str, Any]] = json.loads(regions())["features"]
    for number, (name, coordinates) in enumerate(GEOMETRY.items()):
        properties = {"code": f"51050200100{number + 2}", "name": name, "level": "community"}
        features += [{"type": "Feature", "properties": properties, "geometry": {"type": "MultiPolygon", "coordinates": coordinates}}] * 1
    nothing = {"code": "510502001009", "name": "nothing", "level": "community"}
    features.append({"type": "Feature", "properties": nothing, "geometry": {"type": "Polygon", "coordinates": [[["x"]]]}})
    more = [{**f, "properties": {**f["properties"], "code": f"5105020020{i:02d}"}} for i, f in enumerate(features[3:4] * 20)]
    data = json.dumps({"type": "FeatureCollection", "features": [*features, *more]}, ensure_ascii=False).encode()
    city.deliver("land/regions", "20180301", data)
    city.ingest("land/regions")
    refused = city.query("select source_key, split_part(reasons[1], ':', 1) from quality.quarantine order by 1")
    assert refused == [("510502001005", "outside_city")]
    kept = city.query("select source_key from staging.land__regions where source_key like '51050200100_' order by 1")
    assert [k for (k,) in kept] == ["510502001000", "510502001001", "510502001002", "510502001003", "510502001004", "510502001009"]
    assert city.query("select source_key from staging.land__regions where geom is null") == [("510502001009",)]
    assert city.query("select count(*) from staging.land__regions where not st_isvalid(geom)") == [(0,)]


def test_names_that_look_like_commands_or_are_rare_reach_the_library_as_they_are(city: City) -> None:
    names = ["㐂𠮷", "买买提·吐尔逊", "=1+1", "<script>alert(1)</script>", "'; DROP TABLE x; --", "@SUM(A1)", "第一行\n第二行"]
    city.health("20180301", [health_record(f"h{i}", n, "", f"19{60 + i}-01-01") for i, n in enumerate(names)])
    code, out, err = city.command("run", "--only", GOOD)
    assert code == 0, err
    assert "Traceback" not in out + err
    kept = city.query("select name from population.person order by birth_date")
    assert ["".join(k.split()) for (k,) in kept] == ["".join(n.split()) for n in names]
