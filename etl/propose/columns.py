"""The columns of the proposed spec: rule, cleaned name, role, title of each, and what is doubtful."""

from dataclasses import dataclass, field
from typing import Any

from etl.propose.decide import NAMES, Choice, Facts, choose
from etl.propose.hints import Hint, Memory, english, hint, plain
from etl.propose.recognise import Shares
from etl.propose.sample import Sample, Seen
from etl.propose.words import RUNNING
from etl.spec import Registry
from etl.spec.source import RESERVED

ROLES = {
    "registered": ("户籍", "户口", "registered"),
    "residence": ("居住", "现住", "家庭", "residence", "住址", "暂住"),
    "place": ("发生", "事发", "地点", "place", "案发"),
}
USUAL = {"citizen_id": "citizen_id", "sex": "sex_code", "ethnicity": "ethnicity_code", "education": "education_code", "phone": "phone",
         "marital_status": "marital_status_code", "kin_relation": "relation_to_head", "entity_code": "code"}  # fmt: skip
BORN = ("出生", "生日", "birth", "dob")
STATISTICAL = ("指标", "指标名称")
UNITS = ("计量单位", "单位")
STANDARD = ("xk_", "cf_")  # the double publicity's own field names, which no other dataset should bear


@dataclass
class Told:
    """One column of the proposal."""

    delivered: str
    seen: Seen
    hint: Hint
    choice: Choice
    as_: str = ""
    title: str | None = None
    role: str | None = None
    doubts: list[str] = field(default_factory=list)

    @property
    def rule(self) -> str:
        return self.choice.rule

    def declared(self) -> dict[str, Any]:
        """The column as the spec writes it."""
        out: dict[str, Any] = {"as": self.as_}
        if self.rule != "text":
            out["rule"] = self.rule
        out |= {"codes": self.choice.codes} if self.choice.codes else {}
        out |= {"unit": self.choice.unit} if self.choice.unit else {}
        out |= {"role": self.role} if self.role else {}
        return out | ({"title": self.title} if self.title else {})


def columns(registry: Registry, memory: Memory, sample: Sample, shares: Shares, names: list[str], rest: bool) -> list[Told]:
    """Rules first, then what depends on the other columns: statistics, addresses, names that may stand once."""
    told = []
    for name in names:
        seen, said = sample.columns[name], hint(name, memory)
        told.append(Told(name, seen, said, choose(Facts(seen, shares.get(name, {}), said, registry))))
    _as_statistics(told, rest)
    _axes(told, shares)
    _roles(told)
    _name(told)
    for t in told:
        if t.choice.doubt:
            t.doubts.append(t.choice.doubt)
        if t.delivered.isascii():
            _entitle(t)
    return told


def _entitle(t: Told) -> None:
    """A Chinese title for a column named in letters: that of a spec with the same name, what its initials may stand for, its kind."""
    known = [c.title for c in t.hint.columns if c.title and c.rule == t.rule]
    t.title = known[0] if known else t.hint.title or f"{NAMES.get(t.rule, '代码')}（待填）"
    if not known:
        t.doubts.append(
            "列名是拼音首字母，title 是猜的；请按字段说明核对" if t.hint.title else "列名是字母，看不出中文名；请按字段说明写 title"
        )


def running_numbers(told: list[Told]) -> list[str]:
    """Columns that only count the rows, by their name in the file."""
    return [t.seen.name for t in told if plain(t.seen.name) in RUNNING or (t.seen.running and t is told[0] and not t.hint.identifier)]


def _as_statistics(told: list[Told], rest: bool) -> None:
    """A table of indicators with their units keeps figures as delivered: `—`, `…` and footnote marks have a meaning there."""
    indicators = [t for t in told if plain(t.delivered) in STATISTICAL or t.rule == "indicator_name"]
    if not indicators or not (rest or any(plain(t.delivered) in UNITS for t in told)):
        for t in indicators:
            if t.rule == "indicator_name":
                t.choice = Choice("text")
        return
    for t in told:
        if t in indicators or (rest and t.rule == "text" and plain(t.delivered) not in UNITS):
            t.choice = Choice("indicator_name", share=None)
        elif plain(t.delivered) in UNITS:
            t.choice = Choice("text")
        elif (
            t.rule in ("number", "amount") or "figure" in t.hint.rules or (t.rule == "text" and t.hint.rules.keys() & {"number", "amount"})
        ):
            t.choice = Choice("figure", share=None)


def _axes(told: list[Told], shares: Shares) -> None:
    """Two columns of coordinates are longitude and latitude; one alone, or a third, is a number."""
    found = [t for t in told if t.rule == "coordinate"]
    axes = {
        t.delivered: "latitude"
        if shares.get(t.delivered, {}).get("latitude", 0) > shares.get(t.delivered, {}).get("longitude", 0)
        else "longitude"
        for t in found
    }
    for t in found:
        if any(word in plain(t.delivered) for word in ("纬", "lat")):
            axes[t.delivered] = "latitude"
        elif any(word in plain(t.delivered) for word in ("经", "lon", "lng")):
            axes[t.delivered] = "longitude"
    if len(found) == 2 and set(axes.values()) == {"longitude", "latitude"}:
        for t in found:
            t.as_ = axes[t.delivered]
        found[0].doubts.append("经纬度按 CGCS2000 度读；若取自高德、百度等互联网地图，先请部门转换（两列坐标没有 crs 可写）")
    else:
        for t in found:
            t.choice = Choice("number", share=t.choice.share, doubt="像坐标，但凑不成一对经纬度，先作数字")


def _roles(told: list[Told]) -> None:
    """What each address is for; a role stands once in a dataset, so a second address of one role stays text."""
    taken: set[str] = set()
    for t in told:
        if t.rule != "address":
            continue
        known = [c.role for c in t.hint.columns if c.role]
        words = next((role for role, said in ROLES.items() if any(w in plain(t.delivered) for w in said)), None)
        role = known[0] if known else words or "address"
        if role in taken:
            t.choice = Choice("text", doubt=f"又一个{NAMES['address']}（{role}），一行里一种用途只有一个，先作文字")
            continue
        taken.add(role)
        t.role = role
        if role == "address" and not known:
            t.doubts.append("地址的用途（role）：现作 address（单位所在地）；户籍写 registered，住处写 residence，事发地写 place")


def _name(told: list[Told]) -> None:
    """Cleaned names, each once, none a staging table's own: as other specs call it, as the rule is usually called, in English."""
    used: set[str] = set()
    for t in sorted(told, key=lambda t: t.as_ == ""):
        pinyin = False
        if not t.as_:
            same = [c.as_ for c in t.hint.columns if c.rule == t.rule and not c.as_.startswith(STANDARD)]
            spelled, pinyin = english(t.hint.title or t.delivered)
            usual = [u for u in _usual(t, told) if not same and (pinyin or u not in spelled)]
            options = [*dict.fromkeys(sorted(same, key=lambda n: -same.count(n))), *usual, spelled]
            t.as_ = next((n for n in options if n not in used and n not in RESERVED), "")
            while not t.as_:
                tried = next(f"{spelled}_{n}" for n in range(2, 1000) if f"{spelled}_{n}" not in used)
                t.as_ = tried if tried not in RESERVED else ""
            pinyin = pinyin and t.as_.startswith(spelled)
        used |= {t.as_, *(f"{t.as_}{s}" for s in ("_state", "_text", "_former", "_uscc", "_organization_code", "_registration_number"))}
        if pinyin:
            t.doubts.append("as 里有拼音，请改成英文含义（docs/naming.md）")


def _usual(t: Told, told: list[Told]) -> list[str]:
    """What the only column of its rule is called everywhere: the row's own name, number, birth date."""
    alone = sum(o.rule == t.rule for o in told) == 1
    short = plain(t.hint.title or t.delivered)
    if t.rule == "date" and any(w in short for w in BORN):
        return ["birth_date"]
    if t.rule == "person_name" and alone:
        return ["name"] if english(short)[1] else []
    if t.rule == "entity_name" and alone and not any(o.rule == "person_name" and o.hint.rules.get("person_name") for o in told):
        return ["name"]
    return [USUAL[t.rule]] if t.rule in USUAL and alone else []
