"""Training on a small demo city: the same twice, within reason, and what it learnt links as safely as what is in place."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from three_days_kit import ThreeDays

from etl import db, engine, pipeline, training
from etl.match import person
from etl.match.person import model
from etl.run import start
from etl.workbench import Workbench


@pytest.fixture(scope="module")
def trained(three_days: ThreeDays, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ThreeDays, dict[str, Any], Path]]:
    """What one training wrote."""
    out = tmp_path_factory.mktemp("trained")
    with three_days.city.inside("2018-03-15"):
        done = training.train(out, persons=300, seed=7)
    yield three_days, done, out


def read(done: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(Path(done["file"]).read_text(encoding="utf-8")))


def test_it_says_what_it_was_made_from(trained: tuple[ThreeDays, dict[str, Any], Path]) -> None:
    made = read(trained[1])["trained"]
    assert made["pairs_m"] >= training.FEWEST and made["pairs_u"] > 10_000
    assert made["before"] == model.parameters()["version"] and made["seed"] == 7 and len(made["inputs"]) == 64 and made["code"]


def test_the_same_library_and_seed_give_the_same_parameters(trained: tuple[ThreeDays, dict[str, Any], Path], tmp_path: Path) -> None:
    with trained[0].city.inside("2018-03-15"):
        again = training.train(tmp_path, persons=300, seed=7)
    assert again["version"] == trained[1]["version"] and read(again)["comparisons"] == read(trained[1])["comparisons"]


def test_every_level_is_there_and_each_column_adds_up(trained: tuple[ThreeDays, dict[str, Any], Path]) -> None:
    learnt, now = read(trained[1])["comparisons"], model.parameters()["comparisons"]
    assert {c: list(levels) for c, levels in learnt.items()} == {c: list(levels) for c, levels in now.items()}
    for name, levels in learnt.items():
        for i in (0, 1):
            assert sum(pair[i] for pair in levels.values()) == pytest.approx(1, abs=0.01), name
            assert all(0 < pair[i] <= 1 for pair in levels.values()), name
        assert levels["exact"][0] > levels["exact"][1] and levels["else"][0] < levels["else"][1]
    assert all(learnt[name] == now[name] for name in training.KEPT)


def test_linking_with_them_merges_nobody_wrongly(trained: tuple[ThreeDays, dict[str, Any], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    world, done, _ = trained
    monkeypatch.setattr(model, "FILE", Path(done["file"]))
    with world.city.inside("2018-03-15"):
        run = start()
        library = run.registry.libraries["population"]
        with closing(db.connect(run.settings, autocommit=True)) as con, engine.connect(run.settings) as duck:
            pipeline.lay_out(run, con, duck, library)
            person.link(Workbench(duck, run.settings, run.registry, library))
            ((together, linked, true),) = duck.execute(f"""
                with truth as (select dataset, source_key, role, arg_max(true_person_id, day) as who from read_parquet('{world.made}/truth/person_link.parquet') group by all),
                joined as (select m.person_id, t.who from matched.person_member m join truth t using (dataset, source_key, role)),
                n as (select count(*) as n from joined group by person_id, who), p as (select count(*) as n from joined group by person_id), w as (select count(*) as n from joined group by who)
                select (select sum(n * (n - 1)) from n), (select sum(n * (n - 1)) from p), (select sum(n * (n - 1)) from w)
            """).fetchall()
    assert together / linked >= 0.999
    assert together / true >= 0.95


def test_a_library_too_small_to_learn_from_is_refused(trained: tuple[ThreeDays, dict[str, Any], Path], tmp_path: Path) -> None:
    with trained[0].city.inside("2018-03-15"), pytest.raises(training.UsageError, match="不足以估计参数"):
        training.train(tmp_path, persons=5)
