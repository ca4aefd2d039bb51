"""One week in the life of the city: moves, weddings, births, deaths, new firms and closed ones."""

from dataclasses import fields, replace

import numpy as np
import pyarrow as pa

from etl.demo import names, text
from etl.demo.chance import Chance, Ints
from etl.demo.city import City
from etl.demo.entities import Entities, credit_codes_of, found
from etl.demo.households import CHILD
from etl.demo.people import DEAD, LIVING, MOVED_OUT, People, citizen_ids, id_bodies, phones
from etl.demo.text import NO_DAY

MOVES, PHONES, DEATHS, DEPARTURES, BIRTHS, WEDDINGS = 0.003, 0.004, 0.0006, 0.0006, 0.0006, 0.0012
CLOSED, REPRESENTED, CONVERTED, FOUNDED = 0.004, 0.002, 0.002, 0.004
USUAL = 0.01  # of all persons: what the rates above come to in a week


def _appended(before: People | Entities, new: dict[str, object]) -> dict[str, object]:
    """Every column with the new elements behind it."""
    out: dict[str, object] = {}
    for f in fields(before):
        old, add = getattr(before, f.name), new[f.name]
        out[f.name] = pa.concat_arrays([old, add]) if isinstance(old, pa.Array) else np.concatenate([old, np.asarray(add, dtype=old.dtype)])
    return out


def _births(chance: Chance, p: People, today: int, day: int, regions: Ints, pace: float) -> People:
    """Children of young couples, born in the week before."""
    age = (today - p.birth) / 365.25
    mothers = np.flatnonzero(
        (p.sex == 2) & (p.spouse >= 0) & (age > 20) & (age < 38) & (p.status == LIVING) & p.registered & np.isin(p.slot, (0, 1))
    )
    mothers = mothers[chance.happens("birth", mothers, pace * BIRTHS * len(p) / max(len(mothers), 1))]
    if not len(mothers):
        return p
    fathers = p.spouse[mothers]
    ids = np.arange(len(p), len(p) + len(mothers))
    sex = np.where(chance.happens("boy", ids, 0.52), 1, 2)
    birth = today - 2 - chance.integers("born", ids, 0, 5)
    n = len(ids)
    same = {
        c: getattr(p, c)[mothers]
        for c in ("household", "ethnicity", "registered", "floating", "origin", "plate", "room", "registered_plate", "registered_room")
    }
    nobody, never = np.full(n, -1), np.full(n, NO_DAY)
    surname = p.surname[fathers]
    name = names.full_names(chance.sub("name"), ids, surname, sex, text.parts(birth)[0], np.zeros(n, dtype=bool))
    new = same | {
        "slot": np.full(n, CHILD),
        "sex": sex,
        "birth": birth,
        "surname": surname,
        "name": name,
        "former_name": text.same(None, n),
        "id_body": _fresh_bodies(p, chance, regions[mothers], birth, sex),
        "former_body": nobody,
        "father": fathers,
        "mother": mothers,
        "spouse": nobody,
        "since": never,
        "former_spouse": nobody,
        "until": never,
        "marital": np.full(n, 10),
        "education": np.zeros(n),
        "status": np.zeros(n),
        "status_day": never,
        "phone": phones(chance, "phone", ids),
        "joined": np.full(n, day),
        "touched": np.full(n, day),
    }
    return People(**_appended(p, new))  # type: ignore[arg-type]


def _fresh_bodies(p: People, chance: Chance, region: Ints, birth: Ints, sex: Ints) -> Ints:
    """Numbers that nobody has: nobody else was born on these days."""
    body = id_bodies(chance, region, birth, sex)
    assert not np.isin(body, p.id_body).any()
    return body


def _weddings(chance: Chance, p: People, today: int, pace: float) -> dict[str, Ints]:
    """Single men and women of about one age marry."""
    age = (today - p.birth) / 365.25
    free = (p.status == LIVING) & (p.spouse < 0) & (age > 22) & (age < 45) & np.isin(p.marital, (10, 40))
    men, women = (np.flatnonzero(free & (p.sex == s)) for s in (1, 2))
    pairs = min(int(pace * len(p) * WEDDINGS / 2) + 1, len(men), len(women))
    men = men[np.argsort(chance.uniform("groom", men), kind="stable")][:pairs]
    women = women[np.argsort(chance.uniform("bride", women), kind="stable")][:pairs]
    men, women = men[np.argsort(p.birth[men], kind="stable")], women[np.argsort(p.birth[women], kind="stable")]
    spouse, since, marital = p.spouse.copy(), p.since.copy(), p.marital.copy()
    spouse[men], spouse[women] = women, men
    since[men] = since[women] = today - 1 - chance.integers("wedding", men, 0, 6)
    marital[men] = marital[women] = 20
    return {"spouse": spouse, "since": since, "marital": marital}


def _lives(chance: Chance, p: People, today: int, homes: Ints, pace: float) -> People:
    """Who moves, takes another phone, dies or leaves."""
    ids = p.ids
    lives = p.status == LIVING
    draw = chance.uniform("week", ids)
    edges = pace * np.cumsum([MOVES, PHONES, DEATHS, DEPARTURES])
    moves, dials, leaves = (
        (lives & (draw < edges[0])),
        lives & (draw >= edges[0]) & (draw < edges[1]),
        lives & (draw >= edges[2]) & (draw < edges[3]) & p.registered,
    )
    old = (today - p.birth) / 365.25 > 55
    dies = lives & (draw >= edges[1]) & (draw < edges[2]) & (old | chance.happens("young death", ids, 0.1))
    plate = np.where(moves, homes[chance.integers("home", ids, 0, len(homes))], p.plate)
    with_register = moves & chance.happens("register moves", ids, 0.4) & p.registered
    status = np.where(dies, DEAD, np.where(leaves, MOVED_OUT, p.status))
    return replace(
        p,
        plate=plate,
        room=np.where(moves, chance.integers("floor", ids, 1, 25) * 100 + chance.integers("door", ids, 1, 5), p.room),
        registered_plate=np.where(with_register, plate, p.registered_plate),
        phone=np.where(dials, phones(chance, "phone", ids), p.phone),
        status=status,
        status_day=np.where(dies | leaves, today - 1 - chance.integers("when", ids, 0, 6), p.status_day),
    )


def _firms(city: City, chance: Chance, people: People, day: int, today: int, pace: float) -> Entities:
    """Firms that close, get another representative or a credit code; and new ones."""
    e = city.entities
    ids = np.arange(len(e))
    draw = chance.uniform("firm", ids)
    edges = pace * np.cumsum([CLOSED, REPRESENTED, CONVERTED])
    isopen = (e.status == 0) & (e.kind < 2)
    closes, handed, coded = (
        isopen & (draw < edges[0]),
        isopen & (draw >= edges[0]) & (draw < edges[1]),
        isopen & (draw >= edges[1]) & (draw < edges[2]) & ~e.uscc.is_valid().to_numpy(zero_copy_only=False),
    )
    adults = np.flatnonzero((people.status == LIVING) & ((today - people.birth) / 365.25 > 25) & ((today - people.birth) / 365.25 < 70))
    representative = np.where(handed, adults[chance.integers("heir", ids, 0, len(adults))], e.representative)
    codes = credit_codes_of(e, city.plates, np.flatnonzero(coded))
    touched = np.where(closes | handed | coded, day, e.touched)
    e = replace(
        e,
        status=np.where(closes, 2, e.status),
        closed=np.where(closes, today - 1 - chance.integers("close", ids, 0, 6), e.closed),
        representative=representative,
        uscc=text.put(e.uscc, np.flatnonzero(coded), codes),
        touched=touched,
        employs=e.employs & ~closes,
    )
    extra = found(chance.sub("new"), max(int(pace * len(e) * FOUNDED), 3), people, city.plates, today, len(e))
    n = len(extra)
    extra = replace(
        extra,
        status=np.zeros(n, dtype=np.int64),
        closed=np.full(n, NO_DAY),
        established=today - 1 - chance.integers("founded", np.arange(n), 0, 6),
        touched=np.full(n, day),
        employs=np.zeros(n, dtype=bool),
    )
    return Entities(**_appended(e, {f.name: getattr(extra, f.name) for f in fields(extra)}))  # type: ignore[arg-type]


def next_week(city: City, change: float = USUAL) -> City:
    """The city one delivery later; what changed is marked with the day. `change`: the share of persons to whom something happens."""
    pace = change / USUAL
    day = city.day + 1
    today = city.today + 7
    chance = city.chance.sub(f"week{day}")
    p = city.people
    grown = _births(chance, p, today, day, p.id_body // 10**11, pace)
    homes = np.unique(p.plate)
    lived = _lives(chance, grown, today, homes, pace)
    lived = replace(lived, **_weddings(chance, lived, today, pace))  # type: ignore[arg-type]
    watched = ("plate", "room", "registered_plate", "phone", "status", "spouse")
    differs = np.zeros(len(lived), dtype=bool)
    for name in watched:
        differs |= getattr(lived, name) != getattr(grown, name)
    lived = replace(lived, touched=np.where(differs, day, lived.touched))
    firms = _firms(city, chance, lived, day, today, pace)
    more = len(lived) - len(p)
    employer = np.concatenate([city.employer, np.full(more, -1)])
    since = np.concatenate([city.employed_since, np.full(more, NO_DAY)])
    ids = city.citizen_ids if not more else citizen_ids(lived)
    return City(city.chance, day, lived, firms, city.plates, employer, since, ids, city.harshness, city.before or city)
