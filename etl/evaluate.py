"""How well a loaded database agrees with a city's truth: row accounts, linkage, addresses, golden values, figures.

Reads the promised tables of docs/architecture.md and nothing else of the pipeline. Used by `jichu evaluate TRUTH`; never at run time.
"""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import psycopg2
import psycopg2.extensions

from etl.errors import UsageError

Figure = tuple[str, str, float | int | str]

PERSON_FIELDS = (
    *("citizen_id", "name", "sex_code", "ethnicity_code", "birth_date", "death_date", "birth_place_code", "education_code"),
    *("registered_region_code", "residence_region_code", "living_status"),
)
ENTITY_FIELDS = (
    *("uscc", "organization_code", "registration_number", "name", "kind", "type_code", "legal_representative", "industry_code"),
    *("established_on", "status", "closed_on"),
)
COUNTS = {
    "in": "in",
    "new": "new",
    "changed": "changed",
    "unchanged": "unchanged",
    "removed": "removed",
    "duplicate": "duplicate",
    "quarantined": "bad",
}
RECORD = "dataset source_key role"
SUBJECT = "dataset source_key entity_id person_id"
TABLES = {
    "delivery": ("ops.delivery", "dataset delivery_id delivered_on state " + " ".join(f"rows_{c}" for c in COUNTS)),
    "quarantine": ("quality.quarantine", "dataset delivery_id row_number source_key reasons"),
    "person_record": ("population.person_record", f"{RECORD} person_id"),
    "person": ("population.person", " ".join(("person_id", *PERSON_FIELDS))),
    "kinship": ("population.kinship", "person_id related_person_id relation"),
    "employment": ("population.employment", "person_id entity_id dataset"),
    "entity_record": ("legal_entity.entity_record", f"{RECORD} entity_id"),
    "entity": ("legal_entity.entity", " ".join(("entity_id", *ENTITY_FIELDS))),
    "person_role": ("legal_entity.person_role", "entity_id person_id"),
    "address_match": ("geospatial.address_match", f"{RECORD} address_code level"),
    "permit": ("credit.permit", SUBJECT),
    "penalty": ("credit.penalty", SUBJECT),
    "list_entry": ("credit.list_entry", SUBJECT),
    "certificate": ("certificate.certificate", "dataset source_key status"),
    "observation": ("statistics.observation", "indicator_code region_code frequency period measure value unit released_on"),
    "indicator": ("statistics.indicator", "indicator_code name source_dataset"),
}
USABLE = "('ok', 'format', 'extended', 'legacy15', 'uscc', 'regno', 'orgcode')"


def evaluate(truth: Path, database_url: str) -> list[Figure]:
    """Figures (section, name, value) of the database against truth/*.parquet, as of the newest delivery that it has loaded.

    A section whose tables are absent is one figure `absent` naming the table. Raises UsageError when `truth` holds no truth.
    """
    if not (truth / "row_fate.parquet").exists():
        raise UsageError(f"目录 {truth} 中没有真值（row_fate.parquet）")
    with duckdb.connect() as con, closing(psycopg2.connect(database_url)) as pg:
        pg.set_session(readonly=True)
        present = _import(con, pg)
        _views(con, truth, _as_of(con, truth) if "delivery" in present else date.max)
        return [figure for section in SECTIONS for figure in section(con, present)]


# PostgreSQL's own form, said outright: what a sample of the rows suggests may be another.
AS_WRITTEN = """delim = ',', new_line = '\\n', quote = '"', escape = '"', max_line_size = 67108864"""


def _import(con: duckdb.DuckDBPyConnection, pg: psycopg2.extensions.connection) -> set[str]:
    """Copies the promised columns of every table that is there, as text; gives the names of those tables."""
    present: set[str] = set()
    with pg.cursor() as cursor, tempfile.TemporaryDirectory() as folder:
        for name, (table, columns) in TABLES.items():
            cursor.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped", (table,)
            )
            if not set(columns.split()) <= {row[0] for row in cursor.fetchall()}:
                continue
            file = Path(folder) / f"{name}.csv"
            texts = ", ".join(f"{c}::text AS {c}" for c in columns.split())
            with file.open("wb") as f:
                cursor.copy_expert(f"COPY (SELECT {texts} FROM {table}) TO STDOUT (FORMAT csv, HEADER)", f)
            con.execute(
                f"CREATE TABLE {name} AS SELECT * FROM read_csv(?, header = true, all_varchar = true, parallel = false, {AS_WRITTEN})",
                [str(file)],
            )
            present.add(name)
    return present


def _as_of(con: duckdb.DuckDBPyConnection, truth: Path) -> date:
    newest = con.execute("SELECT max(delivered_on)::date FROM delivery WHERE state = 'loaded'").fetchall()[0][0]
    told = con.execute(
        "SELECT max(delivered_on) FROM read_parquet(?) WHERE delivered_on <= ?", [str(truth / "delivery.parquet"), newest or date.max]
    ).fetchall()[0][0]
    return told if isinstance(told, date) else date.max


_HIDDEN = """
CREATE TABLE hidden AS SELECT dataset, source_key FROM (
    SELECT dataset, source_key, max(delivered_on) FILTER (fate IN ('new', 'changed', 'unchanged', 'duplicate')) good,
           max(delivered_on) FILTER (fate = 'removed') gone
    FROM fate WHERE source_key <> '' GROUP BY ALL)
WHERE good IS NULL OR gone > good
"""


def _views(con: duckdb.DuckDBPyConnection, truth: Path, day: date) -> None:
    """truth_<name> as of that day: the newest row of each key, without the records that no library should show."""
    con.execute(f"CREATE TABLE fate AS SELECT * FROM read_parquet('{truth}/row_fate.parquet') WHERE delivered_on <= DATE '{day}'")
    con.execute(_HIDDEN)
    loaded = f"delivered_on <= DATE '{day}' AND state = 'loaded'"
    con.execute(f"CREATE TABLE truth_delivery AS SELECT * FROM read_parquet('{truth}/delivery.parquet') WHERE {loaded}")
    number = f"(SELECT coalesce(max(day), 0) FROM read_parquet('{truth}/delivery.parquet') WHERE delivered_on <= DATE '{day}')"
    keys = {
        "person_link": "dataset, source_key, role",
        "entity_link": "dataset, source_key, role",
        "address_link": "dataset, source_key, role",
        "credit": "dataset, source_key",
        "certificate": "dataset, source_key",
        "person": "true_person_id",
        "entity": "true_entity_id",
    }
    for name, key in keys.items():
        newest = f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY day DESC) = 1"
        source = f"SELECT * FROM read_parquet('{truth}/{name}.parquet') WHERE day <= {number} {newest}"
        without = " ANTI JOIN hidden USING (dataset, source_key)" if "dataset" in key else ""
        con.execute(f"CREATE TABLE truth_{name} AS SELECT * FROM ({source}){without}")
    for name in ("kinship", "person_role"):
        con.execute(f"CREATE TABLE truth_{name} AS SELECT * FROM read_parquet('{truth}/{name}.parquet') WHERE day <= {number}")
    con.execute(f"CREATE TABLE truth_employment AS SELECT * FROM read_parquet('{truth}/employment.parquet')")
    con.execute(
        f"CREATE TABLE truth_observation AS SELECT * FROM read_parquet('{truth}/observation.parquet') WHERE released_on <= DATE '{day}'"
    )
    con.execute("CREATE MACRO party(role) AS CASE WHEN role IN ('self', 'holder', 'subject', 'appellant') THEN 'own' ELSE role END")


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    return tuple(int(v or 0) for v in con.execute(sql).fetchall()[0])


def _share(part: int, whole: int) -> float:
    return round(part / whole, 5) if whole else 0.0


def _f1(precision: float, recall: float) -> float:
    return round(2 * precision * recall / (precision + recall), 5) if precision + recall else 0.0


def accounts(con: duckdb.DuckDBPyConnection, present: set[str]) -> Iterator[Figure]:
    """Every loaded delivery's counts against the truth's."""
    if "delivery" not in present:
        yield "accounts", "absent", TABLES["delivery"][0]
        return
    sums = ", ".join(f"sum(rows_{c}::bigint) AS n_{c}" for c in COUNTS)
    con.execute(f"""CREATE OR REPLACE TABLE told AS
        SELECT dataset, delivered_on::date delivered_on, {sums} FROM delivery WHERE state = 'loaded' GROUP BY ALL""")
    same = " AND ".join(f"g.n_{ours} = t.rows_{theirs}" for ours, theirs in COUNTS.items())
    both = "FROM truth_delivery t LEFT JOIN told g USING (dataset, delivered_on)"
    whole, loaded, exact = _one(con, f"SELECT count(*), count(g.n_in), count(*) FILTER ({same}) {both}")
    (off,) = _one(con, "SELECT count(*) FROM told WHERE n_in <> n_new + n_changed + n_unchanged + n_duplicate + n_quarantined")
    yield "accounts", "deliveries", whole
    yield "accounts", "not_loaded", whole - loaded
    yield "accounts", "exact", _share(exact, whole)
    yield "accounts", "do_not_add_up", off
    names = con.execute(f"SELECT DISTINCT dataset {both} WHERE NOT coalesce({same}, false) ORDER BY 1").fetchall()
    yield "accounts", "differing", " ".join(str(name) for (name,) in names) or "-"


def quarantine(con: duckdb.DuckDBPyConnection, present: set[str]) -> Iterator[Figure]:
    """Refused rows, found by their number where the source has an order, else by their key."""
    if not {"quarantine", "delivery"} <= present:
        yield "quarantine", "absent", TABLES["quarantine"][0]
        return
    con.execute("""CREATE OR REPLACE TABLE refused AS
        SELECT DISTINCT q.dataset, d.delivered_on::date delivered_on, q.row_number::bigint row_number,
               coalesce(trim(q.source_key), '') source_key
        FROM quarantine q JOIN (SELECT DISTINCT dataset, delivery_id, delivered_on FROM delivery) d USING (dataset, delivery_id)""")
    here = "q.dataset = f.dataset AND q.delivered_on = f.delivered_on"
    match = f"{here} AND (q.row_number = f.row_number OR (q.source_key = f.source_key AND q.source_key <> ''))"
    of_fates = f"count(*) FILTER (EXISTS (SELECT 1 FROM refused q WHERE {match}))"
    of_refusals = f"count(*) FILTER (EXISTS (SELECT 1 FROM fate f WHERE fate = 'bad' AND {match}))"
    (bad, found) = _one(con, f"SELECT count(*), {of_fates} FROM fate f WHERE fate = 'bad'")
    (refused, right) = _one(con, f"SELECT count(*), {of_refusals} FROM refused q")
    yield "quarantine", "refused", refused
    yield "quarantine", "precision", _share(right, refused)
    yield "quarantine", "recall", _share(found, bad)


def linkage(con: duckdb.DuckDBPyConnection, present: set[str]) -> Iterator[Figure]:
    """Pairwise precision, recall and F1 of persons and entities; a record without a row is a cluster of its own."""
    for kind in ("person", "entity"):
        if f"{kind}_record" not in present:
            yield kind, "absent", TABLES[f"{kind}_record"][0]
            continue
        con.execute(f"""CREATE OR REPLACE TABLE {kind}_joined AS
            SELECT t.true_{kind}_id t, coalesce(r.{kind}_id, 'none ' || t.dataset || t.source_key || t.role) p,
                   r.{kind}_id IS NULL missing, t.id_quality
            FROM truth_{kind}_link t
            LEFT JOIN (SELECT dataset, source_key, party(role) own, any_value({kind}_id) {kind}_id FROM {kind}_record GROUP BY ALL) r
              ON r.dataset = t.dataset AND r.source_key = t.source_key AND r.own = party(t.role)""")
        con.execute(
            f"CREATE OR REPLACE TABLE {kind}_owner AS SELECT p, mode(t ORDER BY t) t FROM {kind}_joined WHERE NOT missing GROUP BY p"
        )
        con.execute(
            f"CREATE OR REPLACE TABLE {kind}_home AS SELECT t, mode(p ORDER BY p) p FROM {kind}_joined WHERE NOT missing GROUP BY t"
        )
        yield from _pairs(con, kind, f"{kind}_joined", kind)
        yield from _pairs(con, f"{kind}_without_usable_id", f"(SELECT * FROM {kind}_joined WHERE id_quality NOT IN {USABLE})", kind)
        (records, unlinked) = _one(con, f"SELECT count(*), count(*) FILTER (missing) FROM {kind}_joined")
        (merged,) = _one(
            con, f"SELECT count(*) FROM (SELECT p FROM {kind}_joined WHERE NOT missing GROUP BY p HAVING count(DISTINCT t) > 1)"
        )
        (split,) = _one(con, f"SELECT count(*) FROM (SELECT t FROM {kind}_joined GROUP BY t HAVING count(DISTINCT p) > 1)")
        yield kind, "records", records
        yield kind, "unlinked", unlinked
        yield kind, "false_merges", merged
        yield kind, "split", split


def _pairs(con: duckdb.DuckDBPyConnection, section: str, table: str, kind: str) -> Iterator[Figure]:
    count = "SELECT coalesce(sum(n * (n - 1) / 2), 0)::bigint FROM (SELECT count(*) n FROM {} GROUP BY {})"
    both, predicted, true = (_one(con, count.format(table, by))[0] for by in ("t, p", "p", "t"))
    precision, recall = _share(both, predicted), _share(both, true)
    if true or kind == section:
        yield section, "precision", precision
        yield section, "recall", recall
        yield section, "f1", _f1(precision, recall)


def golden(con: duckdb.DuckDBPyConnection, present: set[str]) -> Iterator[Figure]:
    """Fields of those whose main cluster is mainly theirs: the share right of what is known in truth."""
    for kind, fields in (("person", PERSON_FIELDS), ("entity", ENTITY_FIELDS)):
        if not {kind, f"{kind}_record"} <= present:
            yield f"golden_{kind}", "absent", TABLES[kind][0]
            continue
        for field in fields:
            known, right, wrong = _one(
                con,
                f"""SELECT count(*), count(*) FILTER (g.{field} = x.{field}::text), count(*) FILTER (g.{field} <> x.{field}::text)
                FROM {kind}_home h JOIN {kind}_owner o USING (t, p)
                JOIN {kind} g ON g.{kind}_id = h.p JOIN truth_{kind} x ON x.true_{kind}_id = h.t
                WHERE coalesce(x.{field}::text, '') <> ''""",
            )
            yield f"golden_{kind}", field, _share(right, known)
            yield f"golden_{kind}", f"{field}.wrong", wrong


def addresses(con: duckdb.DuckDBPyConnection, present: set[str]) -> Iterator[Figure]:
    """Texts against their plate: right of those that tell one, and codes that are not the true one."""
    if "address_match" not in present:
        yield "address", "absent", TABLES["address_match"][0]
        return
    texts, coded, right, wrong, no_row = _one(
        con,
        """SELECT count(*), count(t.address_code), count(*) FILTER (t.address_code = m.address_code),
             count(*) FILTER (m.address_code <> '' AND m.address_code IS DISTINCT FROM t.address_code), count(*) FILTER (m.level IS NULL)
           FROM truth_address_link t
           LEFT JOIN (SELECT DISTINCT ON (dataset, source_key, role) * FROM address_match) m USING (dataset, source_key, role)""",
    )
    yield "address", "texts", texts
    yield "address", "right", _share(right, coded)
    yield "address", "wrong", _share(wrong, texts)
    yield "address", "without_row", no_row


def relations(con: duckdb.DuckDBPyConnection, present: set[str]) -> Iterator[Figure]:
    """Kinship, employment and representatives through the linkage.

    precision: the share that is true; recall: of what certificates, marriages and records that name both tell, the share that is there.
    """
    for name, (left, right, kind, word) in RELATIONS.items():
        if not {name, "person_record", "entity_record"} <= present:
            yield name, "absent", TABLES[name][0]
            continue
        con.execute(f"""CREATE OR REPLACE TABLE got AS SELECT DISTINCT x.t a, y.t b, {word} w FROM {name} g
            LEFT JOIN person_owner x ON x.p = g.{left} LEFT JOIN {kind}_owner y ON y.p = g.{right}""")
        names = "true_person_id a, related_person_id b" if kind == "person" else "true_person_id a, true_entity_id b"
        con.execute(f"CREATE OR REPLACE TABLE want AS SELECT DISTINCT {names}, {word} w FROM truth_{name} g")
        (known, good) = _one(
            con, "SELECT count(*), count(want.a) FROM got LEFT JOIN want USING (a, b, w) WHERE got.a IS NOT NULL AND got.b IS NOT NULL"
        )
        due = " UNION ".join(
            f"SELECT p.true_person_id a, q.true_{kind}_id b, '{w}' w {_BOTH.format(kind=kind, first=f, second=s)}" for f, s, w in DUE[name]
        )
        (told, there) = _one(con, f"SELECT count(*), count(got.a) FROM ({due}) JOIN want USING (a, b, w) LEFT JOIN got USING (a, b, w)")
        yield name, "rows", known
        yield name, "precision", _share(good, known)
        yield name, "recall", _share(there, told)


RELATIONS = {
    "kinship": ("person_id", "related_person_id", "person", "g.relation"),
    "employment": ("person_id", "entity_id", "entity", "''"),
    "person_role": ("person_id", "entity_id", "entity", "''"),
}
DUE = {
    "kinship": (("child", "mother", "mother"), ("child", "father", "father"), ("husband", "wife", "spouse"), ("wife", "husband", "spouse")),
    "employment": (("self", "employer", ""),),
    "person_role": (("legal_representative", "self", ""),),
}
_BOTH = "FROM truth_person_link p JOIN truth_{kind}_link q USING (dataset, source_key) WHERE p.role = '{first}' AND q.role = '{second}'"


def credit(con: duckdb.DuckDBPyConnection, present: set[str]) -> Iterator[Figure]:
    """Subjects of credit records linked to the right person or entity; status of certificates as of the newest delivery."""
    tables = [t for t in ("permit", "penalty", "list_entry") if t in present]
    if tables and {"person_record", "entity_record"} <= present:
        union = " UNION ALL ".join(f"SELECT dataset, source_key, entity_id, person_id FROM {t}" for t in tables)
        for kind in ("person", "entity"):
            subjects, right, wrong = _one(
                con,
                f"""SELECT count(*), count(*) FILTER (o.t = c.true_{kind}_id), count(*) FILTER (o.t <> c.true_{kind}_id)
                    FROM truth_credit c JOIN ({union}) g USING (dataset, source_key) LEFT JOIN {kind}_owner o ON o.p = g.{kind}_id
                    WHERE c.true_{kind}_id IS NOT NULL""",
            )
            yield "credit", f"{kind}.right", _share(right, subjects)
            yield "credit", f"{kind}.wrong", wrong
    else:
        yield "credit", "absent", TABLES["list_entry"][0]
    if "certificate" not in present:
        yield "certificate", "absent", TABLES["certificate"][0]
        return
    judged, right = _one(
        con,
        """SELECT count(*), count(*) FILTER (g.status = CASE WHEN c.status IN ('revoked', 'suspended') THEN c.status
                 WHEN c.valid_to < (SELECT max(delivered_on) FROM truth_delivery) THEN 'expired' ELSE 'valid' END)
           FROM truth_certificate c JOIN certificate g USING (dataset, source_key)""",
    )
    yield "certificate", "judged", judged
    yield "certificate", "status.right", _share(right, judged)


def statistics(con: duckdb.DuckDBPyConnection, present: set[str]) -> Iterator[Figure]:
    """Values by indicator, region, period, measure and vintage, in base units."""
    if not {"observation", "indicator"} <= present:
        yield "statistics", "absent", TABLES["observation"][0]
        return
    scale = "CASE WHEN {0} LIKE '亿%' THEN 1e8 WHEN {0} LIKE '万%' THEN 1e4 ELSE 1 END"
    key = "dataset, indicator, region, frequency, period, measure, released_on"
    con.execute(f"""CREATE OR REPLACE TABLE got AS
        SELECT i.source_dataset dataset, i.name indicator, left(region_code, 6) region, frequency, period, measure,
               released_on::date released_on, any_value(value::double * {scale.format("unit")}) v
        FROM observation JOIN indicator i USING (indicator_code) GROUP BY ALL""")
    known, found, right = _one(
        con,
        f"""SELECT count(*), count(g.v), count(*) FILTER (abs(g.v - t.value * {scale.format("t.unit")}) <= 1e-9 * greatest(abs(g.v), 1))
            FROM (SELECT *, left(region_code, 6) region FROM truth_observation WHERE value IS NOT NULL) t LEFT JOIN got g USING ({key})""",
    )
    yield "statistics", "values", known
    yield "statistics", "missing", known - found
    yield "statistics", "right", _share(right, known)


SECTIONS = (accounts, quarantine, linkage, golden, addresses, relations, credit, statistics)
