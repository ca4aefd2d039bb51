"""The invented people: households, kin, birth dates, ID numbers, what became of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from etl.demo import identifiers, names, text
from etl.demo.chance import Chance, Ints, Mask, rank_within
from etl.demo.geography import COUNTIES
from etl.demo.plates import Plates
from etl.demo.text import NO_DAY, Text
from etl.demo.words import elsewhere

HEAD, SPOUSE, CHILD, FATHER, MOTHER = 0, 1, 2, 5, 6
LIVING, DEAD, MOVED_OUT = 0, 1, 2
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
HEAD_AGES = ((22, 30, 0.11), (30, 40, 0.15), (40, 50, 0.19), (50, 60, 0.22), (60, 70, 0.18), (70, 80, 0.13), (80, 91, 0.05))


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


def household_count(persons: int) -> int:
    """Enough households for that many persons."""
    return int(persons / 2.1) + 20


def _ages(chance: Chance, homes: Ints, newcomers: Mask) -> tuple[Ints, Mask]:
    """Ages (days) and presence per household and slot: head, spouse, three children, father, mother."""
    bands = np.array([[a, b] for a, b, _ in HEAD_AGES])
    band = chance.choose("band", homes, [w for *_, w in HEAD_AGES])
    head = np.where(
        newcomers,
        20 + 40 * chance.uniform("young", homes),
        bands[band, 0] + chance.uniform("age", homes) * (bands[band, 1] - bands[band, 0]),
    )
    decade = np.clip((head // 10).astype(int) - 2, 0, 6)
    married = chance.happens("married", homes, np.where(newcomers, 0.25, np.array([0.35, 0.75, 0.82, 0.8, 0.75, 0.6, 0.3])[decade]))
    age = np.zeros((len(homes), 7))
    there = np.zeros((len(homes), 7), dtype=bool)
    age[:, HEAD], there[:, HEAD] = head, True
    age[:, SPOUSE], there[:, SPOUSE] = np.maximum(head + 8 * (chance.uniform("gap", homes) - 0.5), 20.5), married
    children = np.array(
        [[0.3, 0.6, 0.1], [0.12, 0.5, 0.38], [0.2, 0.5, 0.3], [0.5, 0.42, 0.08], [0.8, 0.18, 0.02], [0.92, 0.08, 0], [0.95, 0.05, 0]]
    )
    wanted = (chance.uniform("children", homes)[:, None] > np.cumsum(children[decade], axis=1)[:, :2]).sum(axis=1)
    wanted = np.where(married | chance.happens("alone with children", homes, 0.25), wanted, 0)
    wanted = np.where(newcomers, 0, wanted)
    elder = np.where(married, np.minimum(head, age[:, SPOUSE]), head)
    for k in range(3):
        born_at = 20 + 12 * chance.uniform(f"born{k}", homes) + 4.5 * k
        age[:, CHILD + k] = elder - born_at
        there[:, CHILD + k] = (
            (wanted + (chance.uniform("third", homes) < 0.03) * (wanted == 2) > k) & (age[:, CHILD + k] > 0) & (age[:, CHILD + k] < 55)
        )
    parents = chance.choose("parents", homes, [0.86, 0.05, 0.03, 0.06])
    for slot, kinds in ((FATHER, (1, 2)), (MOTHER, (1, 3))):
        age[:, slot] = head + 20 + 10 * chance.uniform(f"parent{slot}", homes)
        there[:, slot] = np.isin(parents, kinds) & (age[:, slot] < 95) & ~newcomers
    return (age * 365.25).astype(np.int64), there


def _kin(household: Ints, slot: Ints, sex: Ints, persons: int) -> tuple[Ints, Ints, Ints]:
    """Father, mother, spouse of each person, from who stands beside him in the household."""
    homes = int(household.max()) + 1
    table = np.full((homes, 7), -1, dtype=np.int64)
    table[household, slot] = np.arange(persons)
    mine = table[household]
    head_male = sex[np.maximum(mine[:, HEAD], 0)] == 1
    man = np.where(head_male, mine[:, HEAD], mine[:, SPOUSE])
    woman = np.where(head_male, mine[:, SPOUSE], mine[:, HEAD])
    child = (slot >= CHILD) & (slot < FATHER)
    father = np.where(child, man, np.where(slot == HEAD, mine[:, FATHER], -1))
    mother = np.where(child, woman, np.where(slot == HEAD, mine[:, MOTHER], -1))
    partner = np.array([SPOUSE, HEAD, 0, 0, 0, MOTHER, FATHER])[slot]
    spouse = np.where(child, -1, mine[np.arange(persons), partner])
    return father, mother, spouse


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


def populate(chance: Chance, persons: int, plates: Plates, home_plate: Ints, today: int) -> People:
    """Exactly that many persons, in households that live at home_plate (one plate per household)."""
    homes = np.arange(len(home_plate))
    newcomer_home = chance.happens("newcomers", homes, 0.155)
    unregistered = ~newcomer_home & chance.happens("unregistered", homes, 0.035)
    age, there = _ages(chance.sub("home"), homes, newcomer_home)
    household, slot = np.nonzero(there)
    household, slot = household[:persons], slot[:persons]
    ids = np.arange(len(household))
    birth = today - 3 - age[household, slot]
    head_sex = np.where(chance.happens("head man", homes, 0.82), 1, 2)
    own = np.where(chance.happens("boy", ids, 0.53), 1, 2)
    sex = np.select(
        [slot == HEAD, slot == SPOUSE, slot == FATHER, slot == MOTHER],
        [head_sex[household], 3 - head_sex[household], 1 + 0 * ids, 2 + 0 * ids],
        own,
    )
    father, mother, spouse = _kin(household, slot, sex, len(ids))
    floating = newcomer_home[household]
    registered = ~floating & ~unregistered[household]
    origin = chance.integers("origin", household, 0, len(elsewhere()))
    county = plates.where.county_index[plates.community[home_plate[household]]]
    married_in = (slot == SPOUSE) & chance.happens("married in", ids, 0.05)
    region = _regions(chance, ids, county, birth, origin, floating | married_in)
    surname = names.surnames(chance, ids)
    for heir, source in ((slot == HEAD, father), ((slot >= CHILD) & (slot < FATHER), father)):
        surname = np.where(heir & (source >= 0) & chance.happens("father's name", ids, 0.97), surname[np.maximum(source, 0)], surname)
    years = text.parts(birth)[0]
    ethnicity = np.where(
        chance.happens("minority", household, np.where(county >= 5, 0.05, 0.008)),
        1 + chance.choose("people", household, [60, 20, 8, 8, 3, 2, 1]),
        0,
    )
    dotted = (ethnicity == 2) & chance.happens("dotted", ids, 0.3)
    name = names.full_names(chance.sub("name"), ids, surname, sex, years, dotted)
    years_old = (today - birth) / 365.25
    status, status_day = _fates(chance, ids, years_old, registered, today)
    first_child = np.full(len(ids), today + 10**7)
    for parent in (father, mother):
        np.minimum.at(first_child, parent[parent >= 0], birth[parent >= 0])
    since = _weddings(chance, birth, spouse, first_child, today)
    widowed = (spouse >= 0) & (status[np.maximum(spouse, 0)] == DEAD)
    single = np.select(
        [slot >= FATHER, (years_old > 65) & (slot != CHILD), (years_old > 38) & chance.happens("divorced", ids, 0.4)], [30, 30, 40], 10
    )
    marital = np.where(widowed, 30, np.where(spouse >= 0, 20, single))
    former_spouse, until = _divorces(chance, marital, sex, birth, today)
    elsewhere_registered = chance.happens("lives elsewhere", household, 0.12)
    registered_plate = home_plate[np.where(elsewhere_registered, (household * 31 + 7) % len(home_plate), household)]
    renamed = chance.happens("renamed", ids, 0.006)
    body = id_bodies(chance, region, birth, sex)
    corrected = chance.happens("corrected", ids, 0.002)
    former_body = (body // 10**11 * 10**8 + _shifted(chance, ids, birth)) * 1000 + body % 1000
    room = chance.integers("floor", household, 1, 25) * 100 + chance.integers("door", household, 1, 5)
    return People(
        household=household,
        slot=slot,
        sex=sex,
        birth=birth,
        surname=surname,
        name=name,
        former_name=text.where(renamed & ~dotted, names.full_names(chance.sub("former"), ids, surname, sex, years, dotted & False), None),
        id_body=body,
        former_body=np.where(corrected, former_body, -1),
        ethnicity=ethnicity,
        father=father,
        mother=mother,
        spouse=spouse,
        since=since,
        former_spouse=former_spouse,
        until=until,
        marital=marital,
        education=_education(chance, ids, years_old),
        registered=registered,
        floating=floating,
        origin=origin,
        status=status,
        status_day=status_day,
        phone=phones(chance, "phone", ids),
        plate=home_plate[household],
        room=room,
        registered_plate=registered_plate,
        registered_room=room,
        joined=np.zeros(len(ids), dtype=np.int64),
        touched=np.zeros(len(ids), dtype=np.int64),
    )


def _shifted(chance: Chance, ids: Ints, birth: Ints) -> Ints:
    """The birth date of a former, corrected number."""
    year, month, day = text.parts(birth - chance.integers("shift", ids, 40, 800))
    return year * 10_000 + month * 100 + day


def phones(chance: Chance, name: str, ids: Ints) -> Ints:
    """Mobile numbers."""
    head = np.array(
        [
            130,
            131,
            133,
            135,
            136,
            137,
            138,
            139,
            147,
            150,
            151,
            153,
            155,
            156,
            158,
            159,
            171,
            173,
            176,
            177,
            180,
            181,
            182,
            183,
            185,
            186,
            187,
            189,
        ]
    )
    return head[chance.integers(f"{name} head", ids, 0, len(head))] * 10**8 + chance.integers(name, ids, 0, 10**8)


def citizen_ids(people: People) -> Text:
    """18 characters of everybody."""
    return identifiers.citizen_ids(people.id_body)
