"""Addresses as people write them: parts left out, old names, house numbers in every spelling."""

import numpy as np

from etl.demo import text
from etl.demo.chance import Chance, Ints
from etl.demo.city import City
from etl.demo.damage import FULL_WIDTH, Place
from etl.demo.geography import COUNTIES, OLD_COUNTY_NAMES
from etl.demo.plates import BUILDING, GROUPS, UNIT
from etl.demo.text import Text
from etl.demo.words import elsewhere

TOWN, COMMUNITY, NONE = 3, 4, 5


def _province(chance: Chance, ids: Ints) -> Text:
    return text.pick(["四川省泸州市", "泸州市", "", "四川省", "四川泸州"], chance.choose("province", ids, [0.5, 0.2, 0.22, 0.04, 0.04]))


def _unique(names: list[str], groups: list[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    seen: dict[tuple[str, str], int] = {}
    for pair in zip(groups, names, strict=True):
        seen[pair] = seen.get(pair, 0) + 1
    return np.array([seen[pair] == 1 for pair in zip(groups, names, strict=True)])


def _above(city: City, chance: Chance, community: Ints, ids: Ints, rural: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Text:
    """County, town, village as far as written; never so little that the place is no longer told."""
    w, h = city.plates.where, city.harshness
    county = text.pick(w.county, community)
    old = text.pick([OLD_COUNTY_NAMES.get(c, "") for c in COUNTIES], w.county_index[community])
    has_old = np.isin(w.county_index[community], [COUNTIES.index(c) for c in OLD_COUNTY_NAMES])
    county = text.where(has_old & chance.happens("old county", ids, 0.02 * h), old, county)
    lone = _unique(w.name, w.county)[community]
    shape = chance.choose("parts", ids, [0.62 if h < 2 else 0.45, 0.13, 0.1, 0.11, 0.04])
    town = (shape == 0) | (shape == 1) | (shape == 4) | (rural & ~lone)
    village = (shape == 0) | (shape == 2) | rural
    no_county = (shape == 4) & town
    return text.join(
        text.where(no_county, "", county),
        text.where(town, text.pick(w.town, community), ""),
        text.where(village, text.pick(w.name, community), ""),
    )


def _tail(chance: Chance, plates_level: Ints, building: Ints, unit: Ints, room: Ints, ids: Ints) -> tuple[Text, Ints]:
    """Building, unit and room in one of the usual spellings; the level that it still tells."""
    style = chance.choose("tail", ids, [0.51, 0.13, 0.1, 0.1, 0.12, 0.04])
    b, u, r = text.of(building), text.of(unit), text.of(room)
    forms = (
        text.join(b, "栋", u, "单元", r, "号"),
        text.join(b, "幢", u, "单元", r, "室"),
        text.join("#", b, "-", u, "-", r),
        text.join(b, "-", u, "-", r),
        text.join(b, "栋", r),
        text.join(text.pick([g[:-1] for g in GROUPS], building - 1), "栋", u, "单元", r, "号"),
    )
    out = text.same("", len(ids))
    for k, form in enumerate(forms):
        out = text.where(style == k, form, out)
    level = np.where((style == 4) & (plates_level == UNIT), BUILDING, plates_level)
    return text.where(plates_level >= BUILDING, out, ""), level


def _spoil(value: str, bits: int) -> str:
    return value.translate(FULL_WIDTH) if bits % 2 else value.replace("号", "號", 1)


def write(city: City, chance: Chance, plate: Ints, room: Ints, ids: Ints, rooms: bool = True, vagueness: float = 1.0) -> Place:
    """The address of a plate as one record has it; nothing (null) for a negative plate.

    vagueness scales how often only a town or village is told.
    """
    p, h = city.plates, city.harshness
    at = np.maximum(plate, 0)
    at = at if rooms else p.at_number[at]
    community, rural = p.community[at], p.rural[at]
    above = text.join(_province(chance, ids), _above(city, chance, community, ids, rural))
    group = p.road[at] - (len(p.roads) - 12)
    style = chance.choose("group", ids, [0.55, 0.3, 0.15])
    village = text.where(style == 1, text.join(text.of(group + 1), "组"), text.pick([r[:-1] + "社" for r in p.roads], p.road[at]))
    road = text.where(rural & (style > 0), village, text.pick(p.roads, p.road[at]))
    estate = text.pick([*p.estates, ""], p.estate[at] % (len(p.estates) + 1))
    tail, level = _tail(chance, p.level[at], p.building[at], p.unit[at], room, ids)
    value = text.join(above, road, text.of(p.number[at]), "号", estate, tail)
    vague, share = chance.uniform("vague", ids), 0.006 * h * vagueness
    beside = text.join(text.pick(p.where.county, community), text.pick(p.where.town, community))
    near = text.join(
        _province(chance, ids), beside, text.pick(p.where.name, community), text.where(chance.happens("school", ids, 0.5), "学校旁", "附近")
    )
    only_town, only_near = vague < share, (vague >= share) & (vague < 2.7 * share)
    value = text.where(only_town, beside, text.where(only_near, near, value))
    bits = (chance.bits("text", ids) >> np.uint64(4)).astype(np.int64)
    value = text.change(value, chance.happens("full width", ids, 0.012 * h) & ~only_town & ~only_near, _spoil, bits)
    told = np.select([level == BUILDING], [p.at_building[at]], at)
    gone = plate < 0
    return Place(
        value=text.where(gone, None, value),
        plate=np.where(only_town | only_near | gone, -1, told),
        level=np.select([gone, only_town, only_near], [NONE, TOWN, COMMUNITY], level),
    )


def abroad(chance: Chance, origin: Ints, ids: Ints) -> Text:
    """An address in another city."""
    places = text.pool([f"{e.province}{e.city}{e.county}" for e in elsewhere()])
    quarter = text.pick(["城关镇", "东街社区", "新华村", "团结乡", "红星村", "中心镇"], chance.integers("quarter", ids, 0, 6))
    return text.join(text.pick(places, origin), quarter, text.of(chance.integers("house", ids, 1, 250)), "号")


def mixed(place: Place, elsewhere_text: Text, here: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Place:
    """place where `here`, else a text that tells no plate of this city."""
    return Place(text.where(here, place.value, elsewhere_text), np.where(here, place.plate, -1), np.where(here, place.level, NONE))
