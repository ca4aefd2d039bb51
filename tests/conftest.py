"""Fixtures that every test may ask for: a real PostGIS, a real SMTP server."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from aiosmtpd.controller import Controller
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from etl.platform.postgres import Cluster, free_port

_numbers = itertools.count(1)
THREE_DAYS = {"test_nothing_leaks", "test_tickets", "test_training"}  # share a city that takes minutes to load


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--moments N` asks for the fault suite (tests/faults), which takes long and is no part of `make test`."""
    parser.addoption(
        "--moments", type=int, default=0, help="how often the fault suite kills a run; without it only its short selection runs"
    )
    parser.addoption("--sequences", type=int, default=1, help="how many random sequences of deliveries the linkage is tried with")
    parser.addoption("--seed", type=int, default=20180301, help="what the moments of the fault suite are drawn from")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`sequence`: the number of a random sequence of deliveries; as many as `--sequences` says."""
    if "sequence" in metafunc.fixturenames:
        metafunc.parametrize("sequence", range(1, metafunc.config.getoption("--sequences") + 1))


class ByFile(LoadScopeScheduling):
    """Two processes share the tests: a file stays in one, and so do the files of one city (its world is made once)."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "three_days" if Path(file).stem in THREE_DAYS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Not pytest-xdist's own `loadgroup`: it writes its groups where pytest 9 does not read them any more."""
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--moments` the fault suite is left out but for its short selection."""
    if not config.getoption("--moments"):
        asked = [item for item in items if not item.get_closest_marker("faults")]
        config.hook.pytest_deselected(items=[item for item in items if item not in asked])
        items[:] = asked


def _sweep() -> None:
    """Ends the servers of test sessions that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob("jichu-test-*-*"):
        owner = folder.name.split("-")[2]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            Cluster(folder).remove()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgis_cluster() -> Iterator[Cluster]:
    """A private PostGIS server for this session, gone afterwards. (pytest's own folders are closed to the server's user.)"""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=f"jichu-test-{os.getpid()}-"))
    folder.chmod(0o711)
    cluster = Cluster(folder, durable=False)
    try:
        cluster.start()
        cluster.make_library_database("pristine")
        yield cluster
    finally:
        cluster.remove()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_url(postgis_cluster: Cluster) -> str:
    """The session's database: empty but for its extensions, owned by an ordinary role. Tests that change it share it."""
    return postgis_cluster.role_url("jichu", "jichu")


@pytest.fixture
def empty_database(postgis_cluster: Cluster) -> Iterator[str]:
    """A database for this test alone, with the extensions and nothing else (copied in about 0.1 s)."""
    name = f"test_{next(_numbers)}"
    postgis_cluster.server.create_database(name, "jichu", template="pristine")
    yield postgis_cluster.role_url("jichu", name)
    postgis_cluster.server.drop_database(name)


class MailSink:
    """An SMTP server on a free loopback port that keeps what it receives. `connection` is an Airflow connection URI."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.port = free_port()
        self.connection = f"smtp://127.0.0.1:{self.port}?disable_ssl=true&disable_tls=true&from_email=jichu%40example.invalid"
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, data_size_limit=64 * 1024**2)

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        """Called by aiosmtpd for each message."""
        self.received.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[attr-defined,arg-type]
        self.recipients.append(list(envelope.rcpt_tos))  # type: ignore[attr-defined]
        return "250 OK"

    def start(self) -> None:
        """Listens from now on."""
        self._controller.start()

    def stop(self) -> None:
        """Closes the port."""
        self._controller.stop()


@pytest.fixture
def mail_sink() -> Iterator[MailSink]:
    """A real SMTP server for this test."""
    sink = MailSink()
    sink.start()
    yield sink
    sink.stop()


class Receiver(ThreadingHTTPServer):
    """An HTTP server on the loopback that keeps what is posted to it: (path, body)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Takes)
        self.taken: list[tuple[str, bytes]] = []
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        Thread(target=self.serve_forever, daemon=True).start()

    def bodies(self, path: str) -> list[bytes]:
        """What came to a path, in its order."""
        return [body for at, body in self.taken if at == path]


class _Takes(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """A collector of metrics and of lineage, for the tests of a module."""
    made = Receiver()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def jichu_home(tmp_path: Path) -> Path:
    """An empty JICHU_HOME for this test."""
    home = tmp_path / "home"
    home.mkdir()
    return home
