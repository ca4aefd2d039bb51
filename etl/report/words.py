"""The words of the mail: Chinese for codes, dates, counts, changes; what to do about a refusal; the subject line."""

from datetime import date, timedelta

from etl.scoring import change as change
from etl.scoring import score as score

DIMENSIONS = {
    "normativity": "规范性",
    "completeness": "完整性",
    "accuracy": "准确性",
    "consistency": "一致性",
    "timeliness": "时效性",
    "accessibility": "可访问性",
}
STATES = {"loaded": "已装载", "rejected": "已拒收", "held": "挂起待决", "discarded": "已弃用"}
KINDS = {"full": "全量", "increment": "增量", "replay": "隔离行重试"}
FATES = (
    ("rows_new", "新增"),
    ("rows_changed", "变更"),
    ("rows_unchanged", "未变"),
    ("rows_duplicate", "重复"),
    ("rows_quarantined", "未能入库"),
)
DUE = {"daily": "每日", "weekly": "每周", "monthly": "每月", "quarterly": "每季", "yearly": "每年", "irregular": "不定期"}
DRIFT = {
    "refused_code": "列“{column}”出现代码表里没有的代码“{detail}”，{rows} 行未能入库；确为新代码请告知平台",
    "unknown_code": "列“{column}”出现代码表里没有的代码“{detail}”，{rows} 行按空值读取；确为新代码请告知平台",
    "renamed_column": "列“{column}”改写成了“{detail}”，已照常读取",
    "extra_column": "多出一列“{column}”，未装载；需要入库请告知平台",
}
DAYS_TO_MEND = 10  # working days, as the rules on sharing government data give for a check
SEVERITIES = ("critical", "warning", "info")

REFUSED_ROW = {  # reason of a row → what it is, what to do
    "missing_key": ("缺主键", "补上主键后重新交付"),
    "key_conflict": ("同一主键出现多次且内容不同", "只保留正确的一行"),
    "bad_date": ("必填日期不是真实日期", "改为 YYYY-MM-DD 的真实日期"),
    "bad_code": ("必填代码不在代码表中", "改用代码表中的值"),
    "bad_number": ("必填数值不是数字", "只填数字"),
    "bad_shape": ("字段数与约定不符", "检查分隔符，按约定的列数导出"),
    "bad_encoding": ("文字无法解码", "按约定的编码重新导出"),
    "bad_geometry": ("图形缺失或读不出", "补充或修复图形"),
    "outside_city": ("坐标不在本市范围", "核对坐标系与坐标"),
}
REFUSED_DELIVERY = {  # reason of a delivery → what it is, what to do
    "truncated": ("文件不完整", "请重新上传完整的文件"),
    "checksum": ("文件与 _SUCCESS 中的指纹不符", "请重新上传文件并生成 _SUCCESS"),
    "row_count": ("行数与 _SUCCESS 中的不符", "请核对行数后重新上传"),
    "missing_column": ("缺少约定的列", "请补齐列后重新交付"),
    "encoding": ("文字编码不符", "请按约定的编码重新导出"),
    "format": ("文件格式读不出", "请按约定的格式重新导出"),
    "password": ("文件带密码", "请去掉密码后重新交付"),
    "too_big": ("文件超过限制", "请分次交付，或与平台联系"),
    "unreachable": ("连接不上贵单位的数据库或接口", "请检查服务、网络与账号"),
    "unsafe_path": ("交付文件夹中有不允许的路径或链接", "请只放数据文件"),
    "fewer_rows": ("比上次少了很多行", "请确认数据是否完整；确属减少请告知平台放行"),
    "too_many_bad": ("不合格的行太多", "请更正后重新交付；确无问题请告知平台放行"),
    "superseded": ("早于已装载的交付", "无需处理；如要改用请告知平台"),
    "changed_after_load": ("装载之后文件又被改动", "请确认以哪一份为准"),
    "unknown_dataset": ("平台未登记此数据集", "请与平台联系登记"),
}
LIBRARIES = {
    "population": "人口库",
    "legal_entity": "法人库",
    "geospatial": "空间库",
    "statistics": "统计库",
    "credit": "信用库",
    "certificate": "证照库",
}

CONTEXT = {"@geometry": "图形", "@sheet": "工作表名", "@title": "表头上方的标题", "@file": "文件名", "@shape": "字段数"}


def day(d: date, today: date | None = None) -> str:
    """3月1日, with the year when it is not that of `today`."""
    return f"{d.month}月{d.day}日" if today and d.year == today.year else f"{d.year}年{d.month}月{d.day}日"


def count(n: int) -> str:
    """1234567 → 1,234,567."""
    return f"{n:,}"


def working_days_after(start: date, days: int) -> date:
    """The date so many Mondays to Fridays later (public holidays are not known here)."""
    end = start
    while days:
        end += timedelta(days=1)
        days -= end.weekday() < 5
    return end


def reason(text: str | None) -> tuple[str, str]:
    """`code: sentence` → code and sentence; a text without a code is its own sentence."""
    head, colon, tail = (text or "").partition(":")
    return (head.strip(), tail.strip().rstrip("。")) if colon and head.strip().replace("_", "").isascii() else ("", (text or "").strip())


def column(name: str, title: str | None) -> str:
    """A column in the department's own words: `姓名`, or `aac003（姓名）` where its name is not Chinese."""
    if name.startswith("@"):
        return CONTEXT.get(name, name)
    return f"{name}（{title}）" if title and title != name else name
