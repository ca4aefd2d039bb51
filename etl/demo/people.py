"""The invented people: households, kin, birth dates, ID numbers, what became of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from etl.demo import identifiers, names, text
from etl.demo.chance import Chance, Ints, Mask, rank_within
from etl.demo.geography import COUNTIES
from etl.demo.households import CHILD, FATHER, HEAD, SPOUSE, Members, form
from etl.demo.plates import Plates
from etl.demo.text import NO_DAY, Text
from etl.demo.words import elsewhere

LIVING, DEAD, MOVED_OUT = 0, 1, 2
PHONE_HEADS = "130 131 133 135 136 137 138 139 147 150 151 153 155 156 158 159 171 173 176 177 180 181 182 183 185 186 187 189"
LIVING_WORDS = ("living", "dead", "moved_out")
ETHNICITIES = ("01", "06", "07", "03", "15", "11", "37", "04")
LEGACY_REGION = {
    "510502": 512502,
    "510504": 512502,
    "510503": 512523,
    "510521": 512521,
    "510522": 512524,
    "510524": 512525,
    "510525": 512526,
}


@dataclass
class People:
    """One element per person; days are days since 1970, NO_DAY = none; person numbers, -1 = nobody.

    joined, touched: the delivery day (0, 1 …) on which the person appeared, and on which something last changed.
    """

    household: Ints
    slot: Ints
    sex: Ints
    birth: Ints
    surname: Ints
    name: Text
    former_name: Text
    id_body: Ints
    former_body: Ints
    ethnicity: Ints
    father: Ints
    mother: Ints
    spouse: Ints
    since: Ints
    former_spouse: Ints
    until: Ints
    marital: Ints
    education: Ints
    registered: Mask
    floating: Mask
    origin: Ints
    status: Ints
    status_day: Ints
    phone: Ints
    plate: Ints
    room: Ints
    registered_plate: Ints
    registered_room: Ints
    joined: Ints
    touched: Ints

    def __len__(self) -> int:
        return len(self.sex)

    @property
    def ids(self) -> Ints:
        return np.arange(len(self))


def _sequences(region: Ints, birth: Ints, sex: Ints, chance: Chance, ids: Ints) -> Ints:
    """Three digits, odd for men, distinct within region and birth date."""
    rank = rank_within(region, birth, sex, order=ids)
    start = chance.integers("sequence", region * 100_000 + birth, 0, 499)
    return np.asarray((start + rank * 7) % 499 * 2 + 2 - (sex == 1), dtype=np.int64)


def id_bodies(chance: Chance, region: Ints, birth: Ints, sex: Ints) -> Ints:
    """17 digits: region, birth date, sequence."""
    year, month, day = text.parts(birth)
    date = year * 10_000 + month * 100 + day
    return (region * 10**8 + date) * 1000 + _sequences(region, birth, sex, chance, np.arange(len(birth)))


def _regions(chance: Chance, ids: Ints, county: Ints, birth: Ints, origin: Ints, stranger: Mask) -> Ints:
    """Where the ID number was given out: before the reform of 1983-85 often under an old code."""
    now = np.array([int(c) for c in COUNTIES])[county]
    old = np.array([LEGACY_REGION[c] for c in COUNTIES])[county]
    moved = np.array([int(c) for c in COUNTIES])[chance.integers("moved", ids, 0, len(COUNTIES))]
    here = np.where(chance.happens("moved here", ids, 0.12), moved, now)
    here = np.where((birth < text.day("1978-01-01")) & chance.happens("old code", ids, 0.6), old, here)
    return np.where(stranger, np.array([int(e.code) for e in elsewhere()])[origin], here)


def _education(chance: Chance, ids: Ints, age: npt.NDArray[np.float64]) -> Ints:
    codes = np.array([0, 80, 70, 60, 40, 30, 20, 90])
    by_age: dict[int, list[float]] = {
        0: [1, 0, 0, 0, 0, 0, 0, 0],
        1: [0, 1, 0, 0, 0, 0, 0, 0],
        2: [0, 0.1, 0.9, 0, 0, 0, 0, 0],
        3: [0, 0, 0.4, 0.6, 0, 0, 0, 0],
        4: [0.01, 0.12, 0.38, 0.16, 0.09, 0.12, 0.12, 0],
        5: [0.01, 0.35, 0.38, 0.12, 0.05, 0.04, 0.02, 0.03],
        6: [0, 0.55, 0.2, 0.06, 0.02, 0.01, 0, 0.16],
    }
    band = np.searchsorted([6, 12.5, 15.5, 19, 45, 62], age, side="right")
    out = np.zeros(len(ids), dtype=np.int64)
    for b, weights in by_age.items():
        out = np.where(band == b, codes[chance.choose(f"education{b}", ids, weights)], out)
    return out


def _fates(chance: Chance, ids: Ints, age: npt.NDArray[np.float64], registered: Mask, today: int) -> tuple[Ints, Ints]:
    """Dead or moved away since 2015, and when."""
    hazard = np.clip(0.0012 * np.exp(np.maximum(age - 30, 0) * 0.083), 0.001, 0.6)
    dead = chance.happens("dead", ids, hazard)
    gone = ~dead & registered & chance.happens("gone", ids, 0.016)
    when = today - 1 - chance.integers("when", ids, 0, np.minimum(1150, np.maximum((age * 365).astype(np.int64) - 30, 2)))
    status = np.where(dead, DEAD, np.where(gone, MOVED_OUT, LIVING))
    return status, np.where(status == LIVING, NO_DAY, when)


def _weddings(chance: Chance, p_birth: Ints, spouse: Ints, first_child: Ints, today: int) -> Ints:
    """Day of marriage of each married person, equal for both."""
    ids = np.arange(len(p_birth))
    couple = np.where(spouse >= 0, np.minimum(ids, spouse), ids)
    younger = np.maximum(p_birth, p_birth[np.maximum(spouse, 0)])
    usual = younger + (365.25 * (20 + 8 * chance.uniform("wedding", couple) ** 1.5)).astype(np.int64)
    before_child = np.minimum(first_child, first_child[np.maximum(spouse, 0)]) - 120 - chance.integers("before child", couple, 0, 900)
    wedding = np.where(before_child < usual, np.maximum(before_child, younger + 19 * 365), usual)
    childless = np.minimum(first_child, first_child[np.maximum(spouse, 0)]) > today + 10**6
    late = childless & (younger > text.day("1950-01-01")) & chance.happens("second wedding", couple, 0.37)
    recent = today - 7 - chance.integers("recent", couple, 0, 1090)
    wedding = np.where(late | (wedding >= today - 5), np.maximum(recent, younger + 19 * 365), wedding)
    return np.where(spouse >= 0, np.minimum(wedding, today - 3), NO_DAY)


def _divorces(chance: Chance, marital: Ints, sex: Ints, birth: Ints, today: int) -> tuple[Ints, Ints]:
    """Former spouse and day of divorce of some of the divorced: paired by age across households."""
    n = len(sex)
    other, until = np.full(n, -1, dtype=np.int64), np.full(n, NO_DAY)
    men, women = (np.flatnonzero((marital == 40) & (sex == s)) for s in (1, 2))
    men, women = men[np.argsort(birth[men], kind="stable")], women[np.argsort(birth[women], kind="stable")]
    pairs = min(len(men), len(women)) // 2 * 2
    men, women = men[:pairs], women[:pairs]
    close = (np.abs(birth[men] - birth[women]) < 12 * 365) & chance.happens("divorce told", men, 0.5)
    men, women = men[close], women[close]
    other[men], other[women] = women, men
    until[men] = until[women] = today - 10 - chance.integers("divorce", men, 0, 1100)
    return other, until


def _surnames(chance: Chance, m: Members) -> Ints:
    """Children and heads of households bear their father's name, nearly always."""
    ids = np.arange(len(m.sex))
    surname = names.surnames(chance, ids)
    keeps = (m.father >= 0) & chance.happens("father's name", ids, 0.97)
    for generation in (m.slot == HEAD, (m.slot >= CHILD) & (m.slot < FATHER)):
        surname = np.where(generation & keeps, surname[np.maximum(m.father, 0)], surname)
    return surname


def _ethnicities(chance: Chance, household: Ints, county: Ints) -> Ints:
    """Index into ETHNICITIES; more than Han in the two southern counties."""
    minority = chance.happens("minority", household, np.where(county >= 5, 0.05, 0.008))
    return np.where(minority, 1 + chance.choose("people", household, [60, 20, 8, 8, 3, 2, 1]), 0)


def _marital(chance: Chance, m: Members, age: npt.NDArray[np.float64], status: Ints) -> Ints:
    """GB/T 2261.2: 10 single, 20 married, 30 widowed, 40 divorced."""
    divorced = (age > 38) & chance.happens("divorced", np.arange(len(age)), 0.4)
    alone = np.select([m.slot >= FATHER, (age > 65) & (m.slot != CHILD), divorced], [30, 30, 40], 10)
    widowed = (m.spouse >= 0) & (status[np.maximum(m.spouse, 0)] == DEAD)
    return np.where(widowed, 30, np.where(m.spouse >= 0, 20, alone))


def _first_children(m: Members, never: int) -> Ints:
    """Birth of the first child of each person, `never` for none."""
    first = np.full(len(m.sex), never)
    for parent in (m.father, m.mother):
        np.minimum.at(first, parent[parent >= 0], m.birth[parent >= 0])
    return first


def populate(chance: Chance, persons: int, plates: Plates, home_plate: Ints, today: int) -> People:
    """Exactly that many persons, in households that live at home_plate (one plate per household)."""
    m = form(chance, persons, len(home_plate), today)
    ids, home = np.arange(len(m.sex)), m.household
    county = plates.where.county_index[plates.community[home_plate[home]]]
    origin = chance.integers("origin", home, 0, len(elsewhere()))
    married_in = (m.slot == SPOUSE) & chance.happens("married in", ids, 0.05)
    body = id_bodies(chance, _regions(chance, ids, county, m.birth, origin, m.floating | married_in), m.birth, m.sex)
    former_body = (body // 10**11 * 10**8 + _shifted(chance, ids, m.birth)) * 1000 + body % 1000
    surname, ethnicity = _surnames(chance, m), _ethnicities(chance, home, county)
    dotted = (ethnicity == 2) & chance.happens("dotted", ids, 0.3)
    years, age = text.parts(m.birth)[0], (today - m.birth) / 365.25
    former = names.full_names(chance.sub("former"), ids, surname, m.sex, years, np.zeros(len(ids), dtype=bool))
    status, status_day = _fates(chance, ids, age, m.registered, today)
    marital = _marital(chance, m, age, status)
    former_spouse, until = _divorces(chance, marital, m.sex, m.birth, today)
    away = chance.happens("lives elsewhere", home, 0.12)
    room = chance.integers("floor", home, 1, 25) * 100 + chance.integers("door", home, 1, 5)
    never = np.zeros(len(ids), dtype=np.int64)
    return People(
        **vars(m),
        surname=surname,
        name=names.full_names(chance.sub("name"), ids, surname, m.sex, years, dotted),
        former_name=text.where(chance.happens("renamed", ids, 0.006) & ~dotted, former, None),
        id_body=body,
        former_body=np.where(chance.happens("corrected", ids, 0.002), former_body, -1),
        ethnicity=ethnicity,
        since=_weddings(chance, m.birth, m.spouse, _first_children(m, today + 10**7), today),
        former_spouse=former_spouse,
        until=until,
        marital=marital,
        education=_education(chance, ids, age),
        origin=origin,
        status=status,
        status_day=status_day,
        phone=phones(chance, "phone", ids),
        plate=home_plate[home],
        room=room,
        registered_plate=home_plate[np.where(away, (home * 31 + 7) % len(home_plate), home)],
        registered_room=room,
        joined=never,
        touched=never,
    )


def _shifted(chance: Chance, ids: Ints, birth: Ints) -> Ints:
    """The birth date of a former, corrected number."""
    year, month, day = text.parts(birth - chance.integers("shift", ids, 40, 800))
    return year * 10_000 + month * 100 + day


def phones(chance: Chance, name: str, ids: Ints) -> Ints:
    """Mobile numbers."""
    head = np.array([int(h) for h in PHONE_HEADS.split()])
    return head[chance.integers(f"{name} head", ids, 0, len(head))] * 10**8 + chance.integers(name, ids, 0, 10**8)


def citizen_ids(people: People) -> Text:
    """18 characters of everybody."""
    return identifiers.citizen_ids(people.id_body)
