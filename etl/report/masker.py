"""Which mask a column gets: by its rule (schemas/rules.yml), else by what its name says."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from etl.report import words
from etl.report.mask import WHOLE, address, birthday, code, figure, free, identifier, party, person, phone, place, prose
from etl.spec import CodeTable, Registry, Source

SERIAL = re.compile(r"[A-Z]{1,4}0(?!1[3-9])[0-9]{5,13}")  # LD0381236594: a running number, not a telephone's with its area code
QUOTED = re.compile(r"“([^”]*)”")
KIND_OF_RULE = {
    "person_name": "name",
    "citizen_id": "id",
    "phone": "phone",
    "address": "address",
    "entity_name": "party",
    "party_code": "code",
    "entity_code": "code",
    "organization_code": "code",
    "registration_number": "code",
    "date": "figure",
    "end_date": "figure",
    "datetime": "figure",
    "year_month": "figure",
    "year": "figure",
    "amount": "figure",
    "number": "figure",
    "figure": "figure",
    "coordinate": "figure",
}
KIND_OF_TITLE = (  # for columns whose rule does not tell; the first that is found decides
    ("phone", re.compile(r"电话|手机|联系方式|号码.*联系|\b(tel|phone|mobile)\b", re.IGNORECASE)),
    ("id", re.compile(r"身份证|身份号|公民身份|证件号|^(sfzh?|gmsfhm)$", re.IGNORECASE)),
    ("address", re.compile(r"地址|住址|住所|现居|家庭住|门牌|^(dz|dom|addr|address)$", re.IGNORECASE)),
    ("party", re.compile(r"相对人名称|主体名称|被执行人|业户名称|持证人|持有人|权人")),
    (
        "name",
        re.compile(
            r"姓名|户主|校长|法定代表人|法人代表|负责人|联系人|诉求人|监护人|经办人|网格员|当事人|^(xm|lerep|manager)$", re.IGNORECASE
        ),
    ),
)
BORN = ("birth_date", "born_at")
NOT_A_PERSONS = re.compile(r"类型|类别|状态|编码|编号|关系$")
KIND_OF_FIELD = (  # fields of the libraries, for disagreements
    ("id", re.compile(r"citizen_id|representative_id|holder_code|subject_code")),
    ("phone", re.compile(r"phone")),
    ("address", re.compile(r"address$|full_address")),
    ("name", re.compile(r"representative|principal|(^|_)(head|owner)")),
)
MASKS = {
    "name": person,
    "id": identifier,
    "phone": phone,
    "address": address,
    "place": place,
    "party": party,
    "code": code,
    "figure": figure,
    "birth": birthday,
    "text": prose,
}


def kind_of(rule: str, *titles: str | None) -> str:
    """How a column is masked: by its rule; free text and undeclared columns by what their name or title says."""
    if rule in KIND_OF_RULE:
        return KIND_OF_RULE[rule]
    told = [t for t in titles if t and not NOT_A_PERSONS.search(t)]
    if rule in ("", "text"):
        for kind, pattern in KIND_OF_TITLE:
            if any(pattern.search(t) for t in told):
                return kind
    return "text"


@dataclass(frozen=True)
class Masker:
    """Masks what one source delivers. `known` are the spellings of all code tables: they are never a person's name."""

    source: Source | None
    known: frozenset[str] = field(default=frozenset(), repr=False)

    @staticmethod
    def of(registry: Registry, dataset: str) -> "Masker":
        """The masker of a dataset; of one that is not declared everything is masked by pattern."""
        return Masker(registry.sources.get(dataset), spellings(registry.codes.values()))

    def kind(self, column: str) -> str:
        """The kind of a delivered column."""
        declared = self.source.columns.get(column) if self.source else None
        if declared is None:
            return kind_of("", column)
        if declared.rule == "address" and declared.role == "place" and not self._personal():
            return "place"
        kind = kind_of(declared.rule, column, declared.title)
        if kind == "figure" and declared.as_ in BORN:
            return "birth"
        return "place" if kind == "address" and declared.rule != "address" and not self._personal() else kind

    def _personal(self) -> bool:
        """Whether the source tells of persons at all."""
        return bool(self.source) and any(c.rule in ("person_name", "citizen_id", "party_code") for c in self.source.columns.values())  # type: ignore[union-attr]

    def value(self, column: str, text: str | None) -> str:
        """A delivered text as it may be shown; empty for NULL."""
        if not text:
            return ""
        kind = self.kind(column)
        if kind in ("text", "figure") and text.strip() in self.known:
            return text
        return MASKS[kind](text)

    def key(self, source_key: str | None) -> tuple[str, bool]:
        """A source key as it may be shown, and whether anything of it is hidden (then delivery and row number identify the row)."""
        if not source_key:
            return "", False
        columns: Sequence[str] = self.source.key if self.source else []
        parts = source_key.split("|")
        if len(parts) != len(columns):
            shown = WHOLE if any(self.kind(c) in ("name", "party", "address", "phone") for c in columns) else free(source_key, loose=False)
        else:
            shown = "|".join(self._part(c, p) for c, p in zip(columns, parts, strict=True))
        return shown, shown != source_key

    def _part(self, column: str, text: str) -> str:
        """One part of a key: a column that is not personal keeps its text but for citizen IDs and phones inside."""
        kind = self.kind(column)
        if kind == "text" and SERIAL.fullmatch(text):
            return text
        return MASKS[kind](text) if kind in ("name", "id", "phone", "address", "party", "code") else place(text)

    def sentence(self, text: str) -> str:
        """A reason in words: columns by their codes and titles, patterns masked everywhere, and a quoted value that could be a person's name too."""
        columns = {n: words.column(n, c.title) for n, c in self.source.columns.items()} if self.source else {}
        columns |= (
            {c.title: columns[n] for n, c in self.source.columns.items() if c.title and c.title not in columns} if self.source else {}
        )

        def quoted(m: re.Match[str]) -> str:
            inner = m.group(1)
            if inner in columns:
                return f"“{columns[inner]}”"
            return m.group() if inner in self.known else f"“{prose(inner)}”"

        return free(QUOTED.sub(quoted, text), streets=False, loose=False)


def spellings(tables: Iterable[CodeTable]) -> frozenset[str]:
    """Every label and alias of every code table."""
    return frozenset(s for t in tables for s in t.spellings())


def library_value(library: str, name: str, text: str | None) -> str:
    """The value of a library's field; the name of a person is one in the population library only."""
    if not text:
        return ""
    for kind, pattern in KIND_OF_FIELD:
        if pattern.search(name):
            return MASKS[kind](text)
    if name == "name" or name.endswith("_name"):
        return person(text) if library == "population" else party(text)
    return free(text)
