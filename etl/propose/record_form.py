"""JSON and XML: where the records are. GeoJSON and KML are told by what they say of themselves."""

import re
from collections import Counter
from pathlib import Path
from xml.parsers import expat

from etl.errors import UsageError
from etl.propose.form import Form, encoding_of, head_of

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_EPSG = re.compile(r'"name"\s*:\s*"[^"]*?(?:EPSG:{1,2}|CRS)(\d+)"', re.IGNORECASE)
KNOWN_CRS = ("EPSG:4490", "EPSG:4326", "EPSG:4544", "EPSG:4523")
INTERNET_MAP = "经纬度若取自高德、腾讯地图应写 GCJ-02，取自百度应写 BD-09，偏差数百米，数据本身看不出，请问部门"


def look_json(file: Path) -> Form:
    """The form of a JSON or GeoJSON file. Raises UsageError where there is no list of objects."""
    encoding, doubts = encoding_of(file)
    text = head_of(file, encoding)
    if re.search(r'"type"\s*:\s*"FeatureCollection"', text[:2000]):
        return _geojson(encoding, doubts, text)
    path = path_to_records(text)
    if path is None:
        raise UsageError(f"{file.name} 里找不到记录：最外层或某个键下应是对象的列表")
    form = Form({"format": "json", "encoding": encoding} | ({"records": path} if path else {}), doubts=doubts)
    form.facts.append(f"JSON，{encoding}，记录在{f'“{path}”下' if path else '最外层的列表里'}")
    if path == "data" and re.search(r'"total"\s*:\s*\d', text):
        form.doubts.append("像接口的一页答复（total、data）；若由接口提供，delivery 改为 channel: api 并写 updated（更新时间列）")
    return form


def _geojson(encoding: str, doubts: list[str], text: str) -> Form:
    named = _EPSG.search(text[:5000])
    crs = f"EPSG:{named[1]}" if named and f"EPSG:{named[1]}" in KNOWN_CRS else "EPSG:4326"
    form = Form({"format": "geojson", "encoding": encoding, "crs": crs}, doubts=doubts)
    form.facts.append(f"GeoJSON，坐标系{'由文件写明为' if named else '没有写明，按标准作'} {crs}")
    if not named:
        form.doubts.append(f"crs：文件没有写坐标系；{INTERNET_MAP}")
    return form


def path_to_records(text: str) -> str | None:
    """Keys, joined by dots, down to the first list of objects; "" where the text itself is one; None where there is none."""
    path: list[str] = []
    kinds: list[str] = []
    key, before, key_before = "", "", ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark == "{" and before == "[" and "[" not in kinds[:-1]:
            return ".".join(p for p in path if p)
        if mark in "{[":
            kinds.append(mark)
            path.append(key if before == ":" else "")
        elif mark in "}]" and kinds:
            kinds.pop()
            path.pop()
        elif mark == ":":
            key = key_before
        key_before = mark.strip('"')
        before = mark
    return None


def look_xml(file: Path) -> Form:
    """The form of an XML or KML file. Raises UsageError for a document type (which no reader opens) or no repeated element."""
    encoding, doubts = encoding_of(file)
    text = head_of(file, encoding)
    tags = _elements(text, file.name)
    if tags and tags[0][1] == "kml":
        form = Form({"format": "kml", "encoding": encoding, "crs": "EPSG:4326"}, doubts=doubts)
        form.facts.append("KML，坐标系按标准作 EPSG:4326")
        form.doubts.append(f"crs：KML 按标准是 WGS-84；{INTERNET_MAP}")
        return form
    record = _record(tags)
    if record is None:
        raise UsageError(f"{file.name} 里找不到重复出现、带有子元素的记录元素")
    form = Form({"format": "xml", "encoding": encoding, "records": record}, doubts=doubts)
    form.facts.append(f"XML，{encoding}，每个 <{record}> 是一行")
    return form


def _elements(text: str, name: str) -> list[tuple[int, str, int]]:
    """(depth, tag without namespace, number of children) of each element of a text that may end too early, in order."""
    found: list[list[int | str]] = []
    stack: list[int] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if stack:
            found[stack[-1]][2] += 1  # type: ignore[operator]
        stack.append(len(found))
        found.append([len(stack) - 1, tag.rpartition(":")[2], len(attributes) if len(stack) > 1 else 0])

    def refuse(*_: object) -> None:
        raise UsageError(f"{name} 的 XML 带有文档类型或实体声明，不予读取")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text.encode("utf-8"), False)
    except expat.ExpatError as e:
        if not found:
            raise UsageError(f"{name} 第 {e.lineno} 行不是合法的 XML") from None
    return [(int(depth), str(tag), int(children)) for depth, tag, children in found]


def _record(tags: list[tuple[int, str, int]]) -> str | None:
    """The element that is a record: repeated, with children, as near to the root as can be."""
    counts = Counter((depth, tag) for depth, tag, children in tags if depth and children)
    repeated = [(depth, -count, tag) for (depth, tag), count in counts.items() if count > 1]
    single = [(depth, -count, tag) for (depth, tag), count in counts.items()]
    best = min(repeated or single, default=None)
    return best[2] if best else None
