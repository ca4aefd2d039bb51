"""Geometry on its way to @geometry: WKB in two dimensions, in the CRS it was delivered in."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import shapely


def wkb(shapes: Sequence[shapely.Geometry | None]) -> pa.Array:
    """Geometries as WKB; heights are dropped, empty ones are NULL."""
    if not shapes:
        return pa.array([], pa.binary())
    flat = shapely.force_2d(np.array(shapes, dtype=object))
    return _binary(flat)


def flattened(values: pa.Array) -> pa.Array:
    """WKB as a driver gives it → WKB in two dimensions; what cannot be read (curves, rubbish) is NULL."""
    read = shapely.from_wkb(np.array(values.to_pylist(), dtype=object), on_invalid="ignore")
    return _binary(shapely.force_2d(read))


def from_geojson(texts: Sequence[str | None]) -> pa.Array:
    """GeoJSON geometries as WKB; what cannot be read is NULL."""
    read = shapely.from_geojson(np.array(texts, dtype=object), on_invalid="ignore")
    return _binary(shapely.force_2d(read))


def _binary(shapes: np.ndarray) -> pa.Array:
    out = shapely.to_wkb(shapes)
    out[shapely.is_empty(shapes)] = None
    return pa.array(list(out), pa.binary())
