"""What the builders of datasets share."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.demo import text
from etl.demo.chance import Chance, Ints, Mask
from etl.demo.city import START, City
from etl.demo.entities import COUNTY_NAMES
from etl.demo.people import LIVING
from etl.demo.rows import Firm
from etl.demo.text import NO_DAY, Text
from etl.demo.words import words


def members(city: City, chance: Chance, mask: Mask, rate: npt.ArrayLike, doubled: float = 0.004) -> tuple[Ints, Ints]:
    """Persons with a record (a few have two, under different keys), and the ids of the records: 2 × person, odd for the second."""
    everybody = city.people.ids
    chosen = np.flatnonzero(mask & chance.happens("member", everybody, rate))
    twice = chosen[chance.happens("twice", chosen, doubled * city.harshness)]
    return np.concatenate([chosen, twice]), np.concatenate([chosen * 2, twice * 2 + 1])


def scrambled(values: Ints, digits: int) -> Ints:
    """Numbers of that many digits, distinct for distinct values, without visible order."""
    multiplier = {6: 79_193, 7: 791_903, 8: 7_919_003, 9: 79_190_039, 10: 791_900_311, 13: 7_919_003_117}[digits]
    return np.asarray((values * multiplier + 10 ** (digits - 2) * 3) % 10**digits, dtype=np.int64)


def stamps(city: City, chance: Chance, ids: Ints, changed: Ints, earliest: str = "2014-01-01") -> tuple[Text, Ints]:
    """When each record was last updated: long ago, or in the week before the delivery on which it changed (0 = never). Text and seconds."""
    low = text.day(earliest)
    long_ago = low + chance.integers("updated", ids, 0, START - 40 - low)
    recent = START + 7 * changed - 1 - chance.integers("week", ids + changed, 0, 6)
    day = np.where(changed > 0, recent, long_ago)
    second = chance.integers("second", ids + changed, 0, 86_400)
    clock = text.join(text.padded(second // 3600, 2), ":", text.padded(second // 60 % 60, 2), ":", text.padded(second % 60, 2))
    return text.join(text.days(day, "%Y-%m-%d"), " ", clock), day * 86_400 + second


def aware_of(city: City, chance: Chance, ids: Ints, share: float) -> Mask:
    """Records whose department has heard of this month's changes."""
    return chance.happens("aware", ids, share)


def changed_days(city: City, person: Ints, aware: Mask) -> Ints:
    """On which delivery day a record last changed: the person's, where the department is aware of it; or when it first came."""
    touched = np.where(aware, city.people.touched[person], 0)
    return np.maximum(touched, city.people.joined[person])


def living(city: City) -> Mask:
    return np.asarray(city.people.status == LIVING)


FORMAT_SUFFIX = ("(泸州)", "（泸州）")


def _spoilt_name(value: str, bits: int) -> str:
    similar: dict[str, str] = words()["homophones"]
    for step in range(len(value)):
        at = (bits + step) % len(value)
        if value[at] in similar and at > 2:
            return value[:at] + similar[value[at]][0] + value[at + 1 :]
    return value


def _formatted(value: str, bits: int) -> str:
    shapes = (
        value.replace("四川省", "四川", 1) if "四川省" in value else value.replace("泸州市", "泸州", 1),
        value + FORMAT_SUFFIX[bits // 5 % 2],
        value[:4] + " " + value[4:],
        value.replace("(", "（").replace(")", "）") + FORMAT_SUFFIX[1],
        "四川省" + value if value.startswith("泸州") else value[:3] + "　" + value[3:],
    )
    return shapes[bits % 5]


def _abbreviated(value: str, bits: int) -> str:
    short = value
    for ending in ("股份有限公司", "有限责任公司", "有限公司"):
        if value.endswith(ending) and bits % 2:
            return value.removesuffix(ending) + ("" if bits % 4 < 2 else "公司")
    for start in ("四川省", "四川", "泸州市", "泸州", *COUNTY_NAMES):
        if value.startswith(start) and len(value) > len(start) + 4:
            short = value.removeprefix(start)
            break
    return short


def firm_names(city: City, chance: Chance, entity: Ints, ids: Ints, rate: float = 1.0) -> tuple[Text, Text]:
    """Names of entities as delivered, and what happened to them."""
    h = city.harshness * rate
    e = city.entities
    true = e.name.take(pa.array(entity))
    bits = (chance.bits("firm name", ids) >> np.uint64(4)).astype(np.int64)
    kind = np.searchsorted(np.cumsum([0.05 * h, 0.012 * h, 0.005 * h, 0.0006 * h]), chance.uniform("firm", ids), side="right")
    former = e.former_name.take(pa.array(entity))
    old = pc.is_valid(former).to_numpy(zero_copy_only=False) & (kind == 4) & chance.happens("old name", ids, min(0.2 * h, 0.8))
    said = text.change(true, kind == 0, _formatted, bits)
    said = text.change(said, kind == 1, _abbreviated, bits)
    said = text.change(said, kind == 2, _spoilt_name, bits)
    said = text.change(said, kind == 3, lambda v, b: ("=" + v, "@" + v, v[:2] + "\n" + v[2:], "<b>" + v)[b % 4], bits)
    said = text.where(old, former, said)
    same = pc.equal(said, true).to_numpy(zero_copy_only=False) & ~old
    quality = text.pick(["format", "abbreviated", "typo", "hazard", "ok", "former"], np.where(old, 5, np.where(same, 4, kind)))
    return said, quality


def _spoilt_code(value: str, bits: int) -> str:
    at = 8 + bits % max(len(value) - 9, 1)
    if bits // 16 % 3 == 0 and "0" in value:
        return value.replace("0", "O")
    if bits // 16 % 3 == 1 and len(value) > at + 1 and value[at] != value[at + 1]:
        return value[:at] + value[at + 1] + value[at] + value[at + 2 :]
    return value[:-1] + ("1" if value[-1] != "1" else "2")


def _dressed(value: str, bits: int) -> str:
    return (value.lower(), value + " ", value.translate(str.maketrans("0123456789", "０１２３４５６７８９")), f"{value[:8]}-{value[8:]}")[
        bits % 4
    ]


def firm_codes(
    city: City,
    chance: Chance,
    entity: Ints,
    ids: Ints,
    weights: tuple[float, float, float, float] = (0.9, 0.04, 0.04, 0.02),
    hyphen: bool = True,
) -> tuple[Text, Text]:
    """A code of each entity: credit code, else the registration number, else the organisation code.

    weights: of uscc, regno, orgcode and none, for those that have all.
    """
    e, h = city.entities, city.harshness
    at = pa.array(entity)
    uscc, regno, orgcode = e.uscc.take(at), e.registration_number.take(at), e.organization_code.take(at)
    kind = chance.choose("code kind", ids, (weights[0], weights[1], weights[2], weights[3] * h))
    has_uscc, has_regno = (c.is_valid().to_numpy(zero_copy_only=False) for c in (uscc, regno))
    kind = np.where((kind == 0) & ~has_uscc, 1, kind)
    kind = np.where((kind == 1) & ~has_regno, np.where(has_uscc, 0, 2), kind)
    spoilt = (kind < 2) & chance.happens("code typo", ids, 0.009 * h)
    bits = (chance.bits("code", ids) >> np.uint64(4)).astype(np.int64)
    dashed = text.join(pc.utf8_slice_codeunits(orgcode, 0, 8), "-", pc.utf8_slice_codeunits(orgcode, 8, 9))
    orgs = text.where(chance.happens("hyphen", ids, 0.5 if hyphen else 0), dashed, orgcode)
    nothing = text.pick([None, "-", "无", "000000000000000000"], chance.integers("nothing", ids, 0, 4))
    said = text.where(kind == 0, uscc, text.where(kind == 1, regno, text.where(kind == 2, orgs, nothing)))
    said = text.change(said, spoilt, _spoilt_code, bits)
    said = text.change(said, ~spoilt & (kind < 3) & chance.happens("dressed", ids, 0.012 * h), _dressed, bits)
    return said, text.where(spoilt, "typo", text.pick(["uscc", "regno", "orgcode", "none"], kind))


def firm(entity: Ints, code_quality: Text, name_quality: Text) -> Firm:
    return Firm(entity, code_quality, name_quality)


def end_of_validity(chance: Chance, days: Ints, ids: Ints, open_ended: float) -> Text:
    """ISO dates, or one of the fillers that mean no end."""
    filler = text.pick(["9999-12-31", None, "2099-12-31", "长期"], chance.integers("no end", ids, 0, 4))
    return text.where((days == NO_DAY) | chance.happens("open ended", ids, open_ended), filler, text.days(days, "%Y-%m-%d"))
