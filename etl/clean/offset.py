"""The offsets of internet maps undone: GCJ-02 (AMap, Tencent) and BD-09 (Baidu) to CGCS2000 degrees.

The open formulas only go one way; the other is found by iteration, to far below a centimetre (one step alone leaves 1.9 m).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Degrees = NDArray[np.float64]
Shift = Callable[[Degrees, Degrees], tuple[Degrees, Degrees]]

_A, _EE = 6378245.0, 0.00669342162296594323  # Krasovsky 1940: semi-major axis in metres, first eccentricity squared
_K = np.pi * 3000 / 180
_ROUNDS = 8


def _waves(t: Degrees, terms: tuple[tuple[float, float], ...]) -> Degrees:
    """⅔ Σ amplitude · sin(frequency · π · t)."""
    return np.asarray(sum(a * np.sin(f * np.pi * t) for a, f in terms) * 2 / 3)


def to_gcj02(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """CGCS2000 → GCJ-02, degrees; outside China's box nothing is shifted."""
    x, y = lon - 105, lat - 35
    common = _waves(x, ((20, 6), (20, 2)))
    north = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + common
    north += _waves(y, ((20, 1), (40, 1 / 3), (160, 1 / 12), (320, 1 / 30)))
    east = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + common
    east += _waves(x, ((20, 1), (40, 1 / 3), (150, 1 / 12), (300, 1 / 30)))
    phi = np.radians(lat)
    m = 1 - _EE * np.sin(phi) ** 2
    inside = (lon > 72.004) & (lon < 137.8347) & (lat > 0.8293) & (lat < 55.8271)
    d_lat = np.where(inside, np.degrees(north / (_A * (1 - _EE) / (m * np.sqrt(m)))), 0)
    d_lon = np.where(inside, np.degrees(east / (_A / np.sqrt(m) * np.cos(phi))), 0)
    return lon + d_lon, lat + d_lat


def to_bd09(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """CGCS2000 → BD-09, degrees."""
    x, y = to_gcj02(lon, lat)
    z = np.hypot(x, y) + 0.00002 * np.sin(y * _K)
    theta = np.arctan2(y, x) + 0.000003 * np.cos(x * _K)
    return z * np.cos(theta) + 0.0065, z * np.sin(theta) + 0.006


def undo(shift: Shift, lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """The point that `shift` moves to (lon, lat): the shift varies so slowly that p ← p − (shift(p) − q) settles at once."""
    x, y = lon, lat
    for _ in range(_ROUNDS):
        sx, sy = shift(x, y)
        x, y = x - (sx - lon), y - (sy - lat)
    return x, y
