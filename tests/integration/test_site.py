"""The site of a small city, page by page: links lead somewhere, nothing is fetched, nothing is personal, the whole database is explained."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pipeline_kit import City, citizen_id, execute, full_name, health_record, newcomer

from etl import pipeline
from etl.errors import UsageError

RESIDENTS = [
    (
        full_name(n),
        citizen_id("510502", f"19{60 + n % 40}0{1 + n % 9}1{n % 10}", 100 + n),
        f"19{60 + n % 40}-0{1 + n % 9}-1{n % 10}",
        f"139{n:04d}5678",
    )
    for n in range(60)
]
STREETS = "佳乐路8号"
STAMP = re.compile(r'<p class="muted">生成于 [^<]*</p>')


def _records() -> list[dict[str, object]]:
    """Sixty health records: one without key, one with a date that is none, one with a wrong number, one with a name that is a number."""
    rows = [
        dict(health_record(f"J{n:03d}", name, number, birth, "女" if int(number[16]) % 2 == 0 else "男", 联系电话=phone))
        for n, (name, number, birth, phone) in enumerate(RESIDENTS)
    ]
    rows[3]["档案号"] = ""
    rows[4]["建档日期"] = "2017-02-30"
    rows[5]["身份证号"] = RESIDENTS[5][1][:-1] + ("1" if RESIDENTS[5][1][-1] != "1" else "2")
    rows[6]["身份证号"], rows[6]["出生日期"] = RESIDENTS[6][1], "1931-01-01"
    rows[7]["姓名"] = RESIDENTS[7][1]
    return rows


@dataclass
class Site:
    """The site and what the departments delivered for it."""

    folder: Path
    city: City
    built: dict[str, object]

    @property
    def pages(self) -> dict[str, str]:
        return {str(p.relative_to(self.folder)): p.read_text(encoding="utf-8") for p in sorted(self.folder.rglob("*.html"))}


@pytest.fixture(scope="module")
def site(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A city after three days: health records, newcomers, a delivery that is held and one that is late."""
    folder = tmp_path_factory.mktemp("site")
    city = City(folder / "drop", folder / "home", new_database())
    city.plates()
    city.health("20180301", _records())
    city.floating(
        "20180301",
        [newcomer(f"F{n:03d}", name, number, birth, 联系电话=phone) for n, (name, number, birth, phone) in enumerate(RESIDENTS[:20])],
    )
    city.run()
    mended = _records()
    mended[6]["出生日期"] = RESIDENTS[6][2]
    city.health("20180308", mended)
    city.run(today="2018-03-08")
    city.health("20180315", mended[:9])  # far fewer than before: held
    city.run(today="2018-03-15")
    city.today = "2018-04-20"
    with city.inside():
        return Site(folder / "out", city, pipeline.site(str(folder / "out")))


class Page(HTMLParser):
    """What a page refers to and what can be referred to in it."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        elif given.get("src") or given.get("href"):
            self.loads.append(str(given.get("src") or given.get("href")))


@pytest.fixture(scope="module")
def parsed(site: Site) -> dict[str, Page]:
    return {name: Page(text) for name, text in site.pages.items()}


def test_every_link_leads_to_a_page_and_to_a_place_in_it(site: Site, parsed: dict[str, Page]) -> None:
    ids = {name: set(p.ids) for name, p in parsed.items()}
    broken = []
    for name, page in parsed.items():
        for link in page.links:
            path, _, place = link.partition("#")
            target = (site.folder / name).parent / path if path else site.folder / name
            known = str(target.resolve().relative_to(site.folder.resolve()))
            if known not in ids or (place and place not in ids[known]):
                broken.append((name, link))
    assert broken[:5] == []


def test_nothing_is_fetched_from_anywhere(site: Site, parsed: dict[str, Page]) -> None:
    for name, page in parsed.items():
        for load in page.loads:
            assert load == "data:," or ((site.folder / name).parent / load).is_file(), (name, load)
    for file in [*site.folder.rglob("*.html"), *site.folder.rglob("*.css"), *site.folder.rglob("*.js")]:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"https?://|url\(|@import|(?:src|href)=.//|fetch\(|XMLHttpRequest", text), file.name


def test_no_identifier_name_phone_or_address_of_a_person_is_in_it(site: Site) -> None:
    delivered = {value for name, number, _, phone in RESIDENTS for value in (name, number, number[:-1], phone)} | {STREETS, "J005|", "F001"}
    delivered |= {str(r["身份证号"]) for r in _records()}
    for file in site.folder.rglob("*"):
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            found = [v for v in delivered if v in text]
            assert found == [], file.name
            assert not re.search(
                r"(?<![0-9A-Za-z])[1-6]\d{5}(?:19|20)\d{2}[01]\d[0-3]\d\d{3}[0-9Xx](?![0-9A-Za-z])|(?<!\d)1[3-9]\d{9}(?!\d)", text
            ), file.name


def test_every_page_has_a_title_of_its_own_a_heading_and_a_language(site: Site) -> None:
    titles: dict[str, str] = {}
    for name, text in site.pages.items():
        (title,) = re.findall(r"<title>([^<]+)</title>\n<link", text)
        assert text.startswith('<!DOCTYPE html>\n<html lang="zh-CN">') and text.count("<h1") == 1, name
        titles[name] = title
    assert all(len(t) > 5 for t in titles.values())
    assert len(set(titles.values())) > 0.95 * len(titles)


def test_every_table_has_a_caption_and_headers_and_every_picture_says_what_it_shows(parsed: dict[str, Page]) -> None:
    for name, page in parsed.items():
        tags = [t for t, _ in page.tags]
        assert tags.count("table") == tags.count("caption"), name
        assert all(given.get("scope") in ("col", "row") for tag, given in page.tags if tag == "th"), name
        drawn = [given for tag, given in page.tags if tag == "svg" and "class" in given]
        assert all("aria-label" in g or "aria-hidden" in g or g["class"] == "spark" for g in drawn), name
        assert len(page.ids) == len(set(page.ids)), name


def test_the_whole_database_is_explained(site: Site, parsed: dict[str, Page]) -> None:
    columns = execute(
        site.city.url,
        """select n.nspname || '.' || k.relname || '.' || a.attname from pg_class k join pg_namespace n on n.oid = k.relnamespace
        join pg_attribute a on a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped
        where k.relkind in ('r', 'p', 'v', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'candidate') and n.nspname not like 'pg\\_%%'
            and not exists (select from pg_depend x where x.objid = k.oid and x.deptype = 'e')""",
    )
    places = {i for name, page in parsed.items() if name.startswith("dictionary/") for i in page.ids}
    assert len(columns) > 1000
    assert [c for (c,) in columns if c not in places] == []
    assert "population.person.citizen_id" in parsed["dictionary/population.person.html"].ids
    assert "population.person_as_of" in parsed["dictionary/functions.html"].ids
    assert "codes.sex.1" in parsed["dictionary/codes.html"].ids


def test_the_search_finds_places_that_are_there(site: Site, parsed: dict[str, Page]) -> None:
    text = (site.folder / "assets" / "index.js").read_text(encoding="utf-8")
    entries = json.loads(re.search(r"entries:(\[.*\])\};", text, re.DOTALL).group(1))  # type: ignore[union-attr]
    assert len(entries) > 3000
    for _, _, _, address in entries:
        path, _, place = address.partition("#")
        assert path in parsed and (not place or place in parsed[path].ids), address
    assert any(
        e[2] == "population.person.citizen_id" and e[3] == "dictionary/population.person.html#population.person.citizen_id" for e in entries
    )


def test_the_front_page_says_what_is_held_and_what_is_late(site: Site) -> None:
    front = site.pages["index.html"]
    assert '挂起</span> <a href="datasets/health.health_records.html">' in front
    assert re.search(r"逾期</span> <a href=\"datasets/[a-z_.]+html\">", front)


def test_a_dataset_tells_its_deliveries_its_failed_checks_and_why_rows_were_refused(site: Site) -> None:
    page = site.pages["datasets/health.health_records.html"]
    assert page.count('role="listitem"') == 3 and "挂起待决" in page
    assert "身份号码校验码不对" in page and "缺主键" in page and "必填日期不是真实日期" in page
    assert "population.person.citizen_id" in page
    rule = site.pages["rules/citizen_id.html"]
    assert "../datasets/health.health_records.html" in rule[rule.index('id="id_check"') :]


def test_lineage_leads_from_a_library_column_back_to_every_source_and_forward_again(site: Site) -> None:
    back = site.pages["lineage/population.person.html"]
    part = back[back.index('id="population.person.phone"') : back.index('id="population.person.household_id"')]
    for dataset in ("health.health_records", "public_security.floating_population", "public_security.household_register"):
        assert f"../datasets/{dataset}.html" in part
    assert "先取最新的" in part and "phone_is_dialable" in part
    forward = site.pages["datasets/health.health_records.html"]
    assert 'href="../lineage/population.person.html#population.person.phone"' in forward


def test_the_same_database_gives_the_same_site_but_for_one_line(site: Site, tmp_path: Path) -> None:
    with site.city.inside():
        pipeline.site(str(tmp_path / "again"))
    for name, text in site.pages.items():
        assert len(STAMP.findall(text)) == 1
        assert STAMP.sub("", (tmp_path / "again" / name).read_text(encoding="utf-8")) == STAMP.sub("", text), name
    assert (tmp_path / "again" / "assets" / "index.js").read_bytes() == (site.folder / "assets" / "index.js").read_bytes()


def test_an_older_site_is_replaced_and_anything_else_is_left_alone(site: Site, tmp_path: Path) -> None:
    from etl.site.write import write

    out = tmp_path / "out"
    write(out, {"index.html": b"a", "old/page.html": b"b"})
    write(out, {"index.html": b"c"})
    assert (out / "index.html").read_bytes() == b"c" and not (out / "old").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="空文件夹"):
        write(other, {"index.html": b"a"})
    assert [p.name for p in other.iterdir()] == ["letter.txt"]


def test_the_command_says_where_it_is(site: Site, tmp_path: Path) -> None:
    began = time.monotonic()
    code, out, err = site.city.command("docs", "--out", str(tmp_path / "site"))
    assert code == 0, err
    assert f"打开 {tmp_path / 'site' / 'index.html'}" in out and time.monotonic() - began < 120
    assert int(str(site.built["bytes"])) < 15_000_000
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "x").write_text("x", encoding="utf-8")
    code, _, err = site.city.command("docs", "--out", str(tmp_path / "busy"))
    assert code == 2 and err.startswith("jichu: ") and "空文件夹" in err
