"""Values of a fixture: the shape of what was delivered, nothing of whom it was about (docs/decisions/0005-private-by-default.md).

Numbers, names, telephones, addresses and dates are made anew (numbers with valid check characters, and in agreement with the
birth date and sex beside them); free text keeps its length and punctuation; codes, sexes and the like stay.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import takewhile
from typing import Any

from etl.propose.columns import Told
from etl.propose.decide import FEW
from etl.propose.words import SURNAMES as SURNAME_WORDS

KEPT = {
    "region_code", "year", "year_month", "sex", "ethnicity", "education", "marital_status", "kin_relation", "code", "party_kind", "yes_no",
    "indicator_name", "period_in_text",
}  # fmt: skip
HAN = "示例样本试用虚构范文"
LOYAL = frozenset("无不详未知空补年月日号栋元组")  # characters that mean something to the rules and to nobody's name
VOID = re.compile(r"[无缺空不详明未知暂待补查填保密没有长期永久\s\-—_/\\.、·?？*＊0]+|(?i:null|none|nan|n/a)")
CLOCKS = {4: "0830", 5: "08:30", 6: "083000", 7: "8:30:00", 8: "08:30:00"}
SURNAMES = "赵钱孙李周吴郑王冯陈"
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
SYMBOLS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_DAY = re.compile(r"(\d{4})(\D?)(\d{1,2})(\D?)(\d{1,2})(?!\d)|(\d{4})(\d{2})(\d{2})")
MANY = 5  # values of an identifier that must share a beginning for it to be no one's
LONGEST, LEFT = 8, 4  # characters of an identifier's beginning that are kept at most; that are made anew at least
HALF = 0.5  # of a key's parts one that tells fewer rows apart than this tells of nobody
_MANY = 0.2  # different values per row beyond which a text may tell of one person


def citizen_id(born: date, male: bool, serial: int) -> str:
    """A number with a right check character, of the city's first county."""
    body = f"510502{born:%Y%m%d}{serial % 49 + 900:02d}"[:16] + str(serial % 5 * 2 + male)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11]


def organization_code(serial: int) -> str:
    """GB 11714: eight digits and their check character."""
    body = f"{30000000 + serial * 7919 % 9999999:08d}"
    check = 11 - sum(int(d) * w for d, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return body + {10: "X", 11: "0"}.get(check, str(check))


def credit_code(serial: int) -> str:
    """GB 32100: an enterprise of the city's first county."""
    body = f"91510502{organization_code(serial)}"
    total = sum(SYMBOLS.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + SYMBOLS[(31 - total % 31) % 31]


def registration_number(serial: int) -> str:
    """GS 15: fifteen digits, the last by MOD 11,10."""
    body, p = f"51050200{serial % 1000000:06d}", 10
    for d in body:
        p = ((p + int(d)) % 10 or 10) * 2 % 11
    return body + str((11 - p) % 10)


@dataclass
class Mask:
    """Replaces the values of an excerpt; equal values of a column become equal ones. Nothing of the original can be got back."""

    told: dict[str, Told]
    key: list[str]
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    serial: int = 0

    def row(self, delivered: Mapping[str, str | None], cleaned: Mapping[str, Any], number: int) -> dict[str, str | None]:
        """One row anew. `cleaned`: what the rules made of it, which says what kind of value each is."""
        by_as = {t.as_: name for name, t in self.told.items()}
        birth = delivered.get(by_as.get("birth_date", ""))
        born = date(1960 + number * 7 % 38, 10 + number % 3, 10 + number % 18)
        if birth and (found := _DAY.search(birth)) and found[3]:
            born = date(born.year, born.month if len(found[3]) > 1 else number % 9 + 1, born.day if len(found[5]) > 1 else number % 9 + 1)
        out: dict[str, str | None] = {}
        for name, text in delivered.items():
            out[name] = self._value(name, text, cleaned, born, number)
        return out

    def _value(self, name: str, text: str | None, cleaned: Mapping[str, Any], born: date, number: int) -> str | None:
        if text is None or not text.strip():
            return text
        told = self.told.get(name)
        if told and told.rule in KEPT and (cleaned.get(told.as_) is not None or VOID.fullmatch(text)):
            return text
        if told and told.rule == "date" and told.as_ == "birth_date" and cleaned.get("birth_date") is not None:
            return _day(text, born)
        same = (name, text)
        if told and told.as_ == "citizen_id" and cleaned.get("citizen_id_state") in ("ok", "legacy15", "extended"):
            return self._identified(text, born, cleaned.get("sex_code") != "2", number)
        if same not in self.known:
            self.serial += 1
            self.known[same] = self._anew(name, told, text, cleaned)
        return self.known[same]

    def _identified(self, text: str, born: date, male: bool, number: int) -> str:
        number18 = citizen_id(born, male, number)
        long = _put(text, r"\d{17}[\dXx]", number18)
        return long or _put(text, r"\d{15}", number18[:6] + number18[8:17]) or number18

    def _anew(self, name: str, told: Told | None, text: str, cleaned: Mapping[str, Any]) -> str:
        """A new value of the kind: by rule where the rule could read it, else the bare shape. Only words for "nothing" stay."""
        if VOID.fullmatch(text):
            return text
        if told is None:
            return shape(text, self.serial)
        value, state = cleaned.get(told.as_), cleaned.get(f"{told.as_}_state")
        if told.rule == "text":
            return text if self._common(name, told) else self._marked(name, told, text)
        if value is None and state in (None, "missing"):
            return _spoilt(text)
        if told.rule in ("date", "datetime", "end_date"):
            return _day(text, date(2015 + self.serial % 3, 10 + self.serial % 3, 10 + self.serial % 18))
        made = MAKERS[told.rule](text, str(state or ""), self.serial) if told.rule in MAKERS else None
        return made if made is not None else _spoilt(text)

    def _marked(self, name: str, told: Told, text: str) -> str:
        """Free text by its shape; of an identifier what all begin with stays, and no two become one."""
        prefix = _beginning(told.seen.values) if name in self.key and len(told.seen.values) >= MANY else ""
        prefix = prefix[: max(min(len(prefix), LONGEST, len(text) - LEFT), 0)] if text.startswith(prefix) else ""
        for _ in range(100):
            made = prefix + shape(text[len(prefix) :], self.serial)
            if name not in self.key or made not in self.known.values():
                return made
            self.serial += 1
        return made

    def _common(self, name: str, told: Told) -> bool:
        """A word of a small vocabulary, which tells of nobody: seldom different, short, no identifier, not like a name."""
        seen = told.seen
        few = seen.distinct <= min(FEW, _MANY * seen.rows) and seen.longest <= 20 and not told.hint.identifier
        named = sum(re.fullmatch(f"(?:{SURNAME_WORDS})[\\u3400-\\u9fff·]{{1,3}}", v) is not None for v in seen.values)
        return few and (name not in self.key or seen.unique < HALF) and named * 4 < len(seen.values)


def _beginning(values: list[str]) -> str:
    """What all of several values begin with."""
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(min(values), max(values), strict=False)))


def shape(text: str, serial: int, loyal: frozenset[str] = LOYAL) -> str:
    """Digits for digits, letters for letters, Chinese for everything else that is written; punctuation and `loyal` characters stay."""
    chance = random.Random(serial)
    return "".join(c if c in loyal else _other(c, i, chance) for i, c in enumerate(text))


def _other(c: str, place: int, chance: random.Random) -> str:
    if c.isdecimal():
        made = chance.randint(0, 9) if place else chance.randint(1, 9)
        return c if c == "0" and not place else chr(made + (ord("０") if ord("０") <= ord(c) <= ord("９") else ord("0")))
    if c.isascii() and c.isalpha():
        return chance.choice("abcdefghkmnpqrtuwxy" if c.islower() else "ABCDEFGHKMNPQRTUWXY")
    return chance.choice(HAN) if c.isalnum() or (not c.isprintable() and not c.isspace()) else c


def _spoilt(text: str) -> str:
    """What no rule could read stays unreadable: digits become nines, letters A, Chinese a word of ours."""
    return "".join(
        "9" if c.isdecimal() else "A" if c.isascii() and c.isalpha() else HAN[0] if c.isalnum() and c not in LOYAL else c for c in text
    )


def _put(text: str, pattern: str, new: str) -> str | None:
    """The text with `new` for the first match and nothing legible around it; None without a match."""
    found = re.search(pattern, text)
    return shape(text[: found.start()], 1) + new + shape(text[found.end() :], 2) if found else None


def _day(text: str, day: date) -> str:
    """A day written as the other was: same order, strokes and widths; a time of day keeps its form, words around it do not."""
    found = _DAY.search(text)
    if not found:
        return "43000" if re.fullmatch(r"\d{5}(\.\d+)?", text) else f"{day:%Y-%m-%d}"
    if found[6]:
        new = f"{day:%Y%m%d}"
    else:
        month = f"{day.month % 9 + 1}" if len(found[3]) == 1 and day.month > 9 else f"{day.month:0{len(found[3])}d}"
        of_month = f"{day.day % 9 + 1}" if len(found[5]) == 1 and day.day > 9 else f"{day.day:0{len(found[5])}d}"
        new = f"{day.year}{found[2]}{month}{found[4]}{of_month}"
    clock = re.fullmatch(r"(\s*日?[T\s]?\s*)(\d{1,2}:\d{2}(?::\d{2})?|\d{4}|\d{6})?(.{0,6})", text[found.end() :])
    behind = f"{clock[1]}{CLOCKS.get(len(clock[2] or ''), '')}" if clock else ""
    return new + behind


def _citizen(text: str, state: str, serial: int) -> str | None:
    made = citizen_id(date(1950 + serial % 45, 11, 12), bool(serial % 2), serial)
    if state == "masked":
        return made[:4] + "*" * 10 + made[-4:]
    if state in ("ok", "extended"):
        return _put(text, r"\d{17}[\dXx]", made) or made
    if state == "legacy15":
        return _put(text, r"\d{15}", made[:6] + made[8:17]) or made
    return shape(text, serial) if state == "other_document" else None


def _entity(text: str, state: str, serial: int) -> str | None:
    if state in ("citizen_id", "masked"):
        return _citizen(text, "masked" if state == "masked" else "ok", serial)
    code = organization_code(serial)
    if state in ("ok_orgcode", "ok"):
        return f"{code[:8]}-{code[8]}" if "-" in text else code
    return {"ok_uscc": credit_code(serial), "ok_regno": registration_number(serial), "ok_taxno": f"510502{code}"}.get(state)


def _certificate(text: str, state: str, serial: int) -> str | None:
    if state != "ok":
        return None
    body = f"11100000000013338W032.11510500000000000A.{1000000 + serial}.001"
    remainder, symbols = 36, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for c in body.replace(".", ""):
        remainder = ((remainder + symbols.index(c)) % 36 or 36) * 2 % 37
    return f"1.2.156.3005.2.{body}.{symbols[(37 - remainder) % 36]}"


def _phone(text: str, _: str, serial: int) -> str:
    return _put(text, r"1[3-9]\d{9}", f"1390083{serial % 10000:04d}") or f"0830-23{serial % 100000:05d}"


def _person(text: str, state: str, serial: int) -> str | None:
    """A made-up surname and given name of the same length; marks and the words that names are noted with stay."""
    parts = re.split(r"(曾用名|原名|又名|户主|之[子女]|某)", text)
    made = "".join(p if i % 2 else shape(p, serial + i, frozenset()) for i, p in enumerate(parts))
    if state == "ok" and made[:1] in HAN:
        made = SURNAMES[serial % len(SURNAMES)] + made[1:]
    return made


def _degrees(text: str, _: str, serial: int) -> str:
    return re.sub(r"(\d+\.\d)\d*", lambda m: f"{m[1]}{serial * 137 % 100000:05d}", text)


def _named(text: str, _: str, serial: int) -> str:
    return f"泸州示例{HAN[serial % len(HAN)]}{HAN[serial // len(HAN) % len(HAN)]}{'学校' if '学' in text else '商贸有限公司'}"


MAKERS: dict[str, Any] = {
    "citizen_id": _citizen,
    **dict.fromkeys(("entity_code", "party_code", "tax_number", "organization_code"), _entity),
    "registration_number": lambda text, state, serial: registration_number(serial) if state == "ok" else None,
    "certificate_id": _certificate,
    "phone": _phone,
    "person_name": _person,
    "entity_name": _named,
    "address": lambda text, state, serial: f"泸州市江阳区示例街道样本路{serial}号",
    "coordinate": _degrees,
    **dict.fromkeys(("number", "amount", "figure"), lambda text, state, serial: shape(text, serial)),
}
