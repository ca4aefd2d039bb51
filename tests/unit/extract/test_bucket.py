"""A drop on object storage, spoken to over HTTP as S3 is: what counts as a delivery, what is fetched and what is refused."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from delivering import DATASET, Office, rows, source
from moto.server import ThreadedMotoServer

from etl import extract, settings
from etl.errors import DeliveryRefused
from etl.extract.limits import SETTINGS
from etl.spec import Registry

THINGS = source(["编号", "名称"])
DATA = "编号,名称\n1,甲\n2,乙\n".encode()
NAME = "drop"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server on a free loopback port."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Bucket(Office):
    """An office that delivers into a bucket of its own."""

    def __init__(self, folder: Path, client: Any, name: str):
        super().__init__(folder)
        self.client, self.name = client, name
        client.create_bucket(Bucket=name)
        self.settings = replace(self.settings, drop_url=f"s3://{name}/{NAME}")

    def put(self, key: str, data: bytes = b"") -> None:
        self.client.put_object(Bucket=self.name, Key=f"{NAME}/{key}", Body=data)

    def send(self, files: dict[str, bytes], day: str = "20180301", done: bytes | None = b"") -> None:
        for name, data in files.items():
            self.put(f"{DATASET}/{day}/{name}", data)
        if done is not None:
            self.put(f"{DATASET}/{day}/_SUCCESS", done)


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    told = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    name = f"b{hashlib.md5(str(tmp_path).encode()).hexdigest()[:20]}"
    return Bucket(tmp_path, boto3.client("s3"), name)


def refused(bucket: Bucket) -> str:
    with pytest.raises(DeliveryRefused) as e:
        bucket.land(THINGS)
    assert (bucket.landings(), left(bucket)) == ([], [])
    (again,) = bucket.waiting(THINGS)
    assert extract.fingerprint(THINGS, again) == extract.fingerprint(THINGS, bucket.waiting(THINGS)[0])  # refused once, not at every run
    return e.value.code


def left(bucket: Bucket) -> list[str]:
    """Private copies that were not removed."""
    return [p.name for p in (bucket.home / "tmp").glob("*")] if (bucket.home / "tmp").exists() else []


def test_only_complete_dated_folders_are_found_in_date_order(bucket: Bucket) -> None:
    for day in ("20180308", "20180301", "20180230", "latest"):
        bucket.send({"a.csv": DATA}, day)
    bucket.send({"a.csv": DATA}, "20180315", done=None)
    bucket.put("test_office/thigns/20180301/a.csv", DATA)
    assert [f"{w.delivered_on:%m%d}" for w in bucket.waiting(THINGS)] == ["0301", "0308"]
    assert [p.name for p in extract.incomplete(THINGS, bucket.settings)] == ["20180315"]
    assert [p.name for p in extract.misnamed(THINGS, bucket.settings)] == ["20180230", "latest"]
    assert extract.reachable(THINGS, bucket.settings)
    assert extract.strangers(Registry({THINGS.name: THINGS}, {}, {}, {}, {}), bucket.settings) == ["test_office/thigns"]


def test_a_bucket_without_the_dataset_has_nothing_waiting(bucket: Bucket) -> None:
    assert bucket.waiting(THINGS) == []
    assert not extract.reachable(THINGS, bucket.settings)


def test_it_lands_as_the_same_bytes_in_a_folder_do(bucket: Bucket) -> None:
    files = {"a.csv": DATA, "说明.docx": b"x", ".hidden": b"y", "更多/b.csv": b"z"}
    promised = json.dumps({"files": {"a.csv": {"rows": 2, "sha256": hashlib.sha256(DATA).hexdigest()}}}).encode()
    bucket.send(files, done=promised)
    there = bucket.land(THINGS)
    office = Office(bucket.home.parent / "other")
    folder = office.deliver({"a.csv": DATA, "说明.docx": b"x", ".hidden": b"y"}, done=promised)
    (folder / "更多").mkdir()
    here = office.land(THINGS)
    assert (there.delivery_id, there.content_sha256, there.notes) == (here.delivery_id, here.content_sha256, here.notes)
    assert rows(there) == rows(here) == [{"row_number": 1, "编号": "1", "名称": "甲"}, {"row_number": 2, "编号": "2", "名称": "乙"}]
    assert left(bucket) == []


def test_what_did_not_change_is_not_fetched_again(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.send({"a.csv": DATA})
    (first,) = bucket.waiting(THINGS)
    mark = extract.fingerprint(THINGS, first)
    with monkeypatch.context() as patch:
        patch.setattr("etl.extract.bucket.Bucket.fetch", lambda *_: pytest.fail("fetched"))
        assert extract.fingerprint(THINGS, bucket.waiting(THINGS)[0]) == mark
    bucket.send({"a.csv": DATA + "3,丙\n".encode()})
    assert extract.fingerprint(THINGS, bucket.waiting(THINGS)[0]) != mark


def test_a_source_may_name_a_bucket_of_its_own(bucket: Bucket) -> None:
    bucket.send({"a.csv": DATA})
    own = source(["编号", "名称"], drop=f"s3://{bucket.name}/{NAME}")
    assert len(extract.find(own, replace(bucket.settings, drop_url=None))) == 1


def test_keys_may_come_from_a_connection_and_are_never_shown(bucket: Bucket, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.send({"a.csv": DATA})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    told = json.dumps({"conn_type": "aws", "login": "k3y", "password": "s3cret", "extra": {"endpoint_url": endpoint}})
    monkeypatch.setenv("AIRFLOW_CONN_JICHU_DROP", told)
    (waiting,) = bucket.waiting(THINGS)
    assert bucket.land(THINGS).rows_in == 2
    assert "s3cret" not in repr(waiting) and "k3y" not in repr(vars(waiting)["remote"].bucket)


def test_the_drop_may_be_told_on_the_command_line_or_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.load(Path("s3://bucket/prefix")).drop_url == "s3://bucket/prefix"
    monkeypatch.setenv("JICHU_DROP", "s3://bucket/prefix")
    assert settings.load().drop_url == "s3://bucket/prefix"
    monkeypatch.setenv("JICHU_DROP", "/srv/drop")
    assert (settings.load().drop_url, settings.load().drop) == (None, Path("/srv/drop"))


def test_an_object_beyond_the_limit_is_not_fetched(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.send({"a.csv": DATA * 100})
    monkeypatch.setenv(SETTINGS["file"], "1000")
    assert refused(bucket) == "too_big"


def test_a_key_that_is_no_file_name_is_refused(bucket: Bucket) -> None:
    bucket.send({"a" * 300 + ".csv": DATA})
    assert refused(bucket) == "unsafe_path"


def test_a_key_that_points_upwards_leads_nowhere(bucket: Bucket) -> None:
    bucket.send({"a.csv": DATA, "../../../../outside.csv": b"x", "/etc/outside.csv": b"x"})
    assert bucket.land(THINGS).rows_in == 2
    assert not list(bucket.home.parent.rglob("outside.csv"))


def test_a_delivery_that_changes_while_it_is_fetched_waits_for_the_next_run(bucket: Bucket) -> None:
    bucket.send({"a.csv": DATA})
    (waiting,) = bucket.waiting(THINGS)
    bucket.send({"a.csv": DATA + b"3,x\n"})
    with pytest.raises(DeliveryRefused, match="仍在变动"):
        extract.land(THINGS, waiting, bucket.settings)
    assert (bucket.landings(), left(bucket)) == ([], [])


def test_a_store_that_does_not_answer_is_a_delivery_that_cannot_be_reached(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"conn_type": "aws", "login": "k3y", "password": "s3cret", "extra": {"endpoint_url": "http://127.0.0.1:9"}}
    monkeypatch.setenv("AIRFLOW_CONN_JICHU_DROP", json.dumps(told))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert extract.reachable(THINGS, bucket.settings)
    (waiting,) = bucket.waiting(THINGS)
    assert extract.fingerprint(THINGS, waiting) is None
    with pytest.raises(DeliveryRefused) as e:
        extract.land(THINGS, waiting, bucket.settings)
    assert e.value.code == "unreachable" and "s3cret" not in str(e.value) and "k3y" not in str(e.value)
