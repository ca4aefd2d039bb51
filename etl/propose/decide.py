"""From what the rules read and what the name says to one rule per column, and how sure that is."""

from dataclasses import dataclass

from etl.propose.hints import Hint
from etl.propose.sample import Seen
from etl.propose.words import AUTHORITY
from etl.spec import Registry

LEAST = 3  # different values that it takes to tell by values alone
STRICT = ("date", "datetime", "end_date", "phone")  # hardly a word passes for one of these by chance
FEW = 60  # different values beyond which a column holds no codes
SMALL = 100  # rows of a table in which figures differ as identifiers do
CODED = ("sex", "ethnicity", "education", "marital_status", "kin_relation", "party_kind", "yes_no")
CHOICES = {"party_kind": 6, "yes_no": 5}  # rules that look for words in a text: no more different values than that
LOOKED_UP = ("county", "weather_station")  # tables that a library's own steps look up: their columns stay text
NAMES = {
    "citizen_id": "身份号码", "entity_code": "信用代码等单位代码", "party_code": "单位代码或身份号码", "tax_number": "纳税人识别号",
    "organization_code": "组织机构代码", "registration_number": "注册号", "certificate_id": "证照标识", "date": "日期", "end_date": "截止日期",
    "datetime": "时间", "year_month": "年月", "year": "年度", "phone": "电话", "region_code": "区划代码", "coordinate": "经纬度", "amount": "金额",
    "number": "数字", "sex": "性别", "ethnicity": "民族", "education": "学历", "marital_status": "婚姻状况", "kin_relation": "与户主关系",
    "party_kind": "相对人类别", "yes_no": "是否", "person_name": "人名", "entity_name": "单位名称", "address": "地址", "text": "文字",
    "figure": "统计数字", "indicator_name": "指标名称", "period_in_text": "报告期",
}  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """The rule of a column (`codes` for rule: code), the share of rows it reads (None where nothing tells), what is doubtful."""

    rule: str
    codes: str | None = None
    unit: str | None = None
    share: float | None = None
    doubt: str | None = None


@dataclass(frozen=True)
class Facts:
    """All there is to decide by: the column, shares by recogniser, the name's hint, the code tables."""

    seen: Seen
    shares: dict[str, float]
    hint: Hint
    registry: Registry

    def share(self, name: str) -> float:
        return self.shares.get(name, 0.0)

    def hinted(self, *rules: str) -> float:
        return max((self.hint.rules.get(r, 0.0) for r in rules), default=0.0)


def choose(facts: Facts) -> Choice:
    """The first decider that is satisfied has its way: from the rules that hardly anything passes by chance to those that take all."""
    if not facts.seen.distinct:
        return _by_name_alone(facts)
    for decider in (_identifiers, _codes, _dates, _places, _phones, _numbers, _names):
        found = decider(facts)
        if found and decider is not _identifiers and _too_little(facts, found):
            return Choice("text", doubt=f"只有 {facts.seen.distinct} 种值，看不准；像{NAMES.get(found.rule, '代码')}")
        if found:
            return _with_doubt(facts, found)
    return _with_doubt(facts, Choice("text"))


def _too_little(f: Facts, found: Choice) -> bool:
    """One or two values tell a rule only where the name does too, or where a single code table knows the words."""
    said = f.hinted(f"code:{found.codes}" if found.codes else found.rule)
    return f.seen.distinct < LEAST and found.rule not in STRICT and not said and not (found.codes and found.doubt is None)


def _by_name_alone(f: Facts) -> Choice:
    rule = max(f.hint.rules, key=lambda r: f.hint.rules[r], default="text")
    table = rule.removeprefix("code:") if rule.startswith("code:") else None
    return Choice("code" if table else rule, table, f.hint.unit if rule == "amount" else None, None, "样本里全空，规则只凭列名")


def _passes(f: Facts, recogniser: str, alone: float, hinted: float, *rules: str) -> bool:
    """Enough values are read: `alone` whatever the name, `hinted` where the name speaks for the rule."""
    return f.share(recogniser) >= (hinted if f.hinted(recogniser, *rules) else alone)


def _identifiers(f: Facts) -> Choice | None:
    citizen = f.share("citizen_id") + f.share("citizen_id masked")
    entity = f.share("entity_code")
    if _passes(f, "certificate_id", 0.4, 0.2):
        return Choice("certificate_id", share=f.share("certificate_id"))
    both = min(citizen, f.share("uscc")) >= 0.03 and citizen + entity >= 0.5
    if both or (f.hinted("party_code") and not f.hinted("citizen_id") and citizen + entity >= 0.7):
        return Choice("party_code", share=min(citizen + entity, 1.0))
    if citizen >= (0.2 if f.hinted("citizen_id") else 0.6):
        return Choice("citizen_id", share=citizen)
    if (f.hinted("tax_number") and entity >= 0.2) or (f.share("taxno") >= 0.1 and f.share("tax_number") >= 0.5):
        return Choice("tax_number", share=max(entity, f.share("tax_number")))
    if f.share("uscc") < 0.05:
        if _passes(f, "organization_code", 0.7, 0.2):
            return Choice("organization_code", share=f.share("organization_code"))
        if _passes(f, "registration_number", 0.7, 0.3):
            return Choice("registration_number", share=f.share("registration_number"))
    if _passes(f, "entity_code", 0.5, 0.1, "organization_code", "registration_number"):
        return Choice("entity_code", share=entity)
    return None


def _codes(f: Facts) -> Choice | None:
    """A code table or coded rule that knows the values; digits alone fit too many tables and need the name's word."""
    if f.seen.distinct > FEW and not f.hinted(*CODED):
        return None
    digits = f.share("digits") >= 0.5
    ranked = []
    for name in [*CODED, *(f"code:{t}" for t in f.registry.codes)]:
        table = name.removeprefix("code:")
        if table in LOOKED_UP or (name.startswith("code:") and table in CODED):
            continue
        share, said = f.share(name), f.hinted(name)
        if name in CHOICES and not said and f.seen.distinct > CHOICES[name]:
            continue
        votes = sum(c.codes == table for c in f.hint.columns)
        if share >= (0.5 if said else 1.1 if digits else 0.9):
            ranked.append((said, round(share, 2), votes + _used(f, table), name))
    if not ranked:
        return None
    said, share, _, name = max(ranked)
    table = name.removeprefix("code:")
    others = [n.removeprefix("code:") for s, x, _, n in ranked if n != name and x == share and s == said]
    doubt = f"这些值在代码表 {'、'.join([table, *others[:3]])} 里都有，取了 {table}" if others else None
    return Choice(name, share=share, doubt=doubt) if name in CODED else Choice("code", table, share=share, doubt=doubt)


def _used(f: Facts, table: str) -> float:
    """How much of a table the column uses: the smaller table that holds all values is the likelier one."""
    codes = f.registry.codes.get(table)
    return f.seen.distinct / len(codes.codes) if codes else 0.5


def _dates(f: Facts) -> Choice | None:
    day, clock, month = f.share("date"), f.share("datetime"), f.share("year_month")
    named = f.hinted("date", "datetime", "end_date", "year_month", "year")
    ends = f.share("end_date")
    if (f.hinted("end_date") and day + ends >= 0.3) or (ends >= 0.02 and day + ends >= 0.7):
        return Choice("end_date", share=min(day + ends, 1.0))
    if f.hinted("year") >= 0.7 and f.share("year") >= 0.3:
        return Choice("year", share=f.share("year"))
    if clock >= (0.3 if f.hinted("datetime") else 0.6):
        return Choice("datetime", share=max(clock, day))
    if month >= (0.5 if f.hinted("year_month") else 0.9) and month > day and not _is_number(f):
        return Choice("year_month", share=month)
    if day >= (0.3 if named else 0.8):
        return Choice("date", share=day)
    if named and f.share("day number") >= 0.8:
        return Choice("date", share=f.share("day number"), doubt="五位数按 Excel 日序读作日期")
    return None


def _is_number(f: Facts) -> bool:
    return f.hinted("number", "amount") > 0 or f.share("decimal") >= 0.3


def _places(f: Facts) -> Choice | None:
    degrees = max(f.share("longitude"), f.share("latitude"))
    if degrees >= 0.8 or (f.hinted("coordinate") and f.share("coordinate") >= 0.3):
        doubt = None if degrees >= 0.5 else "经纬度多数不在本市范围"
        return Choice("coordinate", share=max(degrees, f.share("coordinate")), doubt=doubt)
    region = f.share("region_code")
    if (region >= 0.9 and f.share("here") >= 0.5 and f.seen.longest >= 6) or (f.hinted("region_code") and region >= 0.5):
        return Choice("region_code", share=region)
    return None


def _phones(f: Facts) -> Choice | None:
    if f.share("phone") >= (0.3 if f.hinted("phone") else 0.8) and (f.hinted("phone") or f.share("mobile") >= 0.3):
        return Choice("phone", share=f.share("phone"))
    return None


def _numbers(f: Facts) -> Choice | None:
    """Figures: named so, or written with decimals. Whole numbers without a name that says so may as well be codes: text."""
    read = max(f.share("number"), f.share("amount"))
    said = f.hinted("number", "amount")
    if (f.hint.identifier and said < 0.9) or read < (0.5 if said else 0.9):
        return None
    if f.hint.rules.get("text") == 1.0 and f.share("decimal") < 0.3:
        return None
    if f.hint.unit or f.share("amount") >= 0.3 or (f.hinted("amount") >= 0.7 and f.hinted("amount") >= f.hinted("number")):
        return Choice(
            "amount", unit=f.hint.unit, share=read, doubt=None if f.hint.unit else "金额的单位列名没有写，按元读；若是万元请加 unit: 万元"
        )
    if said or f.share("decimal") >= 0.05:
        return Choice("number", share=f.share("number"))
    if (
        f.share("leading zero") < 0.01
        and f.seen.longest > f.seen.shortest
        and f.seen.longest < 9
        and (f.seen.unique < 0.9 or f.seen.rows < SMALL)
    ):
        return Choice("number", share=f.share("number"), doubt="全是整数，当作数字；若是编号或代码请删去 rule")
    return None


def _names(f: Facts) -> Choice | None:
    """Texts of a kind: by their look, less of it where the name says so. Among few different values authorities are likelier than
    parties, and numbers on paper (川交运许字…号) look like anything."""
    many = f.seen.distinct > 0.3 * f.seen.rows * f.seen.filled or f.seen.distinct > FEW
    text = (f.hint.rules.get("text", 0.0) == 1.0 and len(f.hint.rules) == 1) or f.hint.identifier
    if (
        f.share("person_name") + f.share("entity_name") >= 0.8
        and min(f.share("person_name"), f.share("entity_name")) >= 0.05
        and f.seen.named("名称")
    ):
        return Choice("entity_name", share=f.share("person_name") + f.share("entity_name"), doubt="里面有单位也有人名，按单位名称读")
    looks = (
        ("address", 0.8, 0.3, f.share("plate") >= 0.3),
        ("person_name", 0.8, 0.3, True),
        ("entity_name", 0.85, 0.3, many and not f.seen.named(*AUTHORITY)),
    )
    for rule, alone, hinted, fits in looks:
        said = f.hinted(rule) >= 0.7
        if f.share(rule) >= (hinted if said else alone) and (said or (fits and not text)):
            return Choice(rule, share=f.share(rule), doubt=None if said else f"列名看不出，内容像{NAMES[rule]}")
    if f.hinted("indicator_name") and f.share("words") > 0.5:
        return Choice("indicator_name")
    return None


def _with_doubt(f: Facts, c: Choice) -> Choice:
    """Says where name and values disagree, and where the rule reads too few values."""
    said = {r for r, weight in f.hint.rules.items() if weight >= 0.7 and r != "text"}
    chosen = f"code:{c.codes}" if c.rule == "code" else c.rule
    doubt = c.doubt
    if doubt is None and said and chosen not in said and not _kin(chosen, said):
        named = "、".join(NAMES.get(r, f"代码表 {r.removeprefix('code:')}") for r in sorted(said))
        doubt = f"列名像{named}，内容不像，" + ("先作文字" if chosen == "text" else f"按“{NAMES.get(chosen, chosen)}”才读得出")
    if doubt is None and c.share is not None and c.share < 0.9 and c.rule not in ("person_name", "entity_name", "address"):
        doubt = f"只有 {c.share:.0%} 的值读得出"
    return Choice(c.rule, c.codes, c.unit, c.share, doubt)


def _kin(rule: str, said: set[str]) -> bool:
    """Whether the name's word and the rule are of one kind: any date for any date, any code of an entity for another."""
    kinds = (
        {"date", "datetime", "end_date", "year_month", "year"},
        {"entity_code", "tax_number", "organization_code", "registration_number", "party_code", "citizen_id"},
        {"number", "amount", "figure"},
        {"person_name", "entity_name"},
    )
    return any(rule in kind and said & kind for kind in kinds)
