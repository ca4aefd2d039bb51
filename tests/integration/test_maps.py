"""The QGIS project: its XML, its layers' queries in a real database as an analyst reads them, and a picture that can be looked at."""

import re
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import psycopg2
import pytest
from defusedxml.ElementTree import fromstring

from etl import catalog, maps
from etl.platform.postgres import Cluster, role_url
from etl.settings import Settings

PASSWORD = "a-password-of-the-tests"
SQUARE = "st_multi(st_makeenvelope(105.44, 28.87, 105.46, 28.89, 4490))"
FILL = f"""
insert into geospatial.region (code, name, level, geom, version_from) values
    ('510502000000', '江阳区', 'county', {SQUARE}, '2018-03-01'), ('510502001000', '南城街道', 'town', {SQUARE}, '2018-03-01');
insert into geospatial.address (address_code, full_address, number, region_code, geom, version_from) values ('A1', '江阳区示例路8号', '8', '510502001001', st_setsrid(st_makepoint(105.45, 28.88), 4490), '2018-03-01');
insert into geospatial.grid_cell (dataset, source_key, name, geom, version_from) values ('urban_management/grid_cells', 'G1', '一号网格', {SQUARE}, '2018-03-01');
insert into geospatial.parcel (dataset, source_key, name, category, area, geom, version_from) values ('planning/parcels', 'D1', 'D1', 'M1', 100, st_multi(st_makeenvelope(105.451, 28.871, 105.455, 28.875, 4490)), '2018-03-01');
insert into geospatial.building (dataset, source_key, name, geom, version_from) values ('housing/buildings', 'B1', '一栋', st_multi(st_makeenvelope(105.4495, 28.8795, 105.4505, 28.8805, 4490)), '2018-03-01');
insert into geospatial.place (dataset, source_key, name, category, capacity, geom, version_from) values
    ('culture/venues', 'V1', '文化馆', '文化', null, st_setsrid(st_makepoint(105.447, 28.883), 4490), '2018-03-01'),
    ('water/stations', 'W1', '水文站', 'ZQ', null, st_setsrid(st_makepoint(105.446, 28.876), 4490), '2018-03-01'),
    ('emergency/shelters', 'S1', '避难场所', '应急避难场所', 500, st_multi(st_makeenvelope(105.456, 28.884, 105.457, 28.885, 4490)), '2018-03-01');
insert into legal_entity.entity (entity_id, name, kind, status, geom, version_from) values ('E1', '示例有限公司', 'enterprise', 'open', st_setsrid(st_makepoint(105.4512, 28.8812), 4490), '2018-03-01');
insert into population.person (person_id, residence_region_code, geom, living_status, version_from)
    select 'P' || i, '510502001001', st_setsrid(st_makepoint(105.45, 28.88), 4490), 'living', '2018-03-01' from generate_series(1, 25) i;
"""


@pytest.fixture(scope="module")
def analyst(postgis_cluster: Cluster, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An analyst's settings in a city of one town."""
    url, folder = new_database(), tmp_path_factory.mktemp("maps")
    with psycopg2.connect(url) as con, con.cursor() as c:
        c.execute(FILL)
    owner = Settings(url, folder, folder, "duckdb", 512, date(2018, 3, 1), 5.0, 1000)
    catalog.themes(owner)
    name = url.rpartition("/")[2]
    postgis_cluster.server.create_role("cartographer", PASSWORD)
    postgis_cluster.server.run("postgres", "grant jichu_analyst to cartographer")
    postgis_cluster.grant_roles(name)
    return Settings(
        role_url("cartographer", PASSWORD, postgis_cluster.port, name), folder, folder, "duckdb", 512, date(2018, 3, 1), 5.0, 1000
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> ET.Element:
    """The XML in the written file."""
    path = maps.write(tmp_path_factory.mktemp("project"), "somewhere")
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        assert name == "基础库.qgs"
        text = archive.read(name).decode("utf-8")
    assert text.startswith("<!DOCTYPE qgis")
    return fromstring(text)


def test_every_layer_of_the_tree_is_a_layer_of_the_project_with_a_style(project: ET.Element) -> None:
    tree = {x.get("id"): x.get("source") for x in project.iter("layer-tree-layer")}
    layers = {x.findtext("id"): x for x in project.iter("maplayer")}
    assert list(tree) == [f"jichu_layer_{layer.name}" for layer in maps.LAYERS]
    assert tree == {n: x.findtext("datasource") for n, x in layers.items()}
    for name, layer in layers.items():
        renderer = layer.find("renderer-v2")
        assert renderer is not None
        symbols = {s.get("name") for s in renderer.iter("symbol")}
        used = {x.get("symbol") for x in (*renderer.iter("range"), *renderer.iter("category"))} or {"0"}
        assert used == symbols, name
        assert layer.findtext("srs/spatialrefsys/authid") == "EPSG:4490"
        assert {s.get("type") for s in renderer.iter("symbol")} == {"marker" if layer.get("geometry") == "Point" else "fill"}


def test_what_qgis_silently_drops_is_not_in_it(project: ET.Element) -> None:
    """Found by opening it with QGIS 3.22: ids of ten characters or fewer, a reference system without its number, labels without a height."""
    for layer in project.iter("maplayer"):
        assert len(layer.findtext("id") or "") > 10
    assert all(int(x.findtext("srsid") or 0) > 0 for x in project.iter("spatialrefsys"))
    assert project.findtext("properties/SpatialRefSys/ProjectionsEnabled") == "1"
    styles = list(project.iter("text-style"))
    assert styles
    assert all(s.get("multilineHeight") == s.get("textOpacity") == "1" for s in styles)


def test_the_project_opens_where_the_city_lies(analyst: Settings, project: ET.Element, tmp_path: Path) -> None:
    shown = maps.extent(analyst)
    assert shown == pytest.approx((105.42, 28.85, 105.48, 28.91))
    with zipfile.ZipFile(maps.write(tmp_path, shown=shown)) as archive:
        told = fromstring(archive.read("基础库.qgs").decode("utf-8"))
    view = told.find("ProjectViewSettings/DefaultViewExtent")
    assert view is not None
    assert [float(view.get(n) or 0) for n in ("xmin", "ymin", "xmax", "ymax")] == pytest.approx(shown)
    assert float(told.findtext("mapcanvas/extent/xmin") or 0) == pytest.approx(shown[0])
    assert float(project.findtext("mapcanvas/extent/xmin") or 0) < 80, "without a database: the country"


def test_what_covers_the_ground_gives_way_to_what_is_finer(project: ET.Element) -> None:
    """The towns are above the cells and the land, and opaque: where these begin, the towns end."""
    scales = {
        x.findtext("layername"): (x.get("hasScaleBasedVisibilityFlag"), x.get("minScale"), x.get("maxScale"))
        for x in project.iter("maplayer")
    }
    assert scales["街道乡镇居住人口"] == ("1", "100000000", "100000")
    assert scales["网格居住人口"] == scales["规划用地"] == ("1", "100000", "0")


def test_no_password_and_no_host_stands_in_the_project(project: ET.Element) -> None:
    for source in (x.findtext("datasource") or "" for x in project.iter("maplayer")):
        assert source.startswith("service='somewhere' ")
        assert not re.search(r"password|user=|host=", source)


@pytest.mark.parametrize("layer", maps.LAYERS, ids=lambda x: x.name)
def test_a_layers_query_runs_as_qgis_writes_it_and_gives_what_the_layer_says(
    analyst: Settings, project: ET.Element, layer: maps.Layer
) -> None:
    """The table, key, geometry and condition are taken from the XML, as QGIS takes them."""
    (source,) = [x.findtext("datasource") or "" for x in project.iter("maplayer") if x.findtext("id") == f"jichu_layer_{layer.name}"]
    found = re.fullmatch(
        r"service='\S+' key='(\w+)' .*?srid=4490 type=(\w+) .*?table=(\"\(.*\)\"|\"\w+\"\.\"\w+\") \(geom\) sql=(.*)", source
    )
    assert found, source
    key, kind, table, condition = found.groups()
    table = f"{table[1:-1]} as q" if table.startswith('"(') else table
    con = psycopg2.connect(analyst.database_url)
    try:
        with con.cursor() as c:
            c.execute(
                f"select {key}, {layer.by or 'null'}, {layer.label or 'null'}, geometrytype(geom), st_srid(geom) from {table} where {condition or 'true'} and geom is not null"
            )
            rows = c.fetchall()
    finally:
        con.close()
    assert rows, "a layer without a feature"
    assert len({r[0] for r in rows}) == len(rows), "the key is not unique"
    assert {r[3] for r in rows} == {kind.upper()}
    assert {r[4] for r in rows} == {4490}
    if layer.categories:
        assert {r[1] for r in rows} <= layer.categories.keys()


def test_the_bands_leave_no_gap() -> None:
    for layer in maps.LAYERS:
        for below, above in zip(layer.bands, layer.bands[1:], strict=False):
            assert below.upper == above.lower, layer.name


def test_the_picture_shows_residents_in_color(analyst: Settings, tmp_path: Path) -> None:
    from matplotlib.image import imread

    path = maps.draw(analyst, tmp_path / "map.png")
    picture = imread(path)
    assert picture.shape[0] > 700
    assert picture.shape[1] > 1400
    band = next(b for layer in maps.LAYERS if layer.name == "town" for b in layer.bands if b.lower < 25 <= b.upper)
    wanted = [int(band.color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    near = (abs(picture[..., :3] - wanted) < 0.06).all(axis=2)
    assert near.sum() > 1000, "the town's color is nowhere"
