"""Declared and delivered encodings."""

import io
import zipfile

import pytest
from delivering import Office, rows, source

from etl.errors import DeliveryRefused

HEADER = "编号,名称\n"
UTF8 = source(["编号", "名称"])
GB = source(["编号", "名称"], encoding="gb18030")


@pytest.mark.parametrize("data", [f"{HEADER}1,㐂𠮷\n".encode("gb18030")])
def test_gb18030_with_rare_characters(office: Office, data: bytes) -> None:
    assert office.take(GB, {"a.csv": data}) == [{"row_number": 1, "编号": "1", "名称": "㐂𠮷"}]


@pytest.mark.parametrize(("of", "codec"), [(UTF8, "gb18030"), (GB, "utf-8"), (GB, "utf-8-sig")])
def test_the_other_encoding_is_read_and_told(office: Office, of: object, codec: str) -> None:
    office.deliver({"a.csv": f"{HEADER}1,王五\n".encode(codec)})
    landed = office.land(of)  # type: ignore[arg-type]
    assert rows(landed) == [{"row_number": 1, "编号": "1", "名称": "王五"}]
    assert "编码与约定不同" in landed.notes[0]


def test_a_byte_order_mark_is_no_news(office: Office) -> None:
    office.deliver({"a.csv": f"{HEADER}1,王五\n".encode("utf-8-sig")})
    assert office.land(UTF8).notes == ()


def test_a_file_in_neither_encoding_is_refused_with_the_byte_offset(office: Office) -> None:
    good = f"{HEADER}1,王五\n".encode()
    office.deliver({"a.csv": good + b"2,\xff\xff\n"})
    with pytest.raises(DeliveryRefused, match=rf"encoding.*a\.csv 第 {len(good) + 2} 字节"):
        office.land(UTF8)


def zipped(name: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as z:
        z.writestr(name, "<x/>")
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (zipped("xl/workbook.xml"), "Excel 工作簿"),
        (zipped("word/document.xml"), "Word 文件"),
        (zipped("a.csv"), "压缩文件"),
        (b"PK\x03\x04 cut short", "残缺的"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "旧版 Excel"),
        (b"%PDF-1.4\n", "PDF 文件"),
    ],
)
def test_what_is_no_text_is_called_what_it_is(office: Office, data: bytes, what: str) -> None:
    office.deliver({"a.csv": data})
    with pytest.raises(DeliveryRefused, match=rf"format.*a\.csv 是 {what}"):
        office.land(UTF8)


def test_the_byte_offset_holds_beyond_the_first_block(office: Office) -> None:
    good = (HEADER + "".join(f"{i},王五的店铺在这里\n" for i in range(60_000))).encode()
    office.deliver({"a.csv": good + b"x,\xe7\x8e\xff\n"})
    with pytest.raises(DeliveryRefused, match=f"第 {len(good) + 2} 字节"):
        office.land(UTF8)


def test_a_nul_byte_is_refused_with_its_line(office: Office) -> None:
    office.deliver({"a.csv": f"{HEADER}1,王五\n2,赵\0六\n".encode()})
    with pytest.raises(DeliveryRefused, match=r"format.*第 3 行"):
        office.land(UTF8)


def test_utf16_is_refused(office: Office) -> None:
    office.deliver({"a.csv": f"{HEADER}1,王五\n".encode("utf-16")})
    with pytest.raises(DeliveryRefused, match="encoding"):
        office.land(UTF8)
