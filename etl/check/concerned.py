"""Whom a failed check of a library concerns: the departments' own rows behind the library's rows, as the books keep them.

A row of a library table either is a department's record (dataset, source_key), or is about persons or entities; then it concerns the
records that say what the library holds in the claim's fields. What is the platform's own making concerns nobody.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import psycopg2
from psycopg2.extensions import connection as Connection

from etl import db, judging
from etl.check.engine import CANDIDATE, survey
from etl.check.outcome import Outcome
from etl.engine import literal, quote
from etl.spec import Library, Registry
from etl.spec.suite import Claim, Suite, load_suite
from etl.workbench import mapping

MOST = 20_000  # failing rows of one claim that are looked into
PERSONS, ENTITIES = ("person_id", "related_person_id"), ("entity_id", "parent_entity_id")
NAMED = "target, expectation, severity, because, dataset, source_key, record_id, field"
MADE = """
    create temp table concerned (
        target text, expectation text, severity text, because text, dataset text, source_key text, record_id text, field text,
        delivery_id text, row_number bigint, row_hash uuid
    ) on commit drop
"""
# of the records behind a person or entity, those that say of the field what the library says
SAID = """
    insert into concerned ({named})
    select distinct {claim}, r.dataset, r.source_key, f.{key}::text, substring(s.expression from '"([^"]+)"')
    from failing f join {golden} g on g.{kind}_id = f.{key} join {record} r on r.{kind}_id = f.{key}
    join quality.field_source s on s.library = {library} and s.dataset = r.dataset and s.role = r.role and s.field = {field}
    cross join lateral quality.said(s.staging_table, s.expression, s.condition, r.dataset, r.source_key) v
    where v.value is not distinct from {value}
"""
# one record is asked once for one claim, whichever of its columns it may be
ONE_COLUMN = """
    delete from concerned where ctid not in (
        select distinct on (target, expectation, dataset, source_key) ctid from concerned
        order by target, expectation, dataset, source_key, field = '', field, record_id
    )
"""
KEPT = """
    delete from quality.library_finding k where k.library = %(library)s and not exists (
        select from concerned c where c.target = k.target and c.expectation = k.expectation and c.dataset = k.dataset
            and coalesce(c.source_key, '') = coalesce(k.source_key, '') and c.field = k.field
    );
    update quality.library_finding k set delivery_id = c.delivery_id, row_number = c.row_number, row_hash = c.row_hash, record_id = c.record_id,
        severity = c.severity, because = c.because
    from concerned c where k.library = %(library)s and c.target = k.target and c.expectation = k.expectation and c.dataset = k.dataset
        and coalesce(c.source_key, '') = coalesce(k.source_key, '') and c.field = k.field
        and (k.delivery_id, k.row_number, k.row_hash, k.record_id, k.severity, k.because)
            is distinct from (c.delivery_id, c.row_number, c.row_hash, c.record_id, c.severity, c.because);
    insert into quality.library_finding (library, target, expectation, severity, because, dataset, source_key, record_id, field, delivery_id, row_number, row_hash, opened_on)
    select distinct on (target, expectation, dataset, source_key, field) %(library)s, target, expectation, severity, because, dataset, source_key, record_id, field,
        delivery_id, row_number, row_hash, %(today)s::date
    from concerned c where not exists (
        select from quality.library_finding k where k.library = %(library)s and c.target = k.target and c.expectation = k.expectation
            and c.dataset = k.dataset and coalesce(c.source_key, '') = coalesce(k.source_key, '') and c.field = k.field
    ) order by target, expectation, dataset, source_key, field, record_id
"""


def concerned(con: Connection, registry: Registry, library: Library, outcomes: Iterable[Outcome], today: date, *, candidate: bool) -> None:
    """Brings quality.library_finding of a library up to its failed checks, in the caller's transaction.

    `candidate`: the rows are looked for in what was held, not in what is published."""
    db.rows(con, "drop table if exists concerned")
    db.rows(con, MADE)
    for o in outcomes:
        suite = load_suite(o.target.replace(".", "/"))
        if o.success or o.broken or o.severity == "info" or suite is None:
            continue
        claim = next((c for c in suite.expectations if c.name == o.expectation), None)
        if claim is None:  # the suite was edited while this ran
            continue
        db.rows(con, "savepoint one_check")
        try:
            _claim(con, registry, library, suite, claim, o.target, today, candidate=candidate)
        except psycopg2.Error:  # whom it concerns is not worth the publication
            db.rows(con, "rollback to savepoint one_check")
        db.rows(con, "release savepoint one_check")
    _own_words(con, registry)
    with con.cursor() as c:
        c.execute(KEPT, {"library": library.name, "today": today})
    db.rows(con, "drop table concerned")


def _claim(
    con: Connection, registry: Registry, library: Library, suite: Suite, claim: Claim, target: str, today: date, *, candidate: bool
) -> None:
    """`concerned` gets the records behind the rows that fail one claim."""
    schema, name = (CANDIDATE, target.replace(".", "__")) if candidate else tuple(target.split("."))
    places = survey(con, suite, schema, name).places
    query = judging.failing(claim, f"{quote(schema)}.{quote(name)}", places, today)
    if query is None:
        return
    db.rows(con, "drop table if exists failing")
    db.rows(con, f"create temp table failing on commit drop as select * from ({query}) as failing limit {MOST}")
    there = {str(n) for (n,) in db.rows(con, "select attname from pg_attribute where attrelid = 'failing'::regclass and attnum > 0")}
    said = ", ".join(map(literal, (target, claim.name, claim.severity, claim.because)))
    fields = claim.fields or _fields(claim)
    if claim.concerns:
        asked = re.sub(r"\{(\w+\.\w+)\}", lambda m: places[m[1]], claim.concerns).replace("{failing}", "failing")
        db.rows(con, f"insert into concerned ({NAMED}) select distinct {said}, dataset, source_key, record_id, '' from ({asked}) as asked")
    if "dataset" in there:
        _itself(con, there, said, fields)
    elif key := _key(registry, library, target):
        dataset, column = key
        if column in there:
            field = literal("~".join(fields))
            db.rows(
                con,
                f"insert into concerned ({NAMED}) select distinct {said}, {literal(dataset)}, {quote(column)}::text, null, {field} from failing",
            )
    for key_column, kind, owner in [(k, "person", "population") for k in PERSONS] + [(k, "entity", "legal_entity") for k in ENTITIES]:
        if key_column in there and "source_key" not in there and "dataset" not in there:
            _sayers(con, key_column, kind, owner, said, fields, candidate=candidate)


def _itself(con: Connection, there: set[str], said: str, fields: Sequence[str]) -> None:
    """The failing rows name their records: both parts of the name, the dataset and the person, or the dataset alone."""
    field = literal("~".join(fields))
    if "source_key" in there:
        record = "person_id::text" if "person_id" in there else "null"
        db.rows(con, f"insert into concerned ({NAMED}) select distinct {said}, dataset, source_key, {record}, {field} from failing")
    elif "person_id" in there:
        db.rows(
            con,
            f"insert into concerned ({NAMED}) select distinct {said}, r.dataset, r.source_key, r.person_id, {field} from failing f join population.person_record r using (person_id, dataset)",
        )
    else:
        db.rows(
            con, f"insert into concerned ({NAMED}) select distinct {said}, dataset, null, null, '' from failing where dataset is not null"
        )


def _sayers(con: Connection, key: str, kind: str, library: str, said: str, fields: Sequence[str], *, candidate: bool) -> None:
    """The records of a person or entity that say what the library holds in these fields."""
    golden, record = f"{library}.{kind}", f"{library}.{kind}_record"
    if candidate:
        waiting = db.rows(con, "select to_regclass(%s) is not null", [f"candidate.{golden.replace('.', '__')}"])[0][0]
        golden, record = (f"candidate.{t.replace('.', '__')}" if waiting else t for t in (golden, record))
    columns = {str(n) for (n,) in db.rows(con, "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0", [golden])}
    for field in fields:
        value = f"g.{quote(field)}::text" if field in columns else "v.value"
        db.rows(con, SAID.format(named=NAMED, claim=said, golden=golden, record=record, kind=kind, key=key, library=literal(library), field=literal(field), value=value))  # fmt: skip


def _fields(claim: Claim) -> list[str]:
    """The columns that a claim names."""
    one = [str(claim.kwargs[k]) for k in ("column", "column_A", "column_B") if isinstance(claim.kwargs.get(k), str)]
    return one + [str(c) for c in claim.kwargs.get("column_list") or ()]


def _key(registry: Registry, library: Library, target: str) -> tuple[str, str] | None:
    """(dataset, key column) of a table that is one register, row by row, under the register's own key."""
    table, name = library.tables[target], target.split(".")[1]
    feeding = list(registry.feeding(f"{library.name}.{name}")) if name in library.inputs else []
    if len(feeding) != 1 or len(table.key) != 1:
        return None
    source, index = feeding[0]
    cleaned = mapping(registry, source, source.feeds[index], library.inputs[name].fields).get(table.key[0])
    keyed = [source.columns[k].as_ for k in source.key if k in source.columns]
    return (source.name, table.key[0]) if cleaned and [cleaned] == keyed else None


def _own_words(con: Connection, registry: Registry) -> None:
    """Fields in the department's own column names; where the record stands; records that were withdrawn are nobody's to mend."""
    names: dict[str, Mapping[str, str]] = {}
    for dataset, field in db.rows(con, "select distinct dataset, field from concerned"):
        source = registry.sources.get(dataset)
        if source is None:
            continue
        names.setdefault(dataset, delivered(registry, dataset))
        own = next((names[dataset][f] for f in field.split("~") if f in names[dataset]), "")
        db.rows(con, "update concerned set field = %s where dataset = %s and field = %s", [own, dataset, field])
    for dataset in names:
        table = f"staging.{quote(registry.sources[dataset].table)}"
        if db.rows(con, "select to_regclass(%s) is null", [table])[0][0]:
            continue
        db.rows(
            con,
            f"update concerned c set delivery_id = s.delivery_id, row_number = s.row_number, row_hash = s.row_hash "
            f"from {table} s where c.dataset = %s and s.dataset = c.dataset and s.source_key = c.source_key and s.removed_on is null",
            [dataset],
        )
    db.rows(con, "delete from concerned where source_key is not null and row_hash is null")
    db.rows(con, ONE_COLUMN)


def delivered(registry: Registry, dataset: str) -> dict[str, str]:
    """Field of any library or cleaned column → the department's own column name."""
    source = registry.sources[dataset]
    outputs = {c.as_ + suffix: name for name, c in source.columns.items() for suffix in registry.rules[c.rule].outputs}
    if source.geometry:
        outputs["geom"] = "@geometry"
    found = dict(outputs)
    for feed in source.feeds:
        library, name = feed.to.split(".")
        fields = registry.libraries[library].inputs[name].fields
        for field, cleaned in mapping(registry, source, feed, fields).items():
            if cleaned in outputs:
                found.setdefault(field, outputs[cleaned])
    return found
