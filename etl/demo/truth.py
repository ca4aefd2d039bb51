"""The truth beside the deliveries: parquet files written a piece at a time, so that a big city needs little memory."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.demo import identifiers, text
from etl.demo.city import City
from etl.demo.damage import ID_QUALITIES, NAME_QUALITIES, Place
from etl.demo.entities import KINDS, STATUSES
from etl.demo.fates import Accounts, Delivered
from etl.demo.geography import COUNTIES
from etl.demo.people import ETHNICITIES, LIVING_WORDS
from etl.demo.plates import LEVELS
from etl.demo.rows import Dataset, Rows
from etl.demo.text import NO_DAY
from etl.demo.truth_tables import SCHEMAS

ROLES = ("legal_representative", "owner", "legal_representative", "legal_representative", "legal_representative", "principal")
_DATE = pa.date32()


def nullable(values: np.typing.ArrayLike, none: int = -1) -> pa.Array:
    """Whole numbers; `none` becomes null."""
    v = np.asarray(values, dtype=np.int64)
    return pa.array(v, mask=v == none)


class Truth:
    """Writers of truth/*.parquet; use as a context."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._writers = {
            n: pq.ParquetWriter(folder / f"{n}.parquet", pa.schema(list(s.items())), compression="zstd") for n, s in SCHEMAS.items()
        }

    def __enter__(self) -> "Truth":
        return self

    def __exit__(self, *_: object) -> None:
        for w in self._writers.values():
            w.close()

    def add(self, table: str, n: int, /, **columns: pa.Array | str | int | None) -> None:
        """Rows of a truth table; a plain value stands for a whole column."""
        if not n:
            return
        schema = SCHEMAS[table]
        arrays = [
            c.cast(t)
            if isinstance(c := columns.get(k), pa.Array)
            else pa.repeat(pa.scalar(c, type=t), n)
            if c is not None
            else pa.nulls(n, t)
            for k, t in schema.items()
        ]
        self._writers[table].write_table(pa.table(arrays, schema=pa.schema(list(schema.items()))))

    def datasets(self, datasets: Sequence[Dataset], columns: dict[str, list[str]]) -> None:
        """truth/datasets.json."""
        told = {
            d.name: {
                "key": list(d.key),
                "kind": d.kind,
                "columns": columns.get(d.name, []),
                "not_content": list(d.not_content),
                "required_dates": list(d.required_dates),
                "required_codes": list(d.required_codes),
                "required_numbers": list(d.required_numbers),
            }
            for d in datasets
        }
        (self.folder / "datasets.json").write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")

    def delivery(self, city: City, dataset: Dataset, rows: Rows, delivered: Delivered, accounts: Accounts) -> None:
        """Everything that is true of one delivery."""
        day = pa.scalar(city.today, type=pa.int32()).cast(_DATE).as_py()
        n, gone = len(accounts.fate), len(accounts.removed)
        self.add(
            "row_fate",
            n,
            dataset=dataset.name,
            delivered_on=day,
            row_number=pa.array(np.arange(1, n + 1)),
            source_key=accounts.source_key,
            fate=accounts.fate,
            reason=accounts.reason,
        )
        self.add("row_fate", gone, dataset=dataset.name, delivered_on=day, source_key=accounts.removed, fate="removed")
        counts = {
            w: int(np.count_nonzero(accounts.fate.to_numpy(zero_copy_only=False) == w))
            for w in ("new", "changed", "unchanged", "duplicate", "bad")
        }
        self.add(
            "delivery",
            1,
            dataset=dataset.name,
            delivered_on=day,
            day=city.day,
            kind=dataset.kind,
            state="loaded",
            rows_in=n,
            rows_removed=gone,
            rows_rejected=0,
            **{f"rows_{w}": c for w, c in counts.items()},
        )
        fates = accounts.fate.to_numpy(zero_copy_only=False)
        at = np.flatnonzero((fates == "new") | (fates == "changed"))
        if len(at):
            self._links(city, dataset, rows, delivered.row[at], accounts.source_key.take(pa.array(at)))
        if rows.observations is not None:
            told = rows.observations.filter(pc.is_in(rows.observations.column("row"), value_set=pa.array(delivered.row[at])))
            self.add(
                "observation",
                told.num_rows,
                dataset=dataset.name,
                released_on=day,
                **{c: told.column(c).combine_chunks() for c in told.column_names if c != "row"},
            )

    def _links(self, city: City, dataset: Dataset, rows: Rows, row: np.typing.NDArray[np.int64], key: pa.Array) -> None:
        for role, said in rows.people.items():
            ok = np.flatnonzero(said.person[row] >= 0)
            i = row[ok]
            self.add(
                "person_link",
                len(i),
                dataset=dataset.name,
                source_key=key.take(pa.array(ok)),
                role=role,
                true_person_id=pa.array(said.person[i]),
                day=city.day,
                id_quality=text.pick(ID_QUALITIES, said.id_quality[i]),
                name_quality=text.pick(NAME_QUALITIES, said.name_quality[i]),
            )
        for role, firm in rows.firms.items():
            ok = np.flatnonzero(firm.entity[row] >= 0)
            i = row[ok]
            self.add(
                "entity_link",
                len(i),
                dataset=dataset.name,
                source_key=key.take(pa.array(ok)),
                role=role,
                true_entity_id=pa.array(firm.entity[i]),
                day=city.day,
                id_quality=firm.code_quality.take(pa.array(i)),
                name_quality=firm.name_quality.take(pa.array(i)),
            )
        for role, place in rows.places.items():
            self._addresses(city, dataset, role, place, row, key)
        for table, columns in rows.facts.items():
            taken = {k: v.take(pa.array(row)) for k, v in columns.items()}
            self.add(table, len(row), dataset=dataset.name, source_key=key, day=city.day, **taken)

    def _addresses(self, city: City, dataset: Dataset, role: str, place: Place, row: np.typing.NDArray[np.int64], key: pa.Array) -> None:
        value = place.value.take(pa.array(row))
        ok = np.flatnonzero(value.is_valid().to_numpy(zero_copy_only=False))
        i = row[ok]
        self.add(
            "address_link",
            len(i),
            dataset=dataset.name,
            source_key=key.take(pa.array(ok)),
            role=role,
            text=value.take(pa.array(ok)),
            address_code=city.plates.codes(place.plate[i]),
            level=text.pick(place.words, place.level[i]),
            day=city.day,
        )

    def people(self, city: City, who: np.typing.NDArray[np.int64]) -> None:
        """The named persons as of the city's day."""
        p, a = city.people, pa.array(who)
        registered = p.registered[who]
        has_former = p.former_body[who] > 0
        self.add(
            "person",
            len(who),
            true_person_id=a,
            day=city.day,
            citizen_id=city.citizen_ids.take(a),
            former_citizen_id=text.where(has_former, identifiers.citizen_ids(np.maximum(p.former_body[who], 0)), None),
            name=p.name.take(a),
            former_name=p.former_name.take(a),
            sex_code=text.of(p.sex[who]),
            ethnicity_code=text.pick(ETHNICITIES, p.ethnicity[who]),
            birth_date=text.dates(p.birth[who]),
            birth_place_code=text.of(p.id_body[who] // 10**11),
            household=pa.array(p.household[who]),
            marital_status_code=text.of(p.marital[who]),
            education_code=text.where(p.education[who] > 0, text.of(p.education[who]), ""),
            phone=text.of(p.phone[who]),
            living_status=text.pick(LIVING_WORDS, p.status[who]),
            status_date=text.dates(p.status_day[who]),
            registered_here=pa.array(registered),
            floating=pa.array(p.floating[who]),
            death_date=text.dates(np.where(p.status[who] == 1, p.status_day[who], NO_DAY)),
            residence_address_code=city.plates.codes(p.plate[who]),
            registered_address_code=city.plates.codes(np.where(registered, p.registered_plate[who], -1)),
            residence_region_code=city.plates.regions(p.plate[who]),
            registered_region_code=city.plates.regions(np.where(registered, p.registered_plate[who], -1)),
        )
        self._kin(city, who)

    def _kin(self, city: City, who: np.typing.NDArray[np.int64]) -> None:
        p = city.people
        for relation, related in (("father", p.father), ("mother", p.mother), ("spouse", p.spouse), ("spouse", p.former_spouse)):
            i = who[related[who] >= 0]
            former = related is p.former_spouse
            since = p.birth[i] if relation != "spouse" else np.full(len(i), NO_DAY) if former else p.since[i]
            self.add(
                "kinship",
                len(i),
                true_person_id=pa.array(i),
                related_person_id=pa.array(related[i]),
                relation=relation,
                since=text.dates(since),
                until=text.dates(p.until[i] if former else np.full(len(i), NO_DAY)),
                day=city.day,
            )

    def entities(self, city: City, which: np.typing.NDArray[np.int64]) -> None:
        """The named entities as of the city's day, and who stands for them."""
        e, a = city.entities, pa.array(which)
        rep = e.representative[which]
        counties = city.plates.where.county_index[city.plates.community[e.plate[which]]]
        self.add(
            "entity",
            len(which),
            true_entity_id=a,
            day=city.day,
            kind=text.pick(KINDS, e.kind[which]),
            name=e.name.take(a),
            former_name=e.former_name.take(a),
            uscc=e.uscc.take(a),
            organization_code=e.organization_code.take(a),
            registration_number=e.registration_number.take(a),
            type_code=e.type_code.take(a),
            legal_representative=city.people.name.take(pa.array(rep)),
            rep_person_id=pa.array(rep),
            registered_capital_wan=pa.array(e.capital[which] / 100.0, mask=e.capital[which] < 0),
            industry_code=e.industry.take(a),
            established_on=text.dates(e.established[which]),
            status=text.pick(STATUSES, e.status[which]),
            closed_on=text.dates(e.closed[which]),
            head_office_id=nullable(e.head_office[which]),
            region_code=text.pick(COUNTIES, counties),
            address_code=city.plates.codes(e.plate[which]),
        )
        self.add(
            "person_role", len(which), true_entity_id=a, true_person_id=pa.array(rep), role=text.pick(ROLES, e.kind[which]), day=city.day
        )

    def addresses(self, city: City) -> None:
        """Every plate."""
        p = city.plates
        every = np.arange(len(p))
        w = p.where
        self.add(
            "address",
            len(p),
            address_code=p.codes(),
            full_address=p.full(every),
            county=text.pick(w.county, p.community),
            town=text.pick(w.town, p.community),
            community=text.pick(w.name, p.community),
            road=text.pick(p.roads, p.road),
            number=pa.array(p.number),
            estate=text.pick([*p.estates, ""], p.estate % (len(p.estates) + 1)),
            building=pa.array(p.building),
            unit=pa.array(p.unit),
            region_code=p.regions(every),
            level=text.pick(LEVELS, p.level),
            lon=pa.array(p.lon),
            lat=pa.array(p.lat),
            rural=pa.array(p.rural),
        )

    def employment(self, city: City) -> None:
        """Who works where."""
        i = np.flatnonzero(city.employer >= 0)
        self.add(
            "employment",
            len(i),
            true_person_id=pa.array(i),
            true_entity_id=pa.array(city.employer[i]),
            since=text.dates(city.employed_since[i]),
        )
