"""`jichu new-source`: what it proposes for a whole city's files, how often that is right, and what it writes."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from proposing_kit import Score, files, judge, propose_again
from typer.testing import CliRunner

from etl import spec
from etl.cli import app
from etl.demo import generate
from etl.errors import DeliveryRefused, UsageError
from etl.preview import preview
from etl.propose import propose
from etl.propose import write as write_files
from etl.settings import ROOT
from etl.spec import registry, suite

REFERENCE = Path("/work/shared/reference")
# The least share that may be right. docs/adding-a-source.md tells what was measured.
LEAST = {
    "format": 1.0,
    "encoding": 1.0,
    "separator, quoting": 1.0,
    "header": 1.0,
    "records": 1.0,
    "wide table": 1.0,
    "kind of geometry": 1.0,
    "coordinate system": 0.8,
    "key": 0.8,
    "rule, exactly": 0.88,
    "rule, of its kind": 0.92,
    "columns that have a rule": 0.88,
    "role of an address": 0.9,
    "cleaned name": 0.4,
}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own demo city: every dataset, one delivery."""
    out = tmp_path_factory.mktemp("city")
    generate(1500, 7, out, days=1)
    return out / "drop"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JICHU_TODAY", "2018-03-01")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of what is declared, without the specs of file deliveries, in which proposals are written."""
    here = tmp_path / "project"
    for folder in ("schemas", "expectations"):
        shutil.copytree(ROOT / folder, here / folder)
    for source in spec.load().sources.values():
        if source.delivery.channel == "file":
            (here / "schemas" / "sources" / f"{source.stem}.yml").unlink(missing_ok=True)
            (here / "expectations" / f"{source.stem}.yml").unlink(missing_ok=True)
    monkeypatch.setattr(registry, "SCHEMAS", here / "schemas")
    monkeypatch.setattr(suite, "EXPECTATIONS", here / "expectations")
    yield here
    registry.load.cache_clear()
    suite.load_suite.cache_clear()


def loaded() -> spec.Registry:
    """What is declared now."""
    registry.load.cache_clear()
    suite.load_suite.cache_clear()
    return spec.load()


@pytest.mark.slow
def test_figures_for_a_whole_city_stay_above_their_floors_and_every_proposal_runs_at_once(city: Path, tree: Path) -> None:
    """Each spec in turn is taken away and proposed anew from its first delivered file; `pytest -k figures -s` prints the table."""
    everything = spec.load()
    score, made = Score(), []
    for source, file in files(everything, city):
        proposal = propose_again(everything, source, file)
        if proposal is None:
            continue
        judge(score, source, proposal)
        assert proposal.trial.rows_in > 0, source.name
        assert proposal.trial.rows_refused <= max(0.1 * proposal.trial.rows_in, 1), source.name
        assert 4 <= proposal.files[f"expectations/{source.name}.yml"].decode().count("- name: ") <= 10, source.name
        write_files(proposal.files, tree)
        made.append(source.name)
    print(f"\n{score.table()}\n" + "\n".join(score.wrong))
    assert len(made) > 40
    assert {a: score.share(a) for a, least in LEAST.items() if score.share(a) < least} == {}

    declared = loaded()
    assert declared.problems == ()
    assert suite.problems(tree / "expectations") == []
    for name in made:
        folder = tree / "tests" / "fixtures" / "sources" / name
        (delivered,) = folder.glob("delivered.*")
        wanted = [json.loads(line) for line in (folder / "expected.jsonl").read_text(encoding="utf-8").splitlines()]
        assert wanted, name
        seen = list(preview(name, delivered))
        assert [r["source_key"] for r in seen] == [w["source_key"] for w in wanted], name
        assert [r["kind"] == "refused" for r in seen] == ["refused" in w for w in wanted], name


def test_a_fixture_holds_nobody_of_the_delivered_file(city: Path) -> None:
    (file,) = (city / "health" / "health_records").glob("*/*.csv")
    proposal = propose("health/elders", file)
    made = proposal.files["tests/fixtures/sources/health/elders/delivered.csv"].decode()
    lines = [line.split(",") for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    for place in (0, 2, 5, 6):  # record, number, address, telephone
        real = {
            fields[place]
            for fields in lines
            if len(fields) == 9 and len(fields[place]) > 6 and set(fields[place]) - set("0123456789 ") | {"1"}
        }
        told = {fields[place] for fields in (line.split(",") for line in made.splitlines()[1:])}
        assert {v for v in told & real if len(set(v)) > 3} == set()


def test_without_write_nothing_is_written_and_the_doubts_are_said(city: Path, tmp_path: Path) -> None:
    (file,) = (city / "public_security" / "floating_population").glob("*/*.csv")
    done = CliRunner().invoke(app, ["new-source", "civil_affairs/migrants", str(file)])
    assert done.exit_code == 0, done.output
    assert "gb18030" in done.output and "没有把握的" in done.output and "隔离" in done.output
    assert not (ROOT / "schemas" / "sources" / "civil_affairs" / "migrants.yml").exists()


def test_written_files_are_never_written_over(city: Path, tmp_path: Path) -> None:
    (file,) = (city / "meteorology" / "daily").glob("*/*.csv")
    arguments = ["new-source", "meteorology/hourly", str(file), "--out", str(tmp_path / "out"), "--title", "气象时值"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    told = (tmp_path / "out" / "schemas" / "sources" / "meteorology" / "hourly.yml").read_text(encoding="utf-8")
    assert "title: 气象时值" in told and "key: [站号, 日期]" in told
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, UsageError)
    assert "不覆盖" in str(again.exception)


def test_an_unknown_department_is_told_with_the_nearest_and_the_lines_to_add(city: Path) -> None:
    (file,) = (city / "meteorology" / "daily").glob("*/*.csv")
    with pytest.raises(UsageError, match=r"civil_affairs[\s\S]*schemas/departments.yml[\s\S]*civil_afairs:\n"):
        propose("civil_afairs/cards", file)
    with pytest.raises(UsageError, match="已有数据集 meteorology/daily"):
        propose("meteorology/daily", file)
    with pytest.raises(UsageError, match="小写字母"):
        propose("Meteorology/每日", file)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "空文件"),
        ("lines.ndjson", b'{"a": 1}\n', "ndjson"),
        ("picture.png", b"\x89PNG", "不认识后缀"),
        ("header.csv", "编号,姓名\n".encode(), "只有表头"),
        ("wide.csv", "编号,姓名\n".encode("utf-16"), "UTF-16"),
        ("bad.csv", b"a,b\n\xff\xff\xff,\x81\n", "既不是 UTF-8"),
        ("titled.csv", "数据库：年度数据\n指标：人口\n地区,2016年,2017年\n泸州,1,2\n江阳,2,3\n".encode(), "第 3 行才是表头"),
        ("entity.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a><r><x>1</x></r></a>', "文档类型"),
        ("nothing.json", b'{"a": 1}', "找不到记录"),
    ],
)
def test_a_file_that_cannot_be_proposed_is_told_in_a_sentence(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises((UsageError, DeliveryRefused), match=said):
        propose("health/elders", file)


@pytest.mark.slow
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="/work/shared/reference is not on this machine")
def test_every_reference_file_is_proposed_or_refused_in_a_sentence() -> None:
    refused = {}
    for file in sorted(REFERENCE.glob("*/*")):
        try:
            done = propose("land/" + re.sub(r"\W+", "_", file.stem.lower()), file)
        except UsageError as e:
            refused[file.name] = str(e)
        else:
            assert done.trial.rows_in > 0, file.name
            assert done.doubts, file.name
    assert all("才是表头" in said for said in refused.values()), refused


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="/work/shared/reference is not on this machine")
def test_the_guide_shows_what_the_command_says() -> None:
    file = REFERENCE / "divisions" / "luzhou_divisions_nbs.csv"
    done = CliRunner().invoke(app, ["new-source", "statistics_bureau/divisions", str(file), "--title", "统计用区划代码"])
    (shown,) = re.findall(
        r"^```text\n(.*?)^```$", (ROOT / "docs" / "adding-a-source.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    said = {line.strip() for line in done.output.splitlines()}
    assert [line for line in shown.splitlines() if line.strip() not in said] == []
