"""The invented firms, shops, schools and institutions, with look-alikes that must not be merged."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.demo import identifiers, text
from etl.demo.chance import Chance, Ints, Mask
from etl.demo.geography import COUNTIES
from etl.demo.people import LIVING, People
from etl.demo.plates import NUMBER, Plates
from etl.demo.text import NO_DAY, Text
from etl.demo.words import divisions, words

KINDS = ("enterprise", "self_employed", "social_organization", "public_institution", "cooperative", "school")
ENTERPRISE, SELF_EMPLOYED, SOCIAL, PUBLIC, COOPERATIVE, SCHOOL = range(6)
KIND_CODES = np.array([91, 92, 51, 12, 93, 12])
STATUSES = ("open", "revoked", "cancelled")
SHARE = 0.0725
COUNTY_NAMES = [divisions()[f"{c}000000"] for c in COUNTIES]


@dataclass
class Entities:
    """One element per entity; texts are null where the entity has no such number. capital: hundredths of 万元, -1 = none."""

    kind: Ints
    name: Text
    former_name: Text
    uscc: Text
    organization_code: Text
    registration_number: Text
    type_code: Text
    industry: Text
    trade: Text
    representative: Ints
    capital: Ints
    established: Ints
    status: Ints
    closed: Ints
    head_office: Ints
    plate: Ints
    employs: Mask
    touched: Ints

    def __len__(self) -> int:
        return len(self.kind)


def _pool(name: str, column: int = 0) -> list[str]:
    return [str(w[column]) for w in words()[name]]


def _brand(chance: Chance, ids: Ints, length: Ints) -> Text:
    brands = text.pool(words()["brand"])
    out = text.same("", len(ids))
    for k in range(4):
        letter = text.pick(brands, chance.integers(f"brand{k}", ids, 0, len(brands)))
        out = text.where(length > k, text.join(out, letter), out)
    return out


def _firm_names(chance: Chance, ids: Ints, county: Ints, trade: Ints, form: Ints) -> Text:
    """泸州市锦诚建材有限公司; a name already given out gets another, longer one."""
    prefixes = ["泸州市", "四川", "四川省", "泸州", *[f"泸州市{c}" for c in COUNTY_NAMES], *[f"泸州{c}" for c in COUNTY_NAMES]]
    plain = chance.choose("prefix", ids, [0.3, 0.2, 0.13, 0.17])
    local = 4 + county + len(COUNTY_NAMES) * chance.integers("prefix form", ids, 0, 2)
    prefix = text.pick(prefixes, np.where(chance.happens("local", ids, 0.25), local, plain))
    length = np.where(chance.happens("three", ids, 0.35), 3, 2)
    name = text.same("", len(ids))
    redo = np.ones(len(ids), dtype=bool)
    for attempt in range(4):
        fresh = text.join(
            prefix,
            _brand(chance.sub(f"try{attempt}"), ids, np.minimum(length + attempt, 4)),
            text.pick(_pool("trades"), trade),
            text.pick(_pool("forms"), form),
        )
        name = text.where(redo, fresh, name)
        codes = pc.dictionary_encode(name).indices.to_numpy()
        redo = np.ones(len(ids), dtype=bool)
        redo[np.unique(codes, return_index=True)[1]] = False
    return name


def _shop_names(chance: Chance, ids: Ints, plates: Plates, plate: Ints, owner_name: Text, surname: Text, shop: Ints) -> Text:
    county = text.pick(COUNTY_NAMES, plates.where.county_index[plates.community[plate]])
    town = text.where(chance.happens("town", ids, 0.4), text.pick(plates.where.town, plates.community[plate]), "")
    style = chance.choose("style", ids, [0.33, 0.3, 0.37])
    middle = text.where(
        style == 0,
        text.join(surname, "记"),
        text.where(style == 1, owner_name, _brand(chance, ids, 2 + chance.integers("three", ids, 0, 2))),
    )
    return text.join(county, town, middle, text.pick(_pool("shops"), shop))


def _other_names(chance: Chance, ids: Ints, kind: Ints, plates: Plates, plate: Ints) -> tuple[Text, Ints]:
    """Names of social organisations, institutions, cooperatives, schools; and which word of its list it took."""
    county = text.pick(COUNTY_NAMES, plates.where.county_index[plates.community[plate]])
    town = pc.replace_substring_regex(text.pick(plates.where.town, plates.community[plate]), "(街道|镇|乡)$", "")
    lists = {SOCIAL: _pool("socials"), PUBLIC: list(words()["publics"]), COOPERATIVE: list(words()["coops"]), SCHOOL: _pool("schools")}
    word = np.zeros(len(ids), dtype=np.int64)
    name = text.same("", len(ids))
    brand = _brand(chance, ids, 2 + 0 * ids)
    for k, pool in lists.items():
        here = kind == k
        word = np.where(here, chance.integers("word", ids, 0, len(pool)), word)
        last = text.pick(pool, np.where(here, word, 0))
        made = {
            SOCIAL: text.join(text.where(chance.happens("city wide", ids, 0.5), "泸州市", county), brand, last),
            PUBLIC: text.join(county, town, brand, last),
            COOPERATIVE: text.join(county, brand, last, "专业合作社"),
            SCHOOL: text.join(text.where(chance.happens("city school", ids, 0.4), "泸州市", county), town, brand, last),
        }[k]
        name = text.where(here, made, name)
    return name, word


def _traps(chance: Chance, ids: Ints, kind: Ints, name: Text, status: Ints, closed: Ints, county: Ints) -> tuple[Text, Ints, Text, Ints]:
    """Branches of a firm, and new firms that took a cancelled one's name: head office, names, and the earliest founding."""
    head = np.full(len(kind), -1, dtype=np.int64)
    not_before = np.full(len(kind), NO_DAY)
    firms = np.flatnonzero(kind == ENTERPRISE)
    lots = chance.uniform("trap", firms)
    branches, heirs = firms[lots < 0.03], firms[(lots > 0.985) & (status[firms] == 0)]
    plain = firms[(lots >= 0.03) & (lots <= 0.985)]
    if len(plain):
        head[branches] = plain[chance.integers("head", branches, 0, len(plain))]
        name = text.put(
            name,
            branches,
            text.join(
                text.pick(name, head[branches]), text.pick([c[:-1] if len(c) > 2 else c for c in COUNTY_NAMES], county[branches]), "分公司"
            ),
        )
    gone = plain[(status[plain] == 2) & (closed[plain] < text.day("2017-06-01"))]
    heirs = heirs[: len(gone)]
    name = text.put(name, heirs, text.pick(name, gone[: len(heirs)]))
    not_before[heirs] = closed[gone[: len(heirs)]] + 60
    renamed = (kind == ENTERPRISE) & (head < 0) & (not_before == NO_DAY) & chance.happens("renamed", ids, 0.035)
    letters = text.pool(words()["brand"])
    pieces = pc.extract_regex(name, rf"^(?P<before>泸州市?(?:{'|'.join(COUNTY_NAMES)})|四川省?|泸州市?)(?P<brand>..)(?P<after>.+)$")
    former = text.join(
        pc.struct_field(pieces, "before"),
        text.pick(letters, chance.integers("former a", ids, 0, len(letters))),
        text.pick(letters, chance.integers("former b", ids, 0, len(letters))),
        pc.struct_field(pieces, "after"),
    )
    usable = renamed & pc.is_valid(pieces).to_numpy(zero_copy_only=False)
    return name, head, text.where(usable, former, None), not_before


@dataclass(frozen=True)
class _Draft:
    """Entities being made: numbers, kinds, plates, counties, and which word of the shop, trade and form lists each took."""

    ids: Ints
    kind: Ints
    plate: Ints
    county: Ints
    shop: Ints
    trade: Ints
    form: Ints


def _draft(chance: Chance, ids: Ints, plates: Plates, existing: int) -> _Draft:
    kind = chance.choose("kind", ids, [0.24, 0.72, 0.011, 0.011, 0.015, 0.011])
    for k in range(SOCIAL, len(KINDS) if len(ids) >= 60 else SOCIAL):
        kind[k::101][:8] = k
    kind = kind % 2 if existing else kind
    numbered = np.flatnonzero(plates.level == NUMBER)
    urban, rural = (numbered[plates.rural[numbered] == r] for r in (False, True))
    village, street = (of[chance.integers(n, ids, 0, len(of))] for n, of in (("rural plate", rural), ("plate", urban)))
    plate = np.where((kind == COOPERATIVE) | chance.happens("in village", ids, 0.22), village, street)
    return _Draft(
        ids,
        kind,
        plate,
        plates.where.county_index[plates.community[plate]],
        chance.integers("shop", ids, 0, len(words()["shops"])),
        chance.integers("trade", ids, 0, len(words()["trades"])),
        chance.choose("form", ids, [f[2] for f in words()["forms"]]),
    )


def _lives(chance: Chance, d: _Draft, today: int) -> tuple[Ints, Ints, Ints]:
    """Status, day of founding and of closing."""
    status = np.where(np.isin(d.kind, (PUBLIC, SCHOOL)), 0, chance.choose("status", d.ids, [0.855, 0.025, 0.12]))
    established = today - 40 - (chance.uniform("established", d.ids) ** 1.8 * 365 * 18).astype(np.int64)
    lasted = 30 + ((today - established - 40) * chance.uniform("closed", d.ids)).astype(np.int64)
    return status, established, np.where(status == 2, established + lasted, NO_DAY)


def _numbers(chance: Chance, d: _Draft, status: Ints, closed: Ints, modern: Mask) -> tuple[Text, Text, Text]:
    """Organisation code, credit code (null before the conversion) and registration number (null where the kind has none)."""
    serial = (d.ids * 7_368_787 + int(chance.integers("serial", [0], 0, 10**7)[0])) % 89_999_993 + 10_000_000
    organization, values = identifiers.organization_codes(np.where(modern, 400_000 + d.ids * 29, serial), modern)
    region = np.array([int(c) for c in COUNTIES])[d.county]
    converted = (d.kind != SELF_EMPLOYED) | modern | chance.happens("converted", d.ids, 0.35)
    late = (closed > text.day("2015-10-01")) & chance.happens("converted late", d.ids, 0.9)
    converted &= (status != 2) | late | (d.kind == ENTERPRISE) & chance.happens("told", d.ids, 0.8)
    digit = np.where(d.kind == SELF_EMPLOYED, 6 + d.ids % 4, d.ids % 3)
    numbers = identifiers.registration_numbers((region * 10 + digit) * 10**7 + d.ids + 1)
    registers = np.isin(d.kind, (ENTERPRISE, SELF_EMPLOYED, COOPERATIVE))
    codes = identifiers.credit_codes(KIND_CODES[d.kind], region, values)
    return organization, text.where(converted, codes, None), text.where(registers, numbers, None)


def found(chance: Chance, count: int, people: People, plates: Plates, today: int, existing: int = 0) -> Entities:
    """That many entities, each with a living adult who stands for it; their numbers follow those of the existing ones."""
    d = _draft(chance, np.arange(existing, existing + count), plates, existing)
    ids, kind, single = d.ids, d.kind, d.kind == SELF_EMPLOYED
    adults = np.flatnonzero((today - people.birth > 23 * 365) & (today - people.birth < 76 * 365) & (people.status == LIVING))
    representative = adults[chance.integers("representative", ids, 0, len(adults))]
    status, established, closed = _lives(chance, d, today)
    owner, surname = text.pick(people.name, representative), text.pick(list(words()["surnames"]), people.surname[representative])
    shops = _shop_names(chance.sub("shop"), ids, plates, d.plate, owner, surname, d.shop)
    name = text.where(single, shops, _firm_names(chance.sub("firm"), ids, d.county, d.trade, d.form))
    others, word = _other_names(chance.sub("other"), ids, kind, plates, d.plate)
    name = text.where(kind >= SOCIAL, others, name)
    head_office, former, not_before = np.full(count, -1), text.same(None, count), np.full(count, NO_DAY)
    if not existing:
        name, head_office, former, not_before = _traps(chance.sub("traps"), ids, kind, name, status, closed, d.county)
    established = np.where(not_before != NO_DAY, np.minimum(not_before, today - 40), established)
    organization, uscc, number = _numbers(chance, d, status, closed, (established > text.day("2015-10-01")) | (existing > 0))
    trade = text.where(kind >= SOCIAL, text.of(word), text.pick(_pool("trades"), d.trade))
    type_code = text.where(kind == ENTERPRISE, text.pick(_pool("forms", 1), d.form), text.where(kind == COOPERATIVE, "9100", ""))
    return Entities(
        kind=kind,
        name=name,
        former_name=former,
        uscc=uscc,
        organization_code=organization,
        registration_number=number,
        type_code=text.where(head_office >= 0, "2130", text.where(single, "9500", type_code)),
        industry=text.where(single, text.pick(_pool("shops", 1), d.shop), text.pick(_pool("trades", 1), d.trade)),
        trade=text.where(single, text.pick(_pool("shops"), d.shop), trade),
        representative=representative,
        capital=np.where(kind == ENTERPRISE, _capital(chance, ids), -1),
        established=established,
        status=status,
        closed=closed,
        head_office=head_office,
        plate=d.plate,
        employs=(status == 0) & ~single & chance.happens("employs", ids, 0.97),
        touched=np.zeros(count, dtype=np.int64),
    )


def credit_codes_of(entities: Entities, plates: Plates, which: Ints) -> Text:
    """The credit codes that entities with an organisation code would get."""
    raw = entities.organization_code.take(pa.array(which)).to_pylist()
    values = np.array([[identifiers.USCC_ALPHABET.index(c) for c in code] for code in raw], dtype=np.int64).reshape(-1, 9)
    region = np.array([int(c) for c in COUNTIES])[plates.where.county_index[plates.community[entities.plate[which]]]]
    return identifiers.credit_codes(KIND_CODES[entities.kind[which]], region, values)


def _capital(chance: Chance, ids: Ints) -> Ints:
    """Registered capital in hundredths of 万元, mostly round."""
    amount = np.exp(3 + 1.4 * (chance.uniform("capital a", ids) + 2 * chance.uniform("capital b", ids)))
    round_one = np.maximum(np.round(amount, -1), 10) * 100
    return np.where(chance.happens("odd capital", ids, 0.08), np.round(amount * 100), round_one).astype(np.int64)


def employ(chance: Chance, people: People, entities: Entities, today: int) -> tuple[Ints, Ints]:
    """Employer of each person (-1 = none) and the day it began."""
    ids = people.ids
    employers = np.flatnonzero(entities.employs)
    age = (today - people.birth) / 365.25
    works = (age > 21) & (age < 60) & (people.status == LIVING) & chance.happens("works", ids, 0.46)
    weights = 1.0 / (1 + chance.uniform("size", employers) * 12)
    employer = np.where(works, employers[chance.choose("employer", ids, weights)], -1) if len(employers) else np.full(len(ids), -1)
    earliest = np.maximum(people.birth + 20 * 365, entities.established[np.maximum(employer, 0)])
    since = earliest + (np.maximum(today - 20 - earliest, 1) * chance.uniform("since", ids)).astype(np.int64)
    return employer, np.where(employer >= 0, since, NO_DAY)
