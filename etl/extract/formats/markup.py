"""XML and KML: elements one after the other, no document type, no entities, bounded memory."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
import shapely
from defusedxml.common import DefusedXmlException

from etl.errors import DeliveryRefused
from etl.extract.formats.geometry import wkb
from etl.extract.formats.keyed import Keyed
from etl.extract.limits import size, too_big
from etl.extract.reading import Raw, Reading

_PROLOGUE = re.compile(rb'(<\?xml[^>]*?encoding\s*=\s*["\'])([A-Za-z0-9._-]+)', re.DOTALL)
PIECE = 1024 * 1024
QUIET = 16 * PIECE
DEEPEST = 100  # elements within each other
MOST = 100_000  # elements of one record
_CUT_SHORT = {3, 5, 6, 20}  # expat: no element found, unclosed token, partial character, unclosed CDATA section


def read(raw: Raw, reading: Reading) -> None:
    """Reads one XML file: a row for every element named Terms.records, its children and attributes the columns."""
    keyed = Keyed(raw, reading)
    for element in _elements(raw, reading, reading.terms.records):
        keyed.add(_fields(element))
    keyed.close()


def read_kml(raw: Raw, reading: Reading) -> None:
    """Reads one KML file: a row for every Placemark: name, description, its extended data; @geometry in lon/lat."""
    keyed = Keyed(raw, reading, wkb)
    for element in _elements(raw, reading, "Placemark"):
        keyed.add(_placemark(element), _first_shape(element))
    keyed.close()


def _elements(raw: Raw, reading: Reading, wanted: str | None) -> Iterator[Element]:
    """Every element of that name (the root's children when no name is declared), forgotten once it was given."""
    path = _as_utf8(reading.utf8(raw), reading)
    try:
        with path.open("rb") as f:
            stack: list[Element] = []
            inside, elements = 0, 0
            counted = Counted(f, reading.limits.record, raw.name)
            for event, element in defusedxml.ElementTree.iterparse(counted, events=("start", "end"), forbid_dtd=True):
                counted.of_tag = 0
                match = _local(element.tag) == wanted if wanted else len(stack) == (1 if event == "start" else 2)
                if event == "start":
                    stack.append(element)
                    inside, elements = inside + match, elements + 1
                    if len(stack) > DEEPEST:
                        raise DeliveryRefused("format", f"{raw.name} 的 XML 嵌套过深（超过 {DEEPEST} 层）")
                    if elements > MOST:
                        raise too_big(f"{raw.name} 的一条记录", f"超过 {MOST} 个元素", f"{MOST} 个元素")
                    continue
                stack.pop()
                inside -= match
                if match:
                    yield element
                if not inside and stack:
                    stack[-1].remove(element)
                    counted.of_record, elements = 0, 0
    except DefusedXmlException:
        raise DeliveryRefused("format", f"{raw.name} 的 XML 带有文档类型或实体声明，不予读取") from None
    except ParseError as e:
        line = e.position[0]
        if e.code in _CUT_SHORT:
            raise DeliveryRefused("truncated", f"{raw.name} 的 XML 到第 {line} 行没有写完，文件被截断") from None
        raise DeliveryRefused("format", f"{raw.name} 第 {line} 行不是合法的 XML") from None


class Counted:
    """A file for the parser. Refuses (too_big) a record that goes on for more than `limit` bytes, of whatever, and one tag or text
    that goes on for more than QUIET: expat before 2.6 reads an unfinished tag again from its beginning with every piece.
    """

    def __init__(self, f: BinaryIO, limit: int, name: str):
        self._f, self._limit, self._name = f, limit, name
        self.of_record = 0  # bytes since the last record ended
        self.of_tag = 0  # bytes since any tag did

    def read(self, count: int = -1) -> bytes:
        data = self._f.read(max(count, PIECE))
        self.of_record += len(data)
        self.of_tag += len(data)
        for found, limit in ((self.of_record, self._limit), (self.of_tag, QUIET)):
            if found > limit:
                raise too_big(f"{self._name} 的一条记录", f"超过 {size(limit)}", size(limit))
        return data


def _as_utf8(path: Path, reading: Reading) -> Path:
    """The recoded file with a prologue that no longer claims another encoding."""
    with path.open("rb") as f:
        head = f.read(1024)
        found = _PROLOGUE.search(head)
        if not found or found[2].lower() in (b"utf-8", b"utf8"):
            return path
        target = reading.scratch / f"{path.name}.xml"
        with target.open("wb") as out:
            out.write(head[: found.start(2)] + b"UTF-8" + head[found.end(2) :])
            while block := f.read(1024 * 1024):
                out.write(block)
    return target


def _fields(element: Element) -> dict[str, str | None]:
    """Attributes and children as columns; a child that occurs again, or has children, is joined with “；”."""
    out: dict[str, str | None] = {_local(k): v or None for k, v in element.attrib.items()}
    for child in element:
        name = _local(child.tag)
        inner = [t for t in (_whole(c) for c in child) if t] if len(child) else []
        value = "；".join(inner) if len(child) else (child.text or None)
        before = out.get(name)
        out[name] = f"{before}；{value}" if before and value else value or before
    return out


def _whole(element: Element) -> str:
    return "".join(element.itertext()).strip()


def _local(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]


def _placemark(element: Element) -> dict[str, str | None]:
    out: dict[str, str | None] = {}
    for child in element.iter():
        tag, key = _local(child.tag), child.get("name")
        if tag == "SimpleData" and key:
            out[key] = child.text or None
        elif tag == "Data" and key:
            out[key] = next((v.text or None for v in child if _local(v.tag) == "value"), None)
    for child in element:
        if _local(child.tag) in ("name", "description") and _local(child.tag) not in out:
            out[_local(child.tag)] = child.text or None
    return out


def _first_shape(placemark: Element) -> shapely.Geometry | None:
    return next((s for child in placemark if (s := _shape(child)) is not None), None)


def _shape(element: Element) -> shapely.Geometry | None:
    """KML geometry in two dimensions; None for what is no geometry, or is not readable."""
    tag = _local(element.tag)
    try:
        if tag == "Point":
            return shapely.Point(_coordinates(element)[0])
        if tag in ("LineString", "LinearRing"):
            return shapely.LineString(_coordinates(element))
        if tag == "Polygon":
            rings: dict[str, list[list[tuple[float, float]]]] = {_local(c.tag): [] for c in element}
            for c in element:
                rings[_local(c.tag)].append(_coordinates(c))
            return shapely.Polygon(rings["outerBoundaryIs"][0], rings.get("innerBoundaryIs", []))
        if tag == "MultiGeometry":
            return _together([s for c in element if (s := _shape(c)) is not None])
    except (ValueError, IndexError, KeyError, shapely.errors.GEOSException):
        return None
    return None


def _coordinates(element: Element) -> list[tuple[float, float]]:
    """lon,lat[,height] triples separated by blanks."""
    text = next((e.text or "" for e in element.iter() if _local(e.tag) == "coordinates"), "")
    pairs = [t.split(",") for t in text.split()]
    return [(float(p[0]), float(p[1])) for p in pairs]


def _together(shapes: list[shapely.Geometry]) -> shapely.Geometry | None:
    """Parts of one kind as a multi-geometry; of several kinds as a collection."""
    kinds = {s.geom_type for s in shapes}
    multi = {"Point": shapely.MultiPoint, "LineString": shapely.MultiLineString, "Polygon": shapely.MultiPolygon}
    if len(kinds) == 1 and (kind := kinds.pop()) in multi:
        return multi[kind](shapes)
    return shapely.GeometryCollection(shapes) if shapes else None
