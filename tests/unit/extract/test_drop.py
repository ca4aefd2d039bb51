"""What counts as a delivery, and what the landing does with it."""

import hashlib
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from delivering import DATASET, Office, source

from etl import extract, store
from etl.errors import DeliveryRefused
from etl.spec import Registry

THINGS = source(["编号", "名称"])
DATA = "编号,名称\n1,甲\n2,乙\n".encode()


def test_only_complete_dated_folders_are_found_in_date_order(office: Office) -> None:
    for day in ("20180308", "20180301", "20180230", "2018-03-09", "latest"):
        office.deliver({"a.csv": DATA}, day)
    office.deliver({"a.csv": DATA}, "20180315", done=None)
    assert [f"{w.delivered_on:%m%d}" for w in office.waiting(THINGS)] == ["0301", "0308"]
    assert [p.name for p in extract.incomplete(THINGS, office.settings)] == ["20180315"]
    assert [p.name for p in extract.misnamed(THINGS, office.settings)] == ["2018-03-09", "20180230", "latest"]


def test_a_dataset_without_folder_has_nothing_waiting(office: Office) -> None:
    assert office.waiting(THINGS) == []
    assert not extract.reachable(THINGS, office.settings)
    office.deliver({}, done=None)
    assert extract.reachable(THINGS, office.settings)


def test_unknown_datasets_are_named_and_the_demo_form_is_not(office: Office) -> None:
    office.deliver({"a.csv": DATA})
    (office.drop / "test_office" / "api").mkdir()
    (office.drop / "test_office" / "database.sql").touch()
    (office.drop / "test_office" / "thigns" / "20180301").mkdir(parents=True)
    registry = Registry({THINGS.name: THINGS}, {}, {}, {}, {})
    assert extract.strangers(registry, office.settings) == ["test_office/thigns"]


def test_landing_is_whole_private_and_says_what_it_holds(office: Office) -> None:
    office.deliver({"a.csv": DATA, "说明.docx": b"x"})
    landed = office.land(THINGS)
    manifest = json.loads((landed.folder / "manifest.json").read_text("utf-8"))
    assert landed.delivery_id == f"20180301-{landed.content_sha256[:8]}"
    assert landed.folder == store.landing(office.home, DATASET, landed.delivery_id)
    assert (landed.folder / "raw" / "a.csv").read_bytes() == DATA
    assert manifest["files"] == [
        {"name": "a.csv", "bytes": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest(), "rows": 2, "encoding": "utf-8"}
    ]
    assert manifest["columns"] == ["编号", "名称"]
    assert "说明.docx" in landed.notes[0]
    assert sorted(p.name for p in landed.folder.iterdir()) == ["manifest.json", "raw", "rows.parquet"]


def test_the_same_bytes_land_once_and_changed_ones_again(office: Office) -> None:
    office.deliver({"a.csv": DATA})
    first = office.land(THINGS)
    made = first.rows.stat().st_mtime_ns
    assert office.land(THINGS) == first
    assert first.rows.stat().st_mtime_ns == made
    office.deliver({"a.csv": DATA + "3,丙\n".encode()})
    second = office.land(THINGS)
    assert second.content_sha256 != first.content_sha256
    assert [x.delivery_id for x in extract.replayable(THINGS, office.settings)] == [first.delivery_id, second.delivery_id]


def test_the_fingerprint_is_the_content_of_what_lands_and_tells_renamings(office: Office) -> None:
    folder = office.deliver({"a.csv": DATA})
    before = extract.fingerprint(THINGS, office.waiting(THINGS)[0])
    assert before == office.land(THINGS).content_sha256
    (folder / ".DS_Store").write_bytes(b"x")
    assert extract.fingerprint(THINGS, office.waiting(THINGS)[0]) == before
    (folder / "a.csv").rename(folder / "b.csv")
    assert extract.fingerprint(THINGS, office.waiting(THINGS)[0]) != before


def test_a_changed_declaration_reads_the_landing_anew(office: Office) -> None:
    office.deliver({"a.csv": "编号,名称,备注\n1,甲,x\n".encode()})
    office.land(THINGS)
    more = source(["编号", "名称", "备注"])
    assert office.land(more).notes == ()
    assert len(office.landings()) == 1


def test_an_id_that_other_content_has_grows(office: Office) -> None:
    office.deliver({"a.csv": DATA})
    short = office.land(THINGS).delivery_id
    longer = extract.land(THINGS, office.waiting(THINGS)[0], office.settings, known={short: "0" * 64})
    assert longer.delivery_id == f"20180301-{longer.content_sha256[:12]}"


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_holds_is_not(office: Office, tmp_path: Path) -> None:
    office.deliver({"a.csv": DATA})
    root = store.landing_root(office.home, DATASET)
    left = root / ".tmp-left"
    left.mkdir(parents=True)
    with store.private_folder(root) as held:
        assert stat.S_IMODE(held.stat().st_mode) == 0o700
        office.land(THINGS)
        assert held.exists()
        assert not left.exists()
    assert not held.exists()


def test_writing_atomically_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text("old")
    with pytest.raises(RuntimeError), store.write_atomically(target) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert (target.read_text(), list(tmp_path.iterdir())) == ("old", [target])
    with store.write_atomically(target) as beside:
        beside.write_text("new")
    assert target.read_text() == "new"


def promise(rows: object = 2, sha256: str | None = None, name: str = "a.csv") -> bytes:
    told = {"rows": rows, "sha256": sha256 or hashlib.sha256(DATA).hexdigest()}
    return json.dumps({"files": {name: told}}).encode()


def test_a_kept_promise_lands(office: Office) -> None:
    assert len(office.take(THINGS, {"a.csv": DATA}, promise())) == 2


@pytest.mark.parametrize(
    ("done", "code"),
    [
        (promise(rows=3), "row_count"),
        (promise(sha256="0" * 64), "checksum"),
        (promise(name="b.csv"), "truncated"),
        (promise(rows="2"), "format"),
        (b"done", "format"),
        (b"{}", "format"),
        (b"[]", "format"),
        (b'{"files": []}', "format"),
        (b"\xff\xfe", "format"),
    ],
)
def test_a_broken_promise_refuses_the_delivery(office: Office, done: bytes, code: str) -> None:
    office.deliver({"a.csv": DATA}, done=done)
    with pytest.raises(DeliveryRefused) as refused:
        office.land(THINGS)
    assert refused.value.code == code
    assert office.landings() == []


def test_a_folder_without_a_file_of_the_format_is_refused(office: Office) -> None:
    office.deliver({"a.doc": b"x"})
    with pytest.raises(DeliveryRefused, match=r"format.*\.csv"):
        office.land(THINGS)


@pytest.mark.parametrize("what", ["file", "folder", "dataset", "department", "success"])
def test_symbolic_links_are_refused_and_never_followed(office: Office, tmp_path: Path, what: str) -> None:
    elsewhere = replace(office.settings, drop=tmp_path / "elsewhere")
    real = elsewhere.drop / DATASET / "20180301"
    real.mkdir(parents=True)
    (real / "a.csv").write_bytes(DATA)
    (real / "_SUCCESS").touch()
    place = {
        "file": office.folder() / "a.csv",
        "success": office.folder() / "_SUCCESS",
        "folder": office.folder(),
        "dataset": office.folder().parent,
        "department": office.folder().parent.parent,
    }[what]
    place.parent.mkdir(parents=True)
    if what == "file":
        (office.folder() / "_SUCCESS").touch()
    if what == "success":
        (office.folder() / "a.csv").write_bytes(DATA)
    place.symlink_to(elsewhere.drop / place.relative_to(office.drop))
    waiting = office.waiting(THINGS)
    assert len(waiting) == 1
    assert extract.fingerprint(THINGS, waiting[0])
    with pytest.raises(DeliveryRefused, match="unsafe_path"):
        office.land(THINGS)


def test_a_pipe_is_refused_and_never_opened(office: Office) -> None:
    folder = office.deliver({})
    os.mkfifo(folder / "a.csv")
    with pytest.raises(DeliveryRefused, match="unsafe_path"):
        office.land(THINGS)


def test_one_file_can_be_read_for_a_preview(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(DATA)
    assert pq.read_table(extract.read_file(THINGS, file, tmp_path / "look")).column("名称").to_pylist() == ["甲", "乙"]


def test_a_file_name_in_gbk_can_be_shown(office: Office) -> None:
    folder = office.deliver({})
    (folder / os.fsdecode("名单.csv".encode("gbk"))).write_bytes(DATA)
    landed = office.land(THINGS)
    assert json.loads((landed.folder / "manifest.json").read_text("utf-8"))["files"][0]["name"] == "名单.csv"
    assert landed.content_sha256 == extract.fingerprint(THINGS, office.waiting(THINGS)[0])
