"""Reads a returned workbook back: each answered row by its ticket number, into quality.ticket. Whatever the workbook holds, nothing in it runs.

Refused whole: what is no plain .xlsx, bursts, holds macros or document type declarations, or is another department's.
Refused row by row, named by sheet and row: altered or foreign numbers, numbers beside another row's key, formulas.
"""

import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from etl import db
from etl.errors import UsageError
from etl.report import mask, words, workbook
from etl.report.masker import Masker
from etl.settings import Settings
from etl.spec import Registry

BYTES, UNZIPPED, PARTS = 30 * 2**20, 400 * 2**20, 1000
SHEETS, ROWS, COLUMNS, HEADS = 100, 60_000, 30, 20
ANSWER_LENGTH, REMARK_LENGTH = 20, 300
OTHER = "其他"
SAME = {  # what clerks write for what they may choose
    "已改正": re.compile(r"已?(经)?(改正|更正|修改|改好|纠正|更新|修正|改)(了|过)?"),
    "将改正": re.compile(r"(情况)?属实.*|(将|待|拟|准备|正在).{0,4}(改|更正|核改|修).*"),
    "原值无误": re.compile(r"(原值|数据|信息)?(无误|没错|没有错|正确|属实无误|无问题|没问题)"),
    "查无此人": re.compile(r"(查|已)?无此人|查不到.*|查无.*"),
    "无法核实": re.compile(r"(无法|不能|没法)核.*"),
}
RECORD = """
    with answer as (
        select distinct on (t.ticket) t.ticket, t.state, n.answer, n.remark,
            case when n.answer = '原值无误' and coalesce(t.told_hash, t.value_hash) = t.value_hash then 'accepted' else 'answered' end as new_state,
            case when n.answer = '原值无误' and t.told_hash <> t.value_hash then '（通报之后值已改变，请再核）' else '' end as note
        from told n join quality.ticket t on t.ticket = n.ticket
        where t.closed_on is null and (t.answer, coalesce(t.remark, '')) is distinct from (n.answer, n.remark) order by t.ticket
    ),
    taken as (
        update quality.ticket t set state = a.new_state, answer = a.answer, remark = nullif(a.remark, ''), answered_by = %(by)s, answered_on = %(today)s,
            due_on = case when t.hint then null else greatest(t.due_on, %(due)s) end
        from answer a where a.ticket = t.ticket
    ),
    kept as (
        insert into quality.ticket_change (ticket, from_state, to_state, day, by, why)
        select ticket, state, new_state, %(today)s, %(by)s, answer || case when remark <> '' then '：' || remark else '' end || note from answer
    )
    select answer, new_state, count(*) from answer group by 1, 2
"""


@dataclass(frozen=True)
class Line:
    """One row of the workbook that somebody wrote in."""

    sheet: str
    row: int
    number: str
    dataset: str
    key: str
    answer: str
    remark: str

    @property
    def place(self) -> str:
        return f"工作表“{self.sheet}”第 {self.row} 行"


@dataclass
class Read:
    """What came of it. `taken`: answer → tickets; `unchanged`: said before; `mended`: closed meanwhile; `blank`: rows without an answer."""

    department: str = ""
    title: str = ""
    taken: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    unchanged: int = 0
    mended: int = 0
    blank: int = 0
    refused: list[str] = field(default_factory=list)


def read(settings: Settings, registry: Registry, file: Path, by: str | None) -> Read:
    """Takes the answers in. Reading the same workbook again changes nothing."""
    _safe(file)
    found = Read()
    code, lines = _lines(file, found)
    with db.transaction(settings) as con:
        known = _known(con, lines)
        found.department = _department(registry, code, known)
        found.title = registry.departments[found.department].title if found.department in registry.departments else found.department
        good = list(_good(registry, found, lines, known))
        _record(con, found, good, (by or "").strip() or f"{found.title}（工作簿）", settings)
    return found


def _safe(file: Path) -> None:
    """Refuses what no workbook of ours can be, before anything opens it."""
    if not file.is_file():
        raise UsageError(f"没有文件 {file.name}")
    if file.stat().st_size > BYTES:
        raise UsageError(f"{file.name} 有 {file.stat().st_size // 2**20} MB，超过上限 {BYTES // 2**20} MB，不是我们发出的工作簿")
    if not zipfile.is_zipfile(file):
        raise UsageError(f"{file.name} 不是 .xlsx 工作簿（旧格式 .xls、带密码的都读不了）；请另存为 .xlsx 再试")
    try:
        with zipfile.ZipFile(file) as z:
            parts = z.infolist()
            if len(parts) > PARTS or sum(p.file_size for p in parts) > UNZIPPED:
                raise UsageError(f"{file.name} 解开后过大或部件过多，拒收")
            if any(p.filename.lower().endswith((".bin", ".vba")) and "vba" in p.filename.lower() for p in parts):
                raise UsageError(f"{file.name} 带有宏，拒收；请另存为不带宏的 .xlsx")
            for part in parts:
                with z.open(part) as f:
                    head = f.read(65536)
                if b"<!DOCTYPE" in head.replace(b"\0", b"").upper() or b"<!ENTITY" in head.replace(b"\0", b"").upper():
                    raise UsageError(f"{file.name} 含有文档类型声明，拒收")
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError):
        raise UsageError(f"{file.name} 不是完好的 .xlsx 工作簿") from None


def _lines(file: Path, found: Read) -> tuple[str, list[Line]]:
    """The department's code on the cover, and every row that has an answer."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=False, keep_links=False)
    except Exception:  # whatever it stumbles over: the file is not ours
        raise UsageError(f"{file.name} 不是完好的 .xlsx 工作簿") from None
    code, lines = "", list[Line]()
    try:
        for sheet in book.worksheets[:SHEETS]:
            sheet.reset_dimensions()
            rows = sheet.iter_rows(max_row=ROWS, max_col=COLUMNS)
            told, more = _sheet(sheet.title, rows, found)
            code, lines = code or told, lines + more
    except UsageError:
        raise
    except Exception:
        raise UsageError(f"{file.name} 的内容已损坏，读不完") from None
    finally:
        book.close()
    return code, lines


def _sheet(title: str, rows: Iterator[Any], found: Read) -> tuple[str, list[Line]]:
    """One sheet: the department's code if it is the cover, else its answered rows. Formulas are not looked at but named."""
    columns, code, lines = dict[str, int](), "", list[Line]()
    for i, cells in enumerate(rows, 1):
        texts = [_text(c) for c in cells]
        if not columns:
            code = code or next((m[1] for t in texts if (m := re.fullmatch(r"部门代号[:：](\w+)", t))), "")
            if workbook.NUMBER in texts and workbook.ANSWER in texts:
                columns = {name: texts.index(name) for name in reversed(texts) if name}
            elif i > HEADS and not code:
                break
            continue
        said = {name: texts[at] if at < len(texts) else "" for name, at in columns.items()}
        asked = [columns[n] for n in (workbook.NUMBER, workbook.ANSWER, workbook.REMARK) if n in columns]
        if any(at < len(cells) and cells[at].data_type == "f" for at in asked):
            found.refused.append(f"工作表“{title}”第 {i} 行：单元格里是公式，不予理会；请直接填写文字")
            continue
        number, answer, remark = said[workbook.NUMBER], said[workbook.ANSWER], said.get(workbook.REMARK, "")
        if answer or remark:
            lines.append(Line(title, i, number, said.get("数据集", ""), said.get("主键", ""), answer, remark))
        elif number:
            found.blank += 1
    return code, lines


def _text(cell: Any) -> str:
    """A cell as text, in one line."""
    value = cell.value
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", str(value))).strip() if value is not None else ""


def _known(con: Connection, lines: list[Line]) -> dict[str, tuple[Any, ...]]:
    """Number as it was written → (ticket, department, dataset, source_key, field, closed) of the tickets that there are."""
    numbers = sorted({line.number for line in lines if 0 < len(line.number) <= ANSWER_LENGTH})
    sql = """
        select n, t.ticket, t.department, t.dataset, t.source_key, t.kind, t.closed_on is not null
        from unnest(%s::text[]) n join quality.ticket t on t.ticket = quality.ticket_of(n)
    """
    return {n: tuple(rest) for n, *rest in db.rows(con, sql, [numbers])}


def _department(registry: Registry, code: str, known: dict[str, tuple[Any, ...]]) -> str:
    """Whose workbook it is: by its cover, else by most of its numbers; one whose numbers are mostly another's is refused."""
    counted = Counter(department for _, department, *_ in known.values())
    most = counted.most_common(1)[0][0] if counted else ""
    if code and most and code != most:
        raise UsageError(f"工作簿封面是部门 {code}，单号却多属 {most}，拒收")
    if not (code or most):
        raise UsageError("工作簿里没有一个认得的单号，也没有部门代号：不是我们发出的工作簿")
    if (code or most) not in registry.departments:
        raise UsageError("工作簿封面的部门代号不认识，拒收")
    return code or most


def _good(registry: Registry, found: Read, lines: list[Line], known: dict[str, tuple[Any, ...]]) -> Iterator[tuple[int, str, str]]:
    """(ticket, answer, remark) of the rows that can be believed; the others are named."""
    said: dict[int, tuple[str, Line]] = {}
    for line in lines:
        if line.number not in known:
            what = "缺少单号" if not line.number else "单号不对，可能被改动过"
            found.refused.append(f"{line.place}：{what}")
            continue
        ticket, department, dataset, source_key, kind, closed = known[line.number]
        if department != found.department:
            found.refused.append(f"{line.place}：单号不是{found.title}的")
        elif not _same_row(registry, line, dataset, source_key, kind):
            found.refused.append(f"{line.place}：单号与本行的数据集、主键对不上，是否只移动了一列？")
        elif closed:
            found.mended += 1
        else:
            answer, remark = _understood(line)
            if ticket in said and said[ticket][0] != answer:
                found.refused.append(f"{line.place}：同一单号在{said[ticket][1].place}另有不同的答复，以那一处为准")
                continue
            if ticket not in said:
                said[ticket] = answer, line
                yield ticket, answer, remark


def _same_row(registry: Registry, line: Line, dataset: str, source_key: str | None, kind: str) -> bool:
    """Whether the number stands beside what it was printed beside."""
    if not line.dataset.replace("(", "（").replace(")", "）").endswith(f"（{dataset}）"):
        return False
    if kind == "check" or not line.key or line.key.startswith(("(缺", "(本平台", "（")):
        return True
    shown = Masker.of(registry, dataset).key(source_key)[0]
    return _bare(line.key) == _bare(shown)


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lstrip("'")


def _understood(line: Line) -> tuple[str, str]:
    """The answer as one of those that may be chosen, else `其他` with the text as the remark; nothing of a person is kept in a remark."""
    bare = line.answer.strip("。.!！ ")
    answer = bare if bare in workbook.ANSWERS else next((a for a, said in SAME.items() if said.fullmatch(bare)), OTHER)
    remark = line.remark if answer != OTHER else "；".join(t for t in (line.answer, line.remark) if t)
    return answer, mask.remark(remark)[:REMARK_LENGTH]


def _record(con: Connection, found: Read, good: list[tuple[int, str, str]], by: str, settings: Settings) -> None:
    """Writes the answers, and how each came; who answers has ten working days from then on."""
    with con.cursor() as c:
        c.execute("create temp table told (ticket bigint primary key, answer text not null, remark text not null) on commit drop")
        if good:
            execute_values(c, "insert into told values %s", good, page_size=1000)
        due = words.working_days_after(settings.today, words.DAYS_TO_MEND)
        c.execute(RECORD, {"by": by[:60], "today": settings.today, "due": due})
        for answer, state, n in c.fetchall():
            found.taken[answer] += n
            found.accepted += n if state == "accepted" else 0
    found.unchanged = len(good) - sum(found.taken.values())
