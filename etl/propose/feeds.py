"""Whom and what a row tells of, as far as the cleaned names say it: a first draft that a person has to read."""

from typing import Any

from etl.propose.columns import Told
from etl.spec import Registry

CODES = ("entity_code", "party_code", "tax_number", "organization_code", "registration_number")
PARTIES = {"": "self", "holder_": "holder", "subject_": "subject", "employer_": "employer"}
FURTHER = {"citizen_id", "phone", "birth_date", "residence_address", "registered_address"}
Feed = dict[str, Any]


def feeds(registry: Registry, told: list[Told], geometry: bool) -> tuple[list[Feed], list[str]]:
    """(feeds, doubts). Fields are taken where name and type are the library's; what a row is about stays a question."""
    kinds = {t.as_: registry.rules[t.rule].outputs[""] for t in told}
    rules = {t.as_: t.rule for t in told}
    parties = [_person(registry, kinds, rules), None if geometry else _entity(registry, kinds, rules)]
    found = [f for f in (*parties, _region(kinds, rules) or _place(registry, kinds, geometry)) if f]
    if not found:
        known = "、".join(f"{x.name}.{n}" for x in registry.libraries.values() for n in x.inputs)
        return [], [f"feeds：没有认出供给哪个库，行只进 staging；可供给的有 {known}"]
    doubts = [f"feeds：猜供给 {f['to']}（角色 {f.get('role', 'self')}），请核对这一行说的是谁、还说了什么" for f in found]
    if not any(t.as_ == "told_at" for t in told) and any(t.rule in ("date", "datetime") for t in told):
        days = "、".join(t.delivered for t in told if t.rule in ("date", "datetime"))
        doubts.append(f"哪一列是这条记录自己的时间（as: told_at，决定谁更新）：{days}")
    return found, doubts


def _shared(registry: Registry, to: str, kinds: dict[str, str]) -> dict[str, str]:
    """Fields of a library's input that the cleaned columns have by name and type."""
    library, name = to.split(".")
    fields = registry.libraries[library].inputs[name].fields
    return {f: f for f, kind in fields.items() if f in kinds and (kind.split("(")[0] == kinds[f].split("(")[0] or f == "told_at")}


def _person(registry: Registry, kinds: dict[str, str], rules: dict[str, str]) -> Feed | None:
    """The row's own person: a name or a number of one, and something more than the name alone."""
    named = rules.get("name") == "person_name" or (rules.get("citizen_id") == "citizen_id" and "name" not in rules)
    fields = _shared(registry, "population.person", kinds)
    if not named or not FURTHER & set(fields):
        return None
    return {"to": "population.person", "role": "self", "fields": fields}


def _entity(registry: Registry, kinds: dict[str, str], rules: dict[str, str]) -> Feed | None:
    """An entity by name and code; the party of the row where the names carry its role in front."""
    for front, role in PARTIES.items():
        parts = {
            **({"name": f"{front}name"} if rules.get(f"{front}name") == "entity_name" else {}),
            **({"code": f"{front}code"} if rules.get(f"{front}code") in CODES else {}),
        }
        if parts:
            more = _shared(registry, "legal_entity.entity", kinds) if role == "self" else {}
            return {
                "to": "legal_entity.entity",
                "role": role,
                "fields": {**{k: v for k, v in more.items() if k not in ("name", "code")}, **parts},
            }
    name = next((n for n, rule in rules.items() if rule == "entity_name"), None)
    code = next((n for n, rule in rules.items() if rule in CODES), None)
    return {"to": "legal_entity.entity", "role": "self", "fields": {"name": name, "code": code}} if name and code else None


def _region(kinds: dict[str, str], rules: dict[str, str]) -> Feed | None:
    """A register of divisions: code, name and level stand side by side."""
    if rules.get("code") != "region_code" or not {"name", "level"} <= set(kinds):
        return None
    return {"to": "geospatial.region", "fields": {"code": "code", "name": "name", "level": "level"}}


def _place(registry: Registry, kinds: dict[str, str], geometry: bool) -> Feed | None:
    if not geometry:
        return None
    fields = _shared(registry, "geospatial.place", kinds)
    return {"to": "geospatial.place", "fields": {**fields, "geom": "geom"}}
