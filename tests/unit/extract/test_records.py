"""JSON and XML."""

import json

import pytest
from delivering import Office, rows, source

from etl.errors import DeliveryRefused
from etl.extract.formats import keyed, records

LIST = source(["id", "n"], "json")
KEYED = source(["id", "n"], "json", records="data")
XML = source(["id", "n"], "xml", records="row")


def test_values_become_text_and_missing_keys_null(office: Office) -> None:
    data = """[{"id": "007", "n": 690.0}, {"id": 510502198501010011, "n": null, "more": {"a": [1, "甲"]}},
        {"id": true, "n": 1e-7}, {"id": "", "n": "  x "}]"""
    assert office.take(LIST, {"a.json": data.encode("utf-8-sig")}) == [
        {"row_number": 1, "id": "007", "n": "690", "more": None},
        {"row_number": 2, "id": "510502198501010011", "n": None, "more": '{"a":[1,"甲"]}'},
        {"row_number": 3, "id": "true", "n": "0.0000001", "more": None},
        {"row_number": 4, "id": None, "n": "  x ", "more": None},
    ]


def test_the_list_is_found_under_its_key(office: Office) -> None:
    data = {"note": {"data": [9]}, "skip": [1, {"x": "]"}], "data": [{"id": 1, "n": 2}], "after": "x"}
    assert [r["id"] for r in office.take(KEYED, {"a.json": json.dumps(data).encode()})] == ["1"]


def test_a_bare_list_is_taken_where_a_key_was_agreed(office: Office) -> None:
    assert [r["id"] for r in office.take(KEYED, {"a.json": b'[{"id": 1, "n": 2}]'})] == ["1"]


def test_an_empty_list_is_a_delivery_of_no_rows(office: Office) -> None:
    assert office.take(KEYED, {"a.json": b'{"data": []}'}) == []


def test_records_longer_than_the_window_are_read_whole(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "CHUNK", 7)
    data = json.dumps([{"id": i, "n": "甲乙丙" * i} for i in range(40)], ensure_ascii=False)
    taken = office.take(LIST, {"a.json": data.encode()})
    assert [(r["id"], len(r["n"] or "")) for r in taken] == [(str(i), 3 * i) for i in range(40)]


def test_what_no_database_can_hold_is_replaced(office: Office) -> None:
    taken = office.take(LIST, {"a.json": b'[{"id": "a\\u0000b", "n": "x\\ud800"}]'})
    assert (taken[0]["id"], taken[0]["n"]) == ("a\ufffdb", "x\ufffd\ufffd\ufffd")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'[{"id": 1, "n": 2}, {"id": 3, "n"', "truncated"),
        (b'[{"id": 1, "n": 2}', "truncated"),
        (b'[{"id": 1, "n": "x', "truncated"),
        (b'{"data": [{"id": 1, "n": 2}]', "truncated"),
        (b'[{"id": 1, "n": 2} {"id": 3}, {"id": 4, "n": 5}]', "format"),
        (b'[{"id" 1, "n": 2}, {"id": 3, "n": 5}, {"id": 6}]', "format"),
        (b"[1, 2]", "format"),
        (b'{"rows": []}', "format"),
        (b"<html><body>login</body></html>", "format"),
        (b'[{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "format"),
        (b'[{"id": ' + b"9" * 10_000 + b', "n": 1}]', "format"),
        (b'[{"id": 1, "m": 2}]', "missing_column"),
    ],
)
def test_broken_json_is_refused(office: Office, data: bytes, code: str) -> None:
    of = KEYED if data.startswith(b'{"') else LIST
    office.deliver({"a.json": data})
    with pytest.raises(DeliveryRefused) as refused:
        office.land(of)
    assert refused.value.code == code


def test_xml_elements_become_rows(office: Office) -> None:
    data = """<?xml version="1.0" encoding="UTF-8"?>
    <x:rows xmlns:x="urn:x" date="2018-03-01"><head><row2>no</row2></head>
    <x:row no="9"><id>1</id><n>甲 &amp; 乙 </n></x:row><x:row><id/><n><![CDATA[<b>]]></n><m>p</m><m>q</m></x:row></x:rows>"""
    assert office.take(XML, {"a.xml": data.encode()}) == [
        {"row_number": 1, "no": "9", "id": "1", "n": "甲 & 乙 ", "m": None},
        {"row_number": 2, "no": None, "id": None, "n": "<b>", "m": "p；q"},
    ]


def test_xml_may_be_gb18030_whatever_its_prologue_says(office: Office) -> None:
    of = source(["id", "n"], "xml", records="row", encoding="gb18030")
    data = '<?xml version="1.0" encoding="GBK"?><rows><row><id>1</id><n>㐂</n></row></rows>'
    assert office.take(of, {"a.xml": data.encode("gb18030")})[0]["n"] == "㐂"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<rows><row><id>1</id><n>2</n></row>", "truncated"),
        (b"<rows><row><id>1</id><n", "truncated"),
        (b"<rows><row><id>1</n></row></rows>", "format"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><rows><row><id>&a;</id><n/></row></rows>', "format"),
        (b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><rows/>', "format"),
        (b"<rows><row><id>1</id></row></rows>", "missing_column"),
    ],
)
def test_broken_or_hostile_xml_is_refused(office: Office, data: bytes, code: str) -> None:
    office.deliver({"a.xml": data})
    with pytest.raises(DeliveryRefused) as refused:
        office.land(XML)
    assert refused.value.code == code


def test_keys_that_come_and_go_over_many_batches_are_one_table(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "BATCH", 2)
    data = [{"id": i, "n": i} | ({f"extra{i % 3}": "x"} if i % 2 else {}) for i in range(9)]
    office.deliver({"a.json": json.dumps(data).encode()})
    landed = office.land(LIST)
    assert [r["row_number"] for r in rows(landed)] == list(range(1, 10))
    assert landed.notes == ("多出的列：extra1、extra0、extra2",)
