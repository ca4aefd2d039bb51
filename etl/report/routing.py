"""Who gets a mail today: owners, and substitutes for those who are away or gone; and how often at most (schemas/routing.yml)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from email.utils import parseaddr
from functools import cache

import yaml
from pydantic import Field, ValidationError

from etl.errors import UsageError
from etl.spec import Registry
from etl.spec.base import Declared
from etl.spec.registry import LOADER, SCHEMAS

LEADERS = "leaders"


class Platform(Declared):
    """Who writes: the name in the mail, a telephone number, the address that answers go to."""

    title: str
    contact: str = ""
    reply_to: str = ""


class Leaders(Declared):
    """Who gets the leaders' page."""

    owners: list[str] = Field(default_factory=list)
    substitutes: list[str] = Field(default_factory=list)
    absent: dict[str, date] = Field(default_factory=dict)


class Routing(Declared):
    """schemas/routing.yml."""

    platform: Platform
    leaders: Leaders = Leaders()
    quiet_days: int = Field(default=5, ge=0, le=60)


@cache
def load() -> Routing:
    """The routing as declared; a mistake names its key."""
    path = SCHEMAS / "routing.yml"
    try:
        return Routing.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER))  # noqa: S506 – a safe loader, in C
    except (ValidationError, yaml.YAMLError) as e:
        where = "、".join(".".join(map(str, x["loc"])) for x in e.errors()) if isinstance(e, ValidationError) else "YAML 写法"
        raise UsageError(f"schemas/routing.yml：{where} 有误") from None


@dataclass(frozen=True)
class Recipients:
    """`wanted`: who gets it; `instead`: who gets it if an address among them turns out to be gone."""

    wanted: tuple[str, ...]
    instead: tuple[str, ...]


def recipients(registry: Registry, department: str, today: date) -> Recipients:
    """An owner who is away until some day (inclusive) is stood in for by the substitutes who are there; when all are away, everybody gets it."""
    declared = load().leaders if department == LEADERS else registry.departments.get(department)
    if declared is None:
        return Recipients((), ())
    owners, substitutes = addresses(declared.owners), addresses(declared.substitutes)
    here = [a for a in owners if not away(declared.absent, a, today)]
    standing_in = [a for a in substitutes if not away(declared.absent, a, today)]
    wanted = here if len(here) == len(owners) and owners else [*here, *standing_in]
    wanted = wanted or [*owners, *substitutes]
    return Recipients(tuple(dict.fromkeys(wanted)), tuple(a for a in substitutes if a not in wanted))


def away(absent: Mapping[str, date], address: str, today: date) -> bool:
    """Whether somebody is away on that day."""
    until = next((day for who, day in absent.items() if parseaddr(who)[1].lower() == address.lower()), None)
    return until is not None and today <= until


def addresses(texts: Sequence[str]) -> list[str]:
    """The addresses of `name <address>` texts; what holds no @ is no address."""
    return list(dict.fromkeys(a for _, a in map(parseaddr, texts) if "@" in a))
