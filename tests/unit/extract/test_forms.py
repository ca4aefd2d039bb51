"""A department that still delivers in an older form: read into the same columns, and nothing else is taken for it."""

import re
from typing import Any

import pytest
from delivering import DATASET, Office, rows, workbook

from etl import spec
from etl.errors import DeliveryRefused
from etl.spec import Source

OLD = [
    "行政处罚决定书文号", "处罚名称", "处罚类别1", "处罚类别2", "处罚事由", "处罚依据", "行政相对人名称", "行政相对人代码_1(统一社会信用代码)",
    "行政相对人代码_2(组织机构代码)", "行政相对人代码_3(工商登记码)", "行政相对人代码_4(税务登记号)", "行政相对人代码_5(居民身份证号)",
    "法定代表人姓名", "处罚结果", "处罚决定日期", "处罚机关", "当前状态", "地方编码", "数据更新时间戳", "备注",
]  # fmt: skip
FIRM = ["泸市监罚〔2016〕1号", "未按规定年报", "罚款", None, "未按期公示年度报告", "条例第十七条", "甲公司", "91510502MA00000001", None, "510502000000001", None, None,
    "负责人", "罚款0.2万元", "2016-05-01", "市工商局", "0", "510500", "2016-05-03", None]  # fmt: skip
PERSON = ["泸公罚〔2016〕2号", None, "警告", "罚款", "扰序", "法第二十三条", "某人", None, None, None, None, "510502198001011234", None, "罚款200元", "2016-06-01", "市公安局",
    "1", "510500", "2016-06-03", None]  # fmt: skip


def penalties() -> Source:
    """The real source, delivered by the office of the tests."""
    return spec.load().source("development_reform/penalties").model_copy(update={"name": DATASET, "stem": DATASET})


def test_penalties_of_the_2016_form_are_read_into_the_columns_of_2018(office: Office) -> None:
    office.deliver({"a.xlsx": workbook(("处罚", [["行政处罚信息"], OLD, FIRM, PERSON]))})
    landed = office.land(penalties())
    firm, person = rows(landed)
    assert (firm["行政相对人代码_2（工商注册号）"], firm["行政相对人代码_3（组织机构代码）"], firm["处罚内容"]) == (
        "510502000000001",
        None,
        "罚款0.2万元",
    )
    assert (firm["行政相对人类别"], person["行政相对人类别"], person["证件号码"]) == ("法人及非法人组织", "自然人", "510502198001011234")
    assert (firm["违法事实"], firm["处罚类别"], person["处罚类别2"], person["当前状态（2016版）"]) == (
        "未按期公示年度报告",
        "罚款",
        "罚款",
        "1",
    )
    assert "按“2016年版双公示数据标准”的列名读取" in landed.notes
    assert any("地方编码" in note for note in landed.notes)


def test_both_forms_in_one_delivery_are_one_table(office: Office) -> None:
    source = penalties()
    new = [n for n, c in source.columns.items() if not c.optional]
    row = [
        dict(zip(new, ["乙公司"] + [None] * len(new), strict=False))
        | {"行政处罚决定书文号": "泸罚〔2018〕3号", "处罚决定日期": "2018-01-02"}
    ]
    office.deliver({"a.xlsx": workbook(("一", [OLD, FIRM])), "b.xlsx": workbook(("二", [new, *([r[n] for n in new] for r in row)]))})
    assert [r["行政相对人名称"] for r in rows(office.land(source))] == ["甲公司", "乙公司"]


def test_a_delivery_that_is_neither_form_lacks_columns(office: Office) -> None:
    office.deliver(
        {
            "a.xlsx": workbook(
                ("处罚", [[n for n in OLD if n != "处罚结果"], [v for n, v in zip(OLD, FIRM, strict=True) if n != "处罚结果"]])
            )
        }
    )
    with pytest.raises(DeliveryRefused, match="缺少列") as refused:
        office.land(penalties())
    assert refused.value.code == "missing_column"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": {"旧": "没有的列", "号": "编号"}}, "没有的列"),
        ({"columns": {"旧": "名称"}}, "编号"),
        ({"columns": {"号": "编号"}, "fill": {"名称": {"given": "没有", "then": "a", "otherwise": "b"}}}, "没有"),
    ],
)
def test_a_form_that_cannot_work_is_refused_when_it_is_declared(change: dict[str, Any], said: str) -> None:
    body = {
        "name": DATASET, "stem": DATASET, "title": "试", "delivery": {"channel": "file", "kind": "full", "format": "csv"}, "key": ["编号"],
        "columns": {"编号": {"as": "a"}, "名称": {"as": "b"}}, "forms": [{"title": "旧", **change}],
    }  # fmt: skip
    with pytest.raises(ValueError, match=re.escape(said)):
        Source.model_validate(body)
