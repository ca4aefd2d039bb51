"""The fault suite's short selection, part of `make test`: one small city that is killed three times, and cut off from its database."""

import time
from collections.abc import Iterator

import pytest
from moments import Moment, strike
from pipeline_kit import execute
from world import World, Worlds

from etl.platform.postgres import Cluster

DATASETS = ("civil_affairs/marriages", "health/health_records", "land/regions", "public_security/door_plates")
STRUCK = (("health/health_records", "commit", 0.6), ("geospatial", "publish", 0.5), ("catalog", "refresh", 0.5))


@pytest.fixture(scope="module")
def world(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A city of a hundred, before its first run."""
    made = Worlds(postgis_cluster, tmp_path_factory.mktemp("short"), DATASETS, persons=100, days=1)
    yield made.copy("cold")
    made.close()


def test_a_run_that_is_killed_or_cut_off_leaves_nothing_half_done(world: World) -> None:
    places = {s.name: n for n, s in enumerate(world.stages)}
    done = set[tuple[str, str]]()
    for number, (what, stage, share) in enumerate(STRUCK, 1):
        place = places[what, stage]
        strike(world, Moment(number, place, world.stages[place], share), done)
        if what == "geospatial":  # and once its connections are cut instead, the one with the locks too
            run = world.run()
            run.wait_for(("legal_entity", "read"), 60)
            time.sleep(0.1)
            execute(
                world.city.url,
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
            )
            assert run.finish() == 1
            assert "Traceback" not in run.said
            done.update(s.name for s in run.stages)
    world.finishes()
