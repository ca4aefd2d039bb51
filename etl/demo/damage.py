"""What goes wrong in a person's fields on the way into a register: each function gives the delivered text and says how it was spoilt."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.demo import identifiers, text
from etl.demo.chance import Chance, Ints, Mask
from etl.demo.city import City
from etl.demo.people import phones
from etl.demo.text import Text
from etl.demo.words import words

FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
NO_NUMBER = (None, "无", "暂无", "000000000000000000", "")
ID_QUALITIES = ("ok", "format", "legacy15", "typo", "missing", "masked", "other_person", "former", "extended")
NAME_QUALITIES = ("ok", "homophone", "variant", "space", "former", "rare", "dot", "missing", "hazard", "decorated")


@dataclass(frozen=True)
class Rates:
    """Share of records with each defect, before harshness."""

    missing: float = 0.02
    format: float = 0.022
    typo: float = 0.012
    legacy15: float = 0.016
    other_person: float = 0.0012
    extended: float = 0.0
    homophone: float = 0.007
    variant: float = 0.004
    space: float = 0.004
    name_missing: float = 0.001
    decorated: float = 0.0
    phone_gone: float = 0.04


REGISTER = Rates(
    missing=0.004,
    format=0.003,
    typo=0.0015,
    legacy15=0.0022,
    other_person=0.0,
    homophone=0.0006,
    variant=0.0005,
    space=0.0005,
    name_missing=0.0002,
    phone_gone=0.06,
)
FIELD_WORK = Rates(
    missing=0.2, format=0.03, typo=0.018, legacy15=0.028, other_person=0.001, homophone=0.012, variant=0.006, space=0.004, name_missing=0.0
)
CAREFUL = Rates(missing=0.012, format=0.016, typo=0.009, legacy15=0.008, other_person=0.0006)


@dataclass
class Said:
    """One person as a record names him: his number in the city (-1 = nobody), name, ID, and their qualities (indices)."""

    person: Ints
    name: Text
    number: Text
    name_quality: Ints
    id_quality: Ints


def _categories(u: npt.NDArray[np.float64], rates: list[float]) -> Ints:
    """0 = nothing happens, 1 … the first rate, and so on."""
    return (np.searchsorted(np.cumsum(rates), u, side="right") + 1) % (len(rates) + 1)


def _spoil_format(value: str, bits: int) -> str:
    if value.endswith("X") and bits % 3:
        return value[:-1] + "x"
    shapes = (
        value.translate(FULL_WIDTH),
        f"{value[:6]} {value[6:14]} {value[14:]}",
        value + " ",
        "'" + value,
        "身份证" + value,
        value + "(身份证)",
        f"{value[:6]}-{value[6:14]}-{value[14:]}",
    )
    return shapes[bits // 7 % len(shapes)]


def _spoil_digit(value: str, bits: int) -> str:
    """A wrong digit, two exchanged, a wrong check digit, or O for 0."""
    at = bits % 16
    if bits // 16 % 4 == 0 and value[at] != value[at + 1]:
        return value[:at] + value[at + 1] + value[at] + value[at + 2 :]
    if bits // 16 % 8 == 1 and "0" in value:
        return value.replace("0", "O", 1)
    if bits // 16 % 4 == 2:
        return value[:17] + str((int(value[17]) + 1 + bits // 64 % 8) % 10 if value[17].isdigit() else bits // 64 % 10)
    return value[:at] + str((int(value[at]) + 1 + bits // 64 % 9) % 10) + value[at + 1 :]


def numbers(city: City, chance: Chance, person: Ints, ids: Ints, rates: Rates, masked: bool = False) -> tuple[Text, Ints]:
    """ID numbers as delivered."""
    h = city.harshness
    owner = np.maximum(person, 0)
    true = text.pick(city.citizen_ids, owner)
    bits = (chance.bits("id bits", ids) >> np.uint64(4)).astype(np.int64)
    if masked:
        hidden = text.join(pc.utf8_slice_codeunits(true, 0, 4), "*" * 10, pc.utf8_slice_codeunits(true, 14, 18))
        return hidden, np.full(len(ids), ID_QUALITIES.index("masked"))
    kind = _categories(
        chance.uniform("id", ids),
        [h * r for r in (rates.missing, rates.format, rates.typo, rates.legacy15, rates.other_person, rates.extended)],
    )
    names = ("ok", "missing", "format", "typo", "legacy15", "other_person", "extended")
    quality = np.array([ID_QUALITIES.index(n) for n in names])[kind]
    former = (city.people.former_body[owner] > 0) & (kind == 0) & chance.happens("former id", ids, min(0.4 * h, 0.8))
    quality = np.where(former, ID_QUALITIES.index("former"), quality)
    young = city.people.birth[owner] >= text.day("2000-01-01")
    quality = np.where((kind == 4) & young, 0, quality)
    said = text.change(true, quality == ID_QUALITIES.index("format"), _spoil_format, bits)
    said = text.change(said, quality == ID_QUALITIES.index("typo"), _spoil_digit, bits)
    said = text.change(said, quality == ID_QUALITIES.index("missing"), lambda _, b: NO_NUMBER[b % len(NO_NUMBER)], bits)
    said = text.change(said, quality == ID_QUALITIES.index("extended"), lambda v, b: f"{v}{b % 7 + 1}{b // 7 % 4 + 1}", bits)
    old = np.flatnonzero(quality == ID_QUALITIES.index("legacy15"))
    said = text.put(said, old, identifiers.legacy_ids(city.people.id_body[owner[old]]))
    past = np.flatnonzero(former)
    said = text.put(said, past, identifiers.citizen_ids(city.people.former_body[owner[past]]))
    wrong = np.flatnonzero(quality == ID_QUALITIES.index("other_person"))
    return text.put(said, wrong, text.pick(city.citizen_ids, _others(city, owner[wrong], bits[wrong]))), quality


def _others(city: City, person: Ints, bits: Ints) -> Ints:
    """Whose number it really is: a parent's or spouse's, else anybody's."""
    p, n = city.people, len((city.before or city).people)
    family = np.where(p.mother[person] >= 0, p.mother[person], np.where(p.spouse[person] >= 0, p.spouse[person], -1))
    return np.where((family >= 0) & (bits % 3 > 0), family, (person + 1 + bits % (n - 1)) % n)


def _other_character(table: str) -> Callable[[str, int], str]:
    """A character of the given name exchanged for one of its look-alikes; now and then the surname for one that sounds like it."""
    replacements: dict[str, str] = words()[table]
    surnames: dict[str, str] = words()["surname_homophones"]

    def spoil(value: str, bits: int) -> str:
        if table == "homophones" and bits % 9 == 0 and value[0] in surnames:
            return surnames[value[0]] + value[1:]
        for step in range(len(value) - 1):
            at = len(value) - 1 - (bits + step) % (len(value) - 1)
            if value[at] in replacements:
                choices = replacements[value[at]]
                return value[:at] + choices[bits // 8 % len(choices)] + value[at + 1 :]
        return value

    return spoil


def _spaced(value: str, bits: int) -> str:
    return (value[0] + ("　" if bits % 2 else " ") + value[1:]) if len(value) > 1 else value


def _without_rare(value: str, bits: int) -> str:
    rare: dict[str, str] = words()["rare"]
    for char, sound in rare.items():
        if char in value:
            return value.replace(char, ("?", "□", sound)[bits % 3])
    return value


def names(city: City, chance: Chance, person: Ints, ids: Ints, rates: Rates) -> tuple[Text, Ints]:
    """Names as delivered."""
    h, owner = city.harshness, np.maximum(person, 0)
    true = text.pick(city.people.name, owner)
    bits = (chance.bits("name bits", ids) >> np.uint64(4)).astype(np.int64)
    kind = _categories(
        chance.uniform("name", ids),
        [h * r for r in (rates.homophone, rates.variant, rates.space, rates.name_missing, rates.decorated, 0.0002)],
    )
    quality = np.array([NAME_QUALITIES.index(n) for n in ("ok", "homophone", "variant", "space", "missing", "decorated", "hazard")])[kind]
    rare = _has_rare(true) & (quality == 0) & chance.happens("rare", ids, min(0.35 * h, 0.8))
    dot = pc.match_substring(true, "·").to_numpy(zero_copy_only=False)
    dot &= (quality == 0) & chance.happens("dot", ids, min(0.4 * h, 0.8))
    former = text.pick(city.people.former_name, owner)
    renamed = pc.is_valid(former).to_numpy(zero_copy_only=False) & (quality == 0) & chance.happens("former", ids, min(0.45 * h, 0.8))
    for mask, word in ((rare, "rare"), (dot, "dot"), (renamed, "former")):
        quality = np.where(mask, NAME_QUALITIES.index(word), quality)
    said = true
    changes: dict[str, Callable[[str, int], str | None]] = {
        "homophone": _other_character("homophones"),
        "variant": _other_character("similar"),
        "space": _spaced,
        "rare": _without_rare,
        "dot": lambda v, b: v.replace("·", ("•", "‧", "", ".", "・")[b % 5]),
        "missing": lambda v, b: (None, "", "某")[b % 3],
        "decorated": lambda v, b: v + "（户主）",
        "hazard": _hazard,
    }
    for word, function in changes.items():
        said = text.change(said, quality == NAME_QUALITIES.index(word), function, bits)
    at = np.flatnonzero(quality == NAME_QUALITIES.index("former"))
    said = text.put(said, at, former.take(pa.array(at)))
    unchanged = pc.fill_null(pc.equal(said, true), False).to_numpy(zero_copy_only=False)
    return said, np.where(unchanged, 0, quality)


def _hazard(value: str, bits: int) -> str:
    hazards: list[str] = words()["hazards"]
    return (*hazards, "+" + value, "@" + value, "-" + value, "'" + value)[bits % 7]


def _has_rare(column: Text) -> Mask:
    return np.asarray(pc.match_substring_regex(column, "[" + "".join(words()["rare"]) + "]").to_numpy(zero_copy_only=False))


def say(city: City, chance: Chance, person: Ints, ids: Ints, rates: Rates, numbered: bool = True, masked: bool = False) -> Said:
    """A person as one record names him, with or without a number."""
    name, name_quality = names(city, chance, person, ids, rates)
    nobody = person < 0
    if numbered:
        number, id_quality = numbers(city, chance, person, ids, rates, masked)
        number = text.where(nobody, None, number)
    else:
        number, id_quality = text.same(None, len(ids)), np.full(len(ids), ID_QUALITIES.index("missing"))
    return Said(person, text.where(nobody, None, name), number, name_quality, id_quality)


def sexes(city: City, chance: Chance, person: Ints, ids: Ints, styles: tuple[str, str]) -> Text:
    """In the department's own words; now and then unknown, in other words, or wrong."""
    h = city.harshness
    sex = city.people.sex[np.maximum(person, 0)]
    kind = _categories(chance.uniform("sex", ids), [0.003 * h, 0.0015 * h, 0.004 * h, 0.002 * h])
    told = np.where(kind == 4, 3 - sex, sex)
    usual = text.where(told == 1, styles[0], styles[1])
    other = text.where(told == 1, "男", "女") if styles[0] != "男" else text.where(told == 1, "男性", "女性")
    return text.where(kind == 1, "9", text.where(kind == 2, None, text.where(kind == 3, other, usual)))


def day_texts(chance: Chance, days: Ints, ids: Ints, usual: str, mixed: float) -> Text:
    """Dates in the usual pattern, a share in other ones."""
    out = text.days(days, usual)
    others = ("%Y%m%d", "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日")
    style = np.where(chance.happens("date style", ids, mixed), chance.integers("style", ids, 0, len(others)), -1)
    for k, pattern in enumerate(others):
        at = np.flatnonzero(style == k)
        out = text.put(out, at, text.days(days[at], pattern))
    return out


def birth_texts(city: City, chance: Chance, person: Ints, ids: Ints, usual: str, mixed: float = 0.02, odd: bool = True) -> Text:
    """Birth dates: other patterns, a filler, day and month exchanged, a day off (lunar). Where the date is required, no filler."""
    birth = city.people.birth[np.maximum(person, 0)]
    h = city.harshness
    year, month, day = text.parts(birth)
    kind = _categories(chance.uniform("birth", ids), [0.003 * h, 0.003 * h, *([0.003 * h, 0.002 * h] if odd else [])])
    swapped = (day <= 12) & (day != month) & (kind == 1)
    turned = (
        ((year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (np.where(swapped, day, month) - 1))
        .astype("datetime64[D]")
        .astype(np.int64)
        + np.where(swapped, month, day)
        - 1
    )
    told = np.where(swapped, turned, np.where(kind == 2, birth - 20 - chance.integers("lunar", ids, 0, 25), birth))
    out = day_texts(chance.sub("birth"), told, ids, usual, mixed)
    filler = text.pick(["1900-01-01", "00000000", None, "不详", "9999-12-31"], chance.integers("filler", ids, 0, 5))
    return text.where(kind >= 3, filler, out)


def phone_texts(city: City, chance: Chance, phone: Ints, ids: Ints, gone: float) -> Text:
    """Mobile numbers in several spellings, landlines, fillers, another number than the person's."""
    h = city.harshness
    other = chance.happens("other phone", ids, 0.12)
    number = np.where(other, phones(chance, "other", ids), phone)
    plain = text.of(number)
    kind = _categories(
        chance.uniform("phone", ids), [gone, 0.002 * h, 0.002 * h, 0.003 * h, 0.008 * h, 0.002 * h, 0.003 * h, 0.001 * h, 0.001 * h]
    )
    split = text.join(
        pc.utf8_slice_codeunits(plain, 0, 3), "-", pc.utf8_slice_codeunits(plain, 3, 7), "-", pc.utf8_slice_codeunits(plain, 7, 11)
    )
    landline = text.join("0830-", text.of(2_000_000 + number % 7_999_999))
    filler = text.pick(["11111111111", "00000000000", "1234567"], chance.integers("filler phone", ids, 0, 3))
    second = text.join(plain, "/", text.of(phones(chance, "second", ids)))
    forms = (
        plain,
        None,
        text.join("+86", plain),
        text.join("86-", plain),
        split,
        landline,
        filler,
        second,
        text.join(plain, ".0"),
        pc.utf8_slice_codeunits(plain, 0, 7),
    )
    out = plain
    for k, form in enumerate(forms[1:], 1):
        if form is not None:
            at = np.flatnonzero(kind == k)
            out = text.put(out, at, form.take(pa.array(at)))
    return text.where(kind == 1, None, out)


@dataclass
class Place:
    """An address text as delivered: the plate that it tells (-1 = none) and how far it tells it."""

    value: Text
    plate: Ints
    level: Ints
    words: tuple[str, ...] = field(default=("number", "building", "unit", "town", "community", "none"))
