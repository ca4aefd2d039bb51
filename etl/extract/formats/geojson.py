"""GeoJSON, feature by feature."""

import json
from typing import Any

from etl.errors import DeliveryRefused
from etl.extract.formats.geometry import from_geojson
from etl.extract.formats.keyed import Keyed
from etl.extract.formats.records import Scan
from etl.extract.reading import Raw, Reading
from etl.extract.values import text


def read(raw: Raw, reading: Reading) -> None:
    """Reads one GeoJSON: a row for every feature, its properties the columns."""
    keyed = Keyed(raw, reading, from_geojson)
    with reading.utf8(raw).open(encoding="utf-8-sig", newline="") as f:
        for number, feature in enumerate(Scan(f, raw.name, reading.limits.record).records("features"), 1):
            if not isinstance(feature, dict) or not isinstance(feature.get("properties") or {}, dict):
                raise DeliveryRefused("format", f"{raw.name} 第 {number} 个要素不是 GeoJSON 的 Feature")
            try:
                keyed.add(*_row(feature))
            except RecursionError:
                raise DeliveryRefused("format", f"{raw.name} 第 {number} 个要素嵌套过深") from None
    keyed.close()


def _row(feature: dict[str, Any]) -> tuple[dict[str, str | None], str | None]:
    """A feature's properties as text, and its geometry as GeoJSON."""
    properties = {k: text(v) for k, v in (feature.get("properties") or {}).items()}
    if feature.get("id") is not None:
        properties.setdefault("id", text(feature["id"]))
    shape = feature.get("geometry")
    return properties, json.dumps(_numbers(shape)) if isinstance(shape, dict) else None


def _numbers(shape: Any) -> Any:
    """Coordinates as numbers again (the record reader keeps decimals as text)."""
    if isinstance(shape, list):
        return [_numbers(v) for v in shape]
    if isinstance(shape, dict):
        return {k: _numbers(v) if k in ("coordinates", "geometries") else v for k, v in shape.items()}
    if isinstance(shape, str):
        try:
            return float(shape)
        except ValueError:
            return shape
    return shape
