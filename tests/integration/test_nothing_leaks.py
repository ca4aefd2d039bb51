"""No mail, workbook, page, log or catalogue of three weeks holds an unmasked citizen ID, phone number or full address of a person."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path

import openpyxl
import pytest
from leak_kit import DOOR, Secrets, secrets_of
from three_days_kit import ThreeDays

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def secrets(three_days: ThreeDays) -> Secrets:
    """From every landed delivery, cell by cell, and from what the city truly is."""
    return secrets_of(three_days.city.home, three_days.made / "truth")


def letters(data: bytes) -> Iterator[str]:
    """Every part of a letter as text, decoded; attached workbooks too."""
    letter = message_from_bytes(data, policy=policy.default)
    yield from (f"{name}: {value}" for name, value in letter.items())
    for part in letter.walk():
        if part.get_content_maintype() == "text":
            yield unescape(part.get_content())
        elif not part.is_multipart():
            yield part.get_payload(decode=True).decode("utf-8", "replace") if part.get_content_maintype() != "image" else ""


def cells(file: Path) -> str:
    book = openpyxl.load_workbook(file, read_only=True)
    said = [str(v) for sheet in book.worksheets for row in sheet.iter_rows(values_only=True) for v in (sheet.title, *row) if v is not None]
    book.close()
    return "\n".join(said)


def texts(file: Path) -> str:
    """All that can be read in a file, whatever it is."""
    if file.suffix == ".xlsx":
        return cells(file)
    if file.suffix == ".eml":
        return "\n".join(letters(file.read_bytes()))
    return unescape(file.read_bytes().decode("utf-8", "replace"))


def outputs(world: ThreeDays) -> list[Path]:
    """Every file that leaves the house: reports, mails, catalogue, what waits or was sent."""
    folders = [*world.outputs, world.city.home / "mail", world.city.home / "reports"]
    return [f for folder in folders if folder.is_dir() for f in sorted(folder.rglob("*")) if f.is_file()]


def test_the_three_days_were_run_and_reported_to_every_department(three_days: ThreeDays) -> None:
    assert set(three_days.codes) <= {0, 3}
    departments = {d for (d,) in three_days.city.query("select distinct split_part(dataset, '/', 1) from ops.delivery")}
    for out in three_days.outputs:
        assert departments <= {f.stem for f in out.glob("*.xlsx")} & {f.stem for f in out.glob("*.eml")} & {
            f.stem for f in out.glob("*.html")
        }
    assert {d for (d,) in three_days.city.query("select distinct department from quality.letter where state = 'sent'")} == departments | {
        "leaders"
    }


def test_no_file_that_leaves_the_house_holds_anything_of_a_person(three_days: ThreeDays, secrets: Secrets) -> None:
    assert len(secrets.numbers) > 500, "the deliveries were not read"
    assert len(secrets.phones) > 100
    assert len(secrets.addresses) > 100
    assert {f.name: found for f in outputs(three_days) if (found := secrets.found_in(texts(f)))} == {}


def test_no_letter_that_arrived_holds_anything_of_a_person(three_days: ThreeDays, secrets: Secrets) -> None:
    assert three_days.sink.letters
    told = ["\n".join(letters(letter.as_bytes())) for letter in three_days.sink.letters]
    assert [found for text in told if (found := secrets.found_in(text))] == []


def test_no_log_holds_anything_of_a_person(three_days: ThreeDays, secrets: Secrets) -> None:
    assert len(three_days.said) == 2 * len(three_days.codes) == 16
    assert [found for text in three_days.said if (found := secrets.found_in(text))] == []
    assert [n for text in three_days.said if (n := sum(name in text for name in secrets.names))] == [], "names in logs"


def test_no_workbook_names_a_person_in_full(three_days: ThreeDays, secrets: Secrets) -> None:
    workbooks = [f for f in outputs(three_days) if f.suffix == ".xlsx"]
    assert {f.name: n for f in workbooks if (n := len(set(cells(f).split("\n")) & secrets.names))} == {}


def test_no_ticket_keeps_a_value_of_a_person(three_days: ThreeDays, secrets: Secrets) -> None:
    kept = three_days.city.query("select concat_ws(' ', field, problem, answer, remark, answered_by, closed_by) from quality.ticket")
    kept += three_days.city.query(
        "select concat_ws(' ', by, why) from quality.ticket_change union all select concat_ws(' ', letter_id, reason) from quality.letter"
    )
    assert not secrets.found_in("\n".join(t for (t,) in kept))


@pytest.mark.parametrize("disguise", ["{}", "号码{}。", "{:.6} {:.0}", "ＩＤ：{}"])
def test_the_scanner_finds_one_planted_number_however_it_is_written(secrets: Secrets, disguise: str) -> None:
    number = max(secrets.numbers, key=lambda n: (len(n), n))
    written = f"{number[:6]} {number[6:14]} {number[14:]}" if ".6" in disguise else disguise.format(number)
    assert secrets.found_in(f"<td>甲</td>{written}<td>乙</td>") == {"numbers: 1"}


def test_the_scanner_finds_one_planted_phone_and_address(secrets: Secrets) -> None:
    phone, address = min(secrets.phones), min(a for a in secrets.addresses if DOOR.search(a))
    assert secrets.found_in(f"联系电话 {phone[:3]}-{phone[3:7]}-{phone[7:]}") == {"phones: 1"}
    assert any(f.startswith("addresses") for f in secrets.found_in(f"住址\n{address}\n完"))


@pytest.mark.parametrize("kind", [".eml", ".xlsx", ".html", ".txt"])
def test_the_scanner_reads_every_kind_of_file(secrets: Secrets, tmp_path: Path, kind: str) -> None:
    number, file = max(secrets.numbers, key=lambda n: (len(n), n)), tmp_path / f"planted{kind}"
    if kind == ".xlsx":
        book = openpyxl.Workbook()
        book.worksheets[0]["C7"] = number
        book.save(file)
    elif kind == ".eml":
        from email.message import EmailMessage

        letter = EmailMessage()
        letter["Subject"] = "甲"
        letter.set_content(f"<p>&#{ord(number[0])};{number[1:]}</p>", subtype="html", charset="utf-8", cte="base64")
        file.write_bytes(letter.as_bytes())
    else:
        file.write_text(f"<b>{number}</b>", encoding="utf-8")
    assert secrets.found_in(texts(file))
