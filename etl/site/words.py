"""The words of the site: Chinese for codes, dates, counts and scores."""

import re
from datetime import date

from etl.scoring import change, score
from etl.spec.document import CHANNELS, DUE, KINDS

__all__ = ["CHANNELS", "DUE", "KINDS", "change", "score"]

TOTAL = "total"
DIMENSIONS = {
    "normativity": "规范性",
    "completeness": "完整性",
    "accuracy": "准确性",
    "consistency": "一致性",
    "timeliness": "时效性",
    "accessibility": "可访问性",
}
MEANS = {
    "normativity": "写法合乎标准",
    "completeness": "该填的都填了",
    "accuracy": "内容真实、不重复",
    "consistency": "自己不矛盾，与别处对得上",
    "timeliness": "按期交付，日期合理",
    "accessibility": "交付打得开，每行用得上",
}
SEVERITIES = {"critical": "严重", "warning": "警告", "info": "提示"}
STATES = {"loaded": "已装载", "rejected": "已拒收", "held": "挂起待决", "discarded": "已弃用"}
KIND = {**KINDS, "replay": "隔离行重试"}
FATES = (
    ("rows_new", "新增"),
    ("rows_changed", "变更"),
    ("rows_unchanged", "未变"),
    ("rows_duplicate", "重复"),
    ("rows_quarantined", "隔离"),
)
TICKETS = {
    "overdue": "逾期",
    "open": "新开",
    "sent": "已通报",
    "answered": "已答复待改",
    "accepted": "认可原值",
    "mended": "已改好",
    "closed": "已关闭",
}
SHARE = {1: "无条件共享", 2: "有条件共享", 3: "不予共享"}
REASONS = {  # why a row or a delivery was not taken
    "missing_key": "缺主键",
    "key_conflict": "同一主键多次出现且内容不同",
    "bad_date": "必填日期不是真实日期",
    "bad_code": "必填代码不在代码表中",
    "bad_number": "必填数值不是数字",
    "bad_shape": "字段数与约定不符",
    "bad_encoding": "文字无法解码",
    "bad_geometry": "图形缺失或读不出",
    "outside_city": "坐标不在本市范围",
    "truncated": "文件不完整",
    "checksum": "文件与 _SUCCESS 中的指纹不符",
    "row_count": "行数与 _SUCCESS 中的不符",
    "missing_column": "缺少约定的列",
    "encoding": "文字编码不符",
    "format": "文件格式读不出",
    "password": "文件带密码",
    "too_big": "文件超过限制",
    "unreachable": "连接不上部门的数据库或接口",
    "unsafe_path": "交付文件夹中有不允许的路径或链接",
    "fewer_rows": "比上次少了很多行",
    "too_many_bad": "不合格的行太多",
    "superseded": "早于已装载的交付",
    "changed_after_load": "装载之后文件又被改动",
    "unknown_dataset": "平台未登记此数据集",
}
SAFE_CODE = re.compile(r"[a-z][a-z_]*")


def reason(code: str | None) -> str:
    """A reason's code in Chinese. What is not a code (its sentence may quote a row) is not shown."""
    head = (code or "").split(":")[0].strip()
    return REASONS.get(head, head if SAFE_CODE.fullmatch(head) else "其他原因")


def scrubbed(text: str) -> str:
    """A sentence that the specs did not write, without what could be a row's value: quoted text and long numbers."""
    return re.sub(r"“[^”]*”|[0-9]{5,}[0-9Xx]*", "…", text)


def unnumbered(text: str) -> str:
    """The text with every citizen ID and mobile number in it masked: comments may give one as an example."""
    masked = re.sub(r"(?<![0-9A-Za-z])([1-9]\d{3})\d{10}(\d{3}[0-9Xx])(?![0-9A-Za-z])", r"\1**********\2", text)
    return re.sub(r"(?<![0-9A-Za-z])(1[3-9]\d)\d{4}(\d{4})(?![0-9A-Za-z])", r"\1****\2", masked)


def day(d: date | None) -> str:
    """2018-03-01; — for none."""
    return d.isoformat() if d else "—"


def count(n: int | None) -> str:
    """1234567 → 1,234,567."""
    return "—" if n is None else f"{n:,}"


def share(part: int, whole: int) -> str:
    """12.3%; <0.1% for a little, — of nothing; never rounded to 0% or 100%."""
    if not whole:
        return "—"
    if part in (0, whole):
        return "100%" if part else "0%"
    per = 100 * part / whole
    return "<0.1%" if per < 0.1 else ">99.9%" if per > 99.9 else f"{per:.1f}%"


def band(value: float | None) -> str:
    """The band of a score: how deep its cell is tinted."""
    if value is None:
        return "none"
    return "good" if value >= 98 else "fair" if value >= 90 else "low" if value >= 75 else "bad"


def title(comment: str) -> str:
    """What a comment calls its thing: its first clause."""
    return re.split(r"[：；，。（(]", comment, maxsplit=1)[0].strip()


def column(name: str, said: str | None) -> str:
    """A delivered column in the department's words: 姓名, or xm（姓名）."""
    if name.startswith("@"):
        return {"@geometry": "图形", "@sheet": "工作表名", "@title": "表头上方的标题", "@file": "文件名"}.get(name, name)
    return f"{name}（{said}）" if said and said != name else name


def parts(rows: dict[str, int]) -> list[tuple[str, str, int]]:
    """The account of a delivery's rows as parts of a bar: (class, label, n)."""
    return [(name, label, rows[name]) for name, label in FATES]


def short(text: str, most: int = 9) -> str:
    """A sentence as a label."""
    return text if len(text) <= most else text[: most - 1] + "…"
