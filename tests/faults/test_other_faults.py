"""What else happens to a machine: the database crashes, connections are cut, disks are full, two start at once, the mail server is away.

Each time the end is that of the undisturbed world, by checksum over every table.
"""

import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from moments import chosen, reach
from pipeline_kit import execute
from world import Watched, Worlds, crash, revive

from etl.platform.postgres import Cluster, free_port

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]
TIMES = 4


def quiet(run: Watched) -> bool:
    """No traceback, and nothing of a row."""
    return "Traceback" not in run.said and "DETAIL" not in run.said


def test_the_database_crashes_in_the_middle(worlds: Worlds, seed: int, told: list[str]) -> None:
    world, chance, done = worlds.copy("cold"), random.Random(seed), set[tuple[str, str]]()
    for moment in sorted(chosen(worlds.undisturbed("cold"), TIMES, chance), key=lambda m: m.place):
        run = reach(world, moment, done)
        crash(worlds.cluster)
        code = run.finish()
        done.update(s.name for s in run.stages)
        told.append(f"database killed: {moment}: exit code {code}")
        assert quiet(run), run.said
        assert code in (0, 1, 3)
    world.finishes()


@pytest.mark.parametrize("whose", ["every session", "the one that holds the locks"])
def test_connections_are_cut(worlds: Worlds, seed: int, told: list[str], whose: str) -> None:
    world, chance, done = worlds.copy("week"), random.Random(f"{seed}{whose}"), set[tuple[str, str]]()
    which = "" if whose == "every session" else "and pid in (select pid from pg_locks where locktype = 'advisory')"
    for moment in sorted(chosen(worlds.undisturbed("week"), TIMES, chance), key=lambda m: m.place):
        run = reach(world, moment, done)
        ended = execute(
            world.city.url,
            f"select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() {which}",
        )
        code = run.finish()
        done.update(s.name for s in run.stages)
        told.append(f"{whose} cut ({ended[0][0]}): {moment}: exit code {code}")
        assert quiet(run), run.said
        assert code in (0, 1, 3)
    world.finishes()


def test_runs_that_start_at_once_do_the_work_once(worlds: Worlds, told: list[str]) -> None:
    world = worlds.copy("cold")
    runs = [world.run(JICHU_LOCK_WAIT="900") for _ in range(2)]
    time.sleep(world.startup + 3)
    impatient = world.run(JICHU_LOCK_WAIT="0.5")
    assert impatient.finish() == 4, impatient.said
    codes = [run.finish() for run in runs]
    told.append(f"three at once: exit codes {codes} and 4")
    assert codes == [world.exit_code] * 2, [r.said for r in runs]
    world.is_as_expected()


# ── disks ──


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, to be made small and large."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=711", "tmpfs", str(place)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("mounting a tmpfs needs root")
    for parent in place.parents:  # the database's user passes through
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
            parent.chmod(0o711)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=False)


def resize(place: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


def test_the_disk_of_the_home_is_full(worlds: Worlds, small_disk: Path, told: list[str]) -> None:
    world = worlds.copy("cold")
    shutil.rmtree(world.city.home, ignore_errors=True)
    world.city.home = small_disk / "home"
    for size in ("64k", "512k", "1m", "2m"):
        resize(small_disk, size)
        run = world.run()
        code = run.finish()
        told.append(f"home of {size}: exit code {code} after {len(run.stages)} stages: {run.said.strip().splitlines()[-1:]}")
        assert quiet(run), run.said
        assert code == 0 or (code == 1 and "磁盘已满" in run.said), run.said
    assert "exit code 1" in told[0]
    resize(small_disk, "2g")
    world.finishes()


def test_the_disk_of_the_database_is_full(worlds: Worlds, small_disk: Path, told: list[str]) -> None:
    resize(small_disk, "1500m")
    (small_disk / "db").mkdir(mode=0o711)
    cluster = Cluster(small_disk / "db", durable=True)
    cluster.start()
    try:
        assert small_disk in cluster.data.parents, "the data lies on the small disk"
        world = worlds.copy("cold", cluster)
        ballast = small_disk / "ballast"
        for left in (1, 6, 20):  # MB
            free = shutil.disk_usage(small_disk).free
            with ballast.open("wb") as f:
                f.write(b"\0" * (free - left * 1024**2))
            run = world.run()
            code = run.finish()
            told.append(
                f"database with {left} MB left: exit code {code} after {len(run.stages)} stages: {run.said.strip().splitlines()[-1:]}"
            )
            assert quiet(run), run.said
            ballast.unlink()
            revive(cluster)  # without room for its log PostgreSQL goes down
        assert "exit code 1" in "".join(told)
        world.finishes()
    finally:
        cluster.remove()


# ── the mail server ──


class Post:
    """An SMTP server that may be slow, or hang up in the middle of a letter."""

    def __init__(self) -> None:
        self.port, self.letters, self.slow, self.hang_up = free_port(), list[bytes](), 0.0, 0
        self.connection = f"smtp://127.0.0.1:{self.port}?disable_ssl=true&disable_tls=true&retry_limit=2&from_email=jichu%40example.invalid"
        self._controller: Controller | None = None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        import asyncio

        await asyncio.sleep(self.slow)
        if self.hang_up:
            self.hang_up -= 1
            server.transport.close()
            return "421 gone"
        self.letters.append(envelope.content)
        return "250 OK"

    def up(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, data_size_limit=64 * 1024**2)
        self._controller.start()

    def down(self) -> None:
        if self._controller:
            self._controller.stop()
        self._controller = None

    def ids(self) -> Counter[str]:
        """How often each letter came, by its Message-ID."""
        return Counter(str(message_from_bytes(letter)["Message-ID"]) for letter in self.letters)


@pytest.fixture
def post() -> Iterator[Post]:
    made = Post()
    yield made
    made.down()


def test_a_mail_server_that_is_down_costs_no_letter_and_doubles_none(worlds: Worlds, post: Post, seed: int, told: list[str]) -> None:
    world, chance = worlds.copy("week"), random.Random(seed)
    world.city.extra["AIRFLOW_CONN_SMTP_DEFAULT"] = post.connection

    def send() -> Watched:
        run = world.run("report", "--send")
        run.finish()
        assert quiet(run), run.said
        return run

    send()  # nobody there
    waiting = len(list((world.city.home / "mail" / "outbox").glob("*.json")))
    assert waiting > 3
    post.up()
    post.hang_up = 2  # it comes up, and hangs up on the first two
    send()
    post.slow = 0.3
    for _ in range(2):  # our own process dies while it hands letters over
        run = world.run("report", "--send")
        had, began = len(post.letters), time.monotonic()
        while len(post.letters) == had and run.process.poll() is None and time.monotonic() - began < 60:
            time.sleep(0.05)
        time.sleep(chance.random())
        run.kill()
    post.slow = 0.0
    send()
    send()
    came = post.ids()
    told.append(
        f"mail: {waiting} letters waited, {len(came)} came, {sum(came.values()) - len(came)} twice (killed between the server's OK and our note of it)"
    )
    assert len(came) == waiting, "none is lost"
    assert sum(came.values()) - len(came) <= 2, "only what was in flight when the process was killed can come twice, with one Message-ID"
    assert list((world.city.home / "mail" / "outbox").glob("*")) == []
    sent = world.city.query("select count(*), count(distinct letter_id) from quality.letter where state = 'sent'")
    assert sent == [(waiting, waiting)]
