"""The invented city as of one delivery day."""

from dataclasses import dataclass, field

import numpy as np

from etl.demo import entities, households, people, plates, text
from etl.demo.chance import Chance, Ints, Mask
from etl.demo.entities import Entities
from etl.demo.people import People
from etl.demo.plates import Plates
from etl.demo.text import Text

START = text.day("2018-03-01")


@dataclass
class City:
    """People, entities and plates on day 0, 1, 2 … (weekly). `before` is day 0 itself, for departments that have not heard yet.

    citizen_ids, plate_codes: texts made once for everybody. harshness scales the rates of every error.
    """

    chance: Chance
    day: int
    people: People
    entities: Entities
    plates: Plates
    employer: Ints
    employed_since: Ints
    citizen_ids: Text
    harshness: float
    before: "City | None" = field(default=None, repr=False)

    @property
    def today(self) -> int:
        return START + 7 * self.day

    @property
    def age(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Years on day 0, so that who belongs to a dataset does not change by the week."""
        return (START - self.people.birth) / 365.25

    def seen(self, attribute: str, person: Ints, aware: Mask) -> Ints:
        """An attribute of persons as a department knows it: today's if it is aware, else that of day 0."""
        now = np.asarray(getattr(self.people, attribute))[person]
        if self.before is None:
            return now
        old = np.asarray(getattr(self.before.people, attribute))
        known = person < len(old)
        return np.where(aware | ~known, now, old[np.where(known, person, 0)])


def build(persons: int, seed: int, harshness: float) -> City:
    """Day 0."""
    chance = Chance(f"jichu/{seed}")
    place, homes = plates.settle(chance.sub("plates"), households.household_count(persons))
    crowd = people.populate(chance.sub("people"), persons, place, homes, START)
    firms = entities.found(chance.sub("entities"), max(int(persons * entities.SHARE), 60), crowd, place, START)
    employer, since = entities.employ(chance.sub("work"), crowd, firms, START)
    return City(chance, 0, crowd, firms, place, employer, since, people.citizen_ids(crowd), harshness)
