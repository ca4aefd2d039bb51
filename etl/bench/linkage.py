"""Person linkage over the same records: ours beside Splink's own stock pipeline, both judged by the city's truth."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

THRESHOLDS = (0.5, 0.9, 0.95, 0.99, 0.999)  # of the stock pipeline's clusters: the best by the truth is taken, which flatters it
PAIRS = 1e7  # random pairs that its u is estimated from
SEED = 1
RECORDS = """
    select (row_number() over (order by dataset, source_key, role))::bigint as rid, dataset, source_key, role, name, citizen_id_text as citizen_id, birth_date, sex_code, phone
    from feed.person
"""


def ours(given: Mapping[str, Any]) -> dict[str, Any]:
    """Our linkage as the population library calls it. given: folder. Writes `records.parquet` for the other side and `ours.parquet`.

    Returns its seconds (`link`), and those of laying out what it reads (`read`).
    """
    from etl import db, engine, pipeline
    from etl.run import start

    folder = Path(given["folder"])
    run = start()
    library = run.registry.libraries["population"]
    connection = db.connect(run.settings, autocommit=True)
    try:
        with engine.connect(run.settings) as duck:
            began = time.monotonic()
            bench = pipeline.lay_out(run, connection, duck, library)
            read = time.monotonic() - began
            from etl.match import person

            began = time.monotonic()
            person.link(bench)
            link = time.monotonic() - began
            duck.execute(
                f"copy (select dataset, source_key, role, person_id as cluster from matched.person_member) to '{folder}/ours.parquet' (format parquet)"
            )
            duck.execute(f"copy ({RECORDS}) to '{folder}/records.parquet' (format parquet)")
            records = engine.count(duck, "select count(*) from feed.person")
    finally:
        connection.close()
    return {"records": records, "read": read, "link": link}


def stock(given: Mapping[str, Any]) -> dict[str, Any]:
    """Splink as its documentation recommends: its comparison library, u from random pairs, m by expectation maximisation, clusters.

    given: folder, memory_mb. Writes `stock-<threshold>.parquet`. Returns the seconds of training, predicting and clustering once.
    """
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    folder = Path(given["folder"])
    spill = folder / "spill"
    with duckdb.connect(
        str(folder / "stock.duckdb"), config={"memory_limit": f"{given['memory_mb']}MB", "temp_directory": str(spill), "threads": "2"}
    ) as con:
        began = time.monotonic()
        con.execute(f"create or replace table record as select * from read_parquet('{folder}/records.parquet')")
        options = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="rid",
            comparisons=[
                cl.JaroWinklerAtThresholds("name", [0.9, 0.7]).configure(term_frequency_adjustments=True),
                cl.DateOfBirthComparison("birth_date", input_is_string=False),
                cl.DamerauLevenshteinAtThresholds("citizen_id", [1, 2]),
                cl.ExactMatch("phone").configure(term_frequency_adjustments=True),
                cl.ExactMatch("sex_code"),
            ],
            blocking_rules_to_generate_predictions=[block_on("citizen_id"), block_on("name", "birth_date"), block_on("name", "phone"), block_on("birth_date", "phone")],
        )  # fmt: skip
        api = DuckDBAPI(connection=con)
        linker = Linker(api.register("record", dataset_display_name="record"), options, log_level=None)
        linker.training.estimate_probability_two_random_records_match([block_on("citizen_id"), block_on("name", "birth_date")], recall=0.8)
        linker.training.estimate_u_using_random_sampling(max_pairs=PAIRS, seed=SEED)
        for block in (block_on("citizen_id"), block_on("name", "birth_date")):
            linker.training.estimate_parameters_using_expectation_maximisation(block)
        trained = time.monotonic() - began
        scored = linker.inference.predict(threshold_match_probability=THRESHOLDS[0])
        predicted = time.monotonic() - began - trained
        spent = 0.0
        for threshold in THRESHOLDS:
            began = time.monotonic()
            found = linker.clustering.cluster_pairwise_predictions_at_threshold(scored, threshold_match_probability=threshold)
            spent = max(spent, time.monotonic() - began)
            con.execute(
                f"copy (select dataset, source_key, role, cluster_id as cluster from {found.physical_name}) to '{folder}/stock-{threshold}.parquet' (format parquet)"
            )
        pairs = con.execute(f"select count(*) from {scored.physical_name}").fetchall()[0][0]
    (folder / "stock.duckdb").unlink(missing_ok=True)
    return {"seconds": trained + predicted + spent, "train": trained, "predict": predicted, "cluster": spent, "pairs": pairs}


def judge(truth: Path, found: Path) -> dict[str, float]:
    """Pairwise precision, recall and F1 of clusters (dataset, source_key, role, cluster) against the truth of the first week."""
    party = "case when role in ('self', 'holder', 'subject', 'appellant') then 'own' else role end"
    with duckdb.connect() as con:
        con.execute(f"""
            create table judged as
            select t.true_person_id as t, coalesce(f.cluster, 'none ' || t.dataset || t.source_key || t.role) as p
            from (select *, {party} as own from read_parquet('{truth}/person_link.parquet') where day = 0) t
            left join (select dataset, source_key, {party} as own, any_value(cluster::varchar) as cluster from read_parquet('{found}') group by all) f
                on f.dataset = t.dataset and f.source_key = t.source_key and f.own = t.own
        """)
        both, told, true = (
            float(
                con.execute(f"select coalesce(sum(n * (n - 1) / 2), 0) from (select count(*) as n from judged group by {by})").fetchall()[
                    0
                ][0]
            )
            for by in ("t, p", "p", "t")
        )
    precision, recall = both / told if told else 0.0, both / true if true else 0.0
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0}
