"""Recovery to a point in time, tried as docs/operations.md tells it: archived WAL, a base backup, a mishap, and back to just before it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline_kit import City, citizen_id, execute, full_name, health_record
from world import checksums, crash, differing

from etl.platform.postgres import Cluster, binaries

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]
PEOPLE = [
    health_record(f"h{i}", full_name(i), citizen_id("510502", f"1980{i + 1:02}15", 2 * i + 1), f"1980-{i + 1:02}-15") for i in range(12)
]
DAYS = {"20180301": PEOPLE[:10], "20180308": [{**PEOPLE[0], "联系电话": "13811112222"}, *PEOPLE[1:11]], "20180315": PEOPLE}


@pytest.fixture
def archived() -> Iterator[tuple[Cluster, Path]]:
    """A server of its own that archives its log, and the folder it archives to."""
    folder = Path(tempfile.mkdtemp(prefix=f"jichu-test-{os.getpid()}-"))
    folder.chmod(0o711)
    wal = folder / "wal"
    wal.mkdir()
    cluster = Cluster(folder / "home")
    (folder / "home").mkdir(mode=0o711)
    cluster.start()
    theirs(wal)
    archive = f"test ! -f {wal}/%f && cp %p {wal}/.%f && mv {wal}/.%f {wal}/%f"
    cluster.server.run("postgres", "alter system set archive_mode = 'on'", f"alter system set archive_command = '{archive}'")
    cluster.stop()
    cluster.start_empty()
    yield cluster, wal
    cluster.remove()
    shutil.rmtree(folder, ignore_errors=True)


def theirs(path: Path) -> None:
    """The server's own user owns it."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "postgres:postgres", str(path)], check=True)


def day(city: City, delivered: str) -> None:
    if delivered == "20180301":
        city.plates()
    city.health(delivered, DAYS[delivered])
    code, out, err = city.command("run", JICHU_TODAY=f"{delivered[:4]}-{delivered[4:6]}-{delivered[6:]}")
    assert code == 0, out + err


def test_a_mishap_is_undone_to_the_moment_before_it_and_work_goes_on(
    archived: tuple[Cluster, Path], postgis_cluster: Cluster, tmp_path: Path, told: list[str]
) -> None:
    cluster, wal = archived
    cluster.make_library_database("city")
    city = City(tmp_path / "drop", tmp_path / "home", cluster.role_url("jichu", "city"))
    day(city, "20180301")

    began = time.monotonic()
    base = wal.parent / "base"
    environment = os.environ | {"PGPASSWORD": cluster.server.password}
    where = ["-h", "127.0.0.1", "-p", str(cluster.port), "-U", "postgres"]
    subprocess.run([str(binaries() / "pg_basebackup"), *where, "-D", str(base), "-X", "none", "-c", "fast"], env=environment, check=True)
    told.append(f"base backup: {time.monotonic() - began:.1f} s")

    day(city, "20180308")
    good = checksums(city.url)
    cluster.server.run("city", "select pg_create_restore_point('before_the_mishap')")
    city.query("delete from population.person returning 1")
    city.query("drop table quality.quarantine cascade; select 1")
    cluster.server.run("city", "select pg_switch_wal()")
    archived_all(cluster)

    cluster.stop()
    began = time.monotonic()
    shutil.rmtree(cluster.data)
    shutil.copytree(base, cluster.data)
    with (cluster.data / "postgresql.auto.conf").open("a", encoding="utf-8") as f:
        f.write(f"restore_command = 'cp {wal}/%f %p'\nrecovery_target_name = 'before_the_mishap'\nrecovery_target_action = 'promote'\n")
    (cluster.data / "recovery.signal").touch()
    cluster.data.chmod(0o700)
    theirs(cluster.data)
    cluster.start_empty()
    while execute(cluster.server.url("postgres"), "select pg_is_in_recovery()") != [(False,)]:
        time.sleep(0.2)
    assert differing(good, checksums(city.url)) == {}
    told.append(f"back to the moment before the mishap: {time.monotonic() - began:.1f} s, {len(good)} tables equal")

    day(city, "20180315")  # with the home as it is: its caches know a future that was undone
    postgis_cluster.make_library_database("undisturbed")
    undisturbed = City(tmp_path / "drop2", tmp_path / "home2", postgis_cluster.role_url("jichu", "undisturbed"))
    for delivered in DAYS:
        day(undisturbed, delivered)
    assert differing(checksums(undisturbed.url), checksums(city.url)) == {}
    told.append("the day after comes to what it comes to without the mishap")
    crash(cluster)
    assert differing(checksums(undisturbed.url), checksums(city.url)) == {}


def archived_all(cluster: Cluster) -> None:
    """Until the log up to now has been archived."""
    sql = "select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) or (select count(*) = 0 from pg_ls_archive_statusdir() where name like '%.ready') from pg_stat_archiver"
    until = time.monotonic() + 60
    while execute(cluster.server.url("postgres"), sql) != [(True,)]:
        assert time.monotonic() < until
        time.sleep(0.2)
