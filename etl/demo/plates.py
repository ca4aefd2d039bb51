"""Door plates: every address that somebody lives or trades at, down to the unit of an apartment building."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from etl.demo import text
from etl.demo.chance import Chance, Floats, Ints, rank_within
from etl.demo.geography import Communities, communities
from etl.demo.text import Text
from etl.demo.words import words

GROUPS = [f"{n}组" for n in ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")]
NUMBER, BUILDING, UNIT = 0, 1, 2
LEVELS = ("number", "building", "unit")
ESTATE_SHARE, ESTATE_SIZE = 0.55, 20


@dataclass
class Plates:
    """One row per plate, in order of the code. `at_number` and `at_building` lead to the plate above (itself at the top)."""

    community: Ints
    road: Ints
    number: Ints
    estate: Ints
    building: Ints
    unit: Ints
    level: Ints
    serial: Ints
    lon: Floats
    lat: Floats
    at_number: Ints
    at_building: Ints
    roads: list[str]
    estates: list[str]
    where: Communities = field(default_factory=communities)

    def __len__(self) -> int:
        return len(self.community)

    @property
    def rural(self) -> npt.NDArray[np.bool_]:
        return self.where.rural[self.community]

    def codes(self, index: npt.ArrayLike | None = None) -> Text:
        """18 digits: division code and serial; null for a negative index."""
        i = np.arange(len(self)) if index is None else np.asarray(index, dtype=np.int64)
        safe = np.maximum(i, 0)
        code = text.join(text.of(self.where.code[self.community[safe]]), text.padded(self.serial[safe], 6))
        return text.where(i >= 0, code, None)

    def regions(self, index: npt.ArrayLike) -> Text:
        """The 12-digit division code; null for a negative index."""
        i = np.asarray(index, dtype=np.int64)
        return text.where(i >= 0, text.of(self.where.code[self.community[np.maximum(i, 0)]]), None)

    def street(self, index: npt.ArrayLike) -> Text:
        """长江路21号书香门第, without building."""
        i = np.asarray(index, dtype=np.int64)
        return text.join(
            text.pick(self.roads, self.road[i]),
            text.of(self.number[i]),
            "号",
            text.pick([*self.estates, ""], self.estate[i] % (len(self.estates) + 1)),
        )

    def full(self, index: npt.ArrayLike) -> Text:
        """The standard address, from the province down."""
        i = np.asarray(index, dtype=np.int64)
        c, w = self.community[i], self.where
        towns = text.pool([f"四川省泸州市{a}{b}{n}" for a, b, n in zip(w.county, w.town, w.name, strict=True)])
        building = text.where(self.level[i] >= BUILDING, text.join(text.of(self.building[i]), "栋"), "")
        unit = text.where(self.level[i] == UNIT, text.join(text.of(self.unit[i]), "单元"), "")
        return text.join(text.pick(towns, c), self.street(i), building, unit)


@dataclass
class _Homes:
    """Per household: where it lives, before plates have their codes."""

    community: Ints
    slot: Ints
    estate: Ints
    building: Ints
    unit: Ints


def _homes(chance: Chance, households: int) -> _Homes:
    w = communities()
    ids = np.arange(households)
    community = chance.choose("community", ids, w.weight)
    in_estate = ~w.rural[community] & chance.happens("estate", ids, ESTATE_SHARE)
    rank = rank_within(community, in_estate, order=chance.uniform("order", ids))
    plain = np.bincount(community[~in_estate], minlength=len(w.code))
    slot = np.where(in_estate, rank // ESTATE_SIZE, rank - rank // 13)
    slot = np.where(in_estate, slot + plain[community], slot)
    within = rank % ESTATE_SIZE
    building = np.where(in_estate, (within // 2 * 5 + slot * 3) % 12 + 1, 0)
    unit = np.where(in_estate, (within % 2 + within // 2) % 3 + 1, 0)
    return _Homes(community, slot, np.where(in_estate, 0, -1), building, unit)


def _key(community: Ints, slot: Ints, building: Ints, unit: Ints) -> Ints:
    return ((community * 200_000 + slot) * 32 + building) * 8 + unit


def _streets(chance: Chance, community: Ints, slot: Ints, roads: int) -> tuple[Ints, Ints]:
    """Road and number of each numbered place; in a county no road has a number twice. Villages have groups instead of roads."""
    w = communities()
    rural = w.rural[community]
    places = np.bincount(community, minlength=len(w.code))
    span = 12 * np.maximum(30, places // 8 + 1)[community]
    position = (slot * 7919 + chance.integers("group", community, 0, 10_000)) % span
    group, village_number = position % 12, position // 12 + 1
    count = chance.integers("roads", community, 2, 6)
    road = (chance.integers("first", community, 0, roads) + slot % count * 7) % roads
    order = np.lexsort((slot, community, road, w.county_index[community], rural))
    gap = chance.integers("gap", community * 200_000 + slot, 1, 4)[order]
    county_road = (w.county_index[community] * 1000 + road + rural * 10**6)[order]
    total = np.cumsum(gap)
    first = np.r_[True, county_road[1:] != county_road[:-1]]
    base = np.maximum.accumulate(np.where(first, total - gap, 0))
    number = np.empty(len(slot), dtype=np.int64)
    number[order] = total - base
    return np.where(rural, roads + group, road), np.where(rural, village_number, number)


def settle(chance: Chance, households: int) -> tuple[Plates, Ints]:
    """All plates, and the finest plate of each household."""
    roads, estates = list(words()["roads"]), list(words()["estates"])
    w, home = communities(), _homes(chance, households)
    apartment = home.building > 0
    leaf = _key(home.community, home.slot, home.building, home.unit)
    above = _key(home.community, home.slot, home.building, 0 * home.unit)[apartment]
    base = _key(home.community, home.slot, 0 * home.building, 0 * home.unit)
    keys = np.unique(np.concatenate([leaf, above, base]))
    unit, building = keys % 8, keys // 8 % 32
    place = keys // 256
    spots, at = np.unique(place, return_inverse=True)
    spot_community, spot_slot = spots // 200_000, spots % 200_000
    road, number = _streets(chance.sub("street"), spot_community, spot_slot, len(roads))
    has_estate = np.zeros(len(spots), dtype=bool)
    has_estate[at[building > 0]] = True
    has_estate |= ~w.rural[spot_community] & chance.happens("named", spots, 0.12)
    estate = np.where(has_estate, chance.integers("name", spots, 0, len(estates)), -1)
    order = np.lexsort((unit, building, number[at], road[at], spot_community[at]))
    back = np.empty(len(keys), dtype=np.int64)
    back[order] = np.arange(len(keys))
    keys, at, building, unit = keys[order], at[order], building[order], unit[order]
    community = spot_community[at]
    serial = np.arange(len(keys)) - np.maximum.accumulate(np.where(np.r_[True, community[1:] != community[:-1]], np.arange(len(keys)), 0))
    lon = w.lon[spot_community] + (chance.uniform("lon", spots) - 0.5) * 0.011
    lat = w.lat[spot_community] + (chance.uniform("lat", spots) - 0.5) * 0.011
    plates = Plates(
        community=community,
        road=road[at],
        number=number[at],
        estate=estate[at],
        building=building,
        unit=unit,
        level=np.where(unit > 0, UNIT, np.where(building > 0, BUILDING, NUMBER)),
        serial=serial,
        lon=np.round(lon[at] + building * 0.00012, 7),
        lat=np.round(lat[at] + building * 0.00012 + unit * 0.00003, 7),
        at_number=back[np.searchsorted(np.sort(keys), place[order] * 256)],
        at_building=back[np.searchsorted(np.sort(keys), keys // 8 * 8)],
        roads=[*roads, *GROUPS],
        estates=estates,
    )
    return plates, back[np.searchsorted(np.sort(keys), leaf)]
