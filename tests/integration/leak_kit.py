"""What was delivered of persons, and whether a text holds any of it: for tests that scan what leaves the house."""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from etl import spec

PHONE = re.compile(r"1[3-9]\d{9}")
DOOR = re.compile(
    r"[\u4e00-\u9fff]{2,10}?(?:路|街|巷|道|段|村|组|苑|小区|社区)[^\s，,；;|]{0,16}?\d+号[^\s，,；;|]{0,12}?\d+(?:栋|幢|单元|室|号|层|楼)"
)
NAME = re.compile(r"[\u4e00-\u9fff]{3,4}")


def flat(text: str) -> str:
    """As a reader would take it: full-width as half-width, nothing between digits."""
    text = unicodedata.normalize("NFKC", text).upper()
    return re.sub(r"(?<=[\dX])[\s\-]+(?=[\dX])", "", text)


@dataclass(frozen=True)
class Secrets:
    """What was delivered of persons: ID numbers (18, 15 digits, and the first 17), phones, addresses to the door, names."""

    numbers: frozenset[str] = field(repr=False)
    phones: frozenset[str] = field(repr=False)
    doors: frozenset[str] = field(repr=False)
    addresses: frozenset[str] = field(repr=False)
    names: frozenset[str] = field(repr=False)

    def found_in(self, text: str) -> set[str]:
        """Kinds of secrets that a text holds, with how many. (Never the secrets themselves: they would be in the test's log.)"""
        plain = flat(text)
        hits = {"numbers": 0, "phones": 0, "addresses": 0}
        for run in re.findall(r"\d{11,}X?", plain):
            hits["phones"] += sum(run[i : i + 11] in self.phones for i in range(len(run) - 10)) if len(run) in (11, 12, 13, 14, 22) else 0
            hits["numbers"] += any(run[i : i + n] in self.numbers for n in (18, 17, 15) for i in range(len(run) - n + 1))
        hits["addresses"] += sum(door in self.doors for door in DOOR.findall(plain))
        hits["addresses"] += sum(part in self.addresses for line in plain.splitlines() for part in re.split(r"[|“”，；<>\t]", line))
        return {f"{kind}: {n}" for kind, n in hits.items() if n}


def _born(number: str) -> bool:
    """Whether the digits hold a birth date where an ID number has it."""
    return bool(re.fullmatch(r"[1-8]\d{5}(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]", number))


def secrets_of(home: Path, truth: Path) -> Secrets:
    """From every landed delivery, cell by cell, and from what the city truly is."""
    numbers, phones, addresses, names = set[str](), set[str](), set[str](), set[str]()
    registry = spec.load()
    for file in sorted((home / "landing").rglob("rows.parquet")):
        source = registry.sources.get("/".join(file.relative_to(home / "landing").parts[:2]))
        if source is None:
            continue
        personal = any(c.rule in ("person_name", "citizen_id", "party_code") for c in source.columns.values())
        of_persons = {n for n, c in source.columns.items() if c.rule == "address" and personal and c.role != "place"}
        called = {n for n, c in source.columns.items() if c.rule == "person_name"}
        rows = duckdb.sql(f"select * from read_parquet('{file}')")
        for row in rows.fetchall():
            for column, value in zip(rows.columns, row, strict=True):
                if not isinstance(value, str):
                    continue
                plain = flat(value)
                found = re.findall(r"(?<!\d)\d{17}[\dX]|(?<!\d)\d{15}(?!\d)", plain)
                numbers |= {
                    n
                    for n in found
                    if _born(n) or (len(n) == 15 and column in source.columns and source.columns[column].rule == "citizen_id")
                }
                phones |= set(PHONE.findall(plain)) if re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", plain) else set()
                if column in of_persons and len(plain) >= 10 and re.search(r"\d+(?:号|栋|幢|室|组)", plain):
                    addresses.add(plain)
                if column in called and NAME.fullmatch(value):
                    names.add(value)
    truth = duckdb.sql(f"select citizen_id, former_citizen_id, phone from read_parquet('{truth}/person.parquet')").fetchall()
    for citizen_id, former, phone in truth:
        numbers |= {n for n in (citizen_id, former) if n}
        phones |= {phone} if phone else set()
    numbers |= {n[:6] + n[8:17] for n in numbers if len(n) == 18} | {n[:17] for n in numbers if len(n) == 18}
    doors = {door for a in addresses for door in DOOR.findall(a)}
    filler = {p for p in phones if len(set(p)) <= 2}
    return Secrets(frozenset(numbers), frozenset(phones - filler), frozenset(doors), frozenset(addresses), frozenset(names))
