"""From address texts to their parts: head (division and road), group, house number, estate, building, unit.

Everything is DuckDB SQL over whole columns. Patterns are searched for on their own and the text is cut at where they
stand; patterns that begin with `(.*?)` cost ten times as much.
"""

import duckdb

from etl.spread import Input, Part, Work, spread

CHINESE = "零一二三四五六七八九十百两"
NUMBER = f"(?:[0-9]+|[{CHINESE}]+)"
GROUP_WORDS = "村民小组|居民小组|农业合作社|合作社|生产队|村民组|小组|组|社|队"
BUILDING_WORDS = "栋|幢|座|号楼|棟"
# Odd forms of plain characters: full-width, dashes, circles for zero, traditional forms, every kind of bracket.
FORMS = {
    "０１２３４５６７８９": "0123456789",
    "ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＰＱＲＳＴＵＶＷＸＹＺ": "ABCDEFGHIJKLMNPQRSTUVWXYZ",
    "－—–―﹣‐～~": "--------",
    "＃○〇Ｏ": "#零零零",
    "號棟樓單區縣鎮鄉組濱內": "号栋楼单区县镇乡组滨内",
    "，；。：（［【〔([）］】〕)]": ",;,:{{{{{{}}}}}}",
}
ODD, PLAIN = "".join(FORMS), "".join(FORMS.values())
STRANGE = r"[^0-9A-Z\x{4e00}-\x{9fff}\x{3400}-\x{4dbf}\x{20000}-\x{2ffff}#-]"
NEAR = "附近|旁|对面|隔壁|背后|后面|斜对|周边|一带|路口|交叉口|交汇处|附[^0-9]?$|近$"


def chinese_number(value: int) -> str:
    """1–999 in Chinese numerals: 12 → 十二, 105 → 一百零五."""
    digits = "零一二三四五六七八九"
    hundreds, rest = divmod(value, 100)
    tens, ones = divmod(rest, 10)
    low = (digits[tens] if tens > 1 or hundreds else "") + "十" + (digits[ones] if ones else "") if tens else digits[ones] if ones else ""
    if not hundreds:
        return low
    return digits[hundreds] + "百" + ("零" if rest and not tens else "") + low


def numerals(con: duckdb.DuckDBPyConnection) -> None:
    """`geo_numeral(t, v)`: Chinese numerals and their usual variants → digits without leading zeros."""
    rows: dict[str, str] = {}
    for value in range(1, 1000):
        plain = chinese_number(value)
        spelt = "".join("零一二三四五六七八九"[int(d)] for d in str(value))
        for text in (plain, plain.replace("二百", "两百"), spelt, "一" + plain if plain.startswith("十") else plain):
            rows.setdefault(text, str(value))
    rows["两"] = "2"
    values = ", ".join(f"('{t}', '{v}')" for t, v in rows.items())
    con.execute(f"create or replace temp table geo_numeral as select * from (values {values}) as n(t, v)")


def plain(column: str) -> str:
    """SQL: the text with odd characters made plain; blanks, brackets and trailing remarks gone."""
    squeezed = rf"regexp_replace(translate(upper({column}), '{ODD}', '{PLAIN}'), '[ \t　]+', '', 'g')"
    lines = rf"regexp_replace({squeezed}, '[\r\n;,]+', ',', 'g')"
    remarks = rf"regexp_replace({lines}, '\{{[^{{}}]*\}}?|,(?:详|见|备注|注|说明|电话|联系|附件|同上|无).*$', '', 'g')"
    loose = rf"regexp_replace({remarks}, '([0-9号室房栋幢元楼]),+[^0-9]*$', '\1')"
    return rf"regexp_replace({loose}, '^[^:]{{0,6}}址:|{STRANGE}', '', 'g')"


def digits(alias: str, column: str) -> str:
    """SQL: digits of a number that may be Chinese; needs `geo_numeral` joined as `alias`."""
    return f"coalesce({alias}.v, nullif(ltrim(upper({column}), '0'), ''))"


def _building(n: str) -> str:
    """SQL: the stretch that names a building: `9栋`, `#12-2-801`, `11-2004`, `9拣` before a unit; empty when there is none."""
    words = f"(?:{BUILDING_WORDS})"
    return f"""case
        when regexp_matches({n}, '{BUILDING_WORDS}') then coalesce(nullif(regexp_extract({n}, '(?:[0-9]+|[A-Z][0-9]?){words}', 0), ''),
          regexp_extract({n}, '([{CHINESE}]+{words})(?:$|第?{NUMBER})', 1))
        when contains({n}, '-') then coalesce(nullif(regexp_extract({n}, '(#?[0-9]+-[0-9]+-[0-9]+[室号房]?)[^0-9]*$', 1), ''),
          case when contains({n}, '号') or contains({n}, '#') then regexp_extract({n}, '(#?[0-9]+-[0-9]+[室房]?)$', 1) else '' end)
        when regexp_matches({n}, '单|元') then regexp_extract({n}, '((?:[0-9]+|[{CHINESE}]+)[^0-9号])第?{NUMBER}(?:单.|.元)', 1)
        when regexp_matches({n}, '[0-9][^0-9][0-9]{{3,4}}[室号房]?$') then regexp_extract({n},
          '([0-9]+[^0-9号室层楼路街巷附-])[0-9]{{3,4}}[室号房]?$', 1)
        else '' end"""


def _house(pre: str) -> str:
    """SQL: the stretch with the house number: `255号附3号`; without 号 or in Chinese numerals, with the road's last character."""
    more = f"(?:[附之-](?:[0-9]+|[{CHINESE}]+)号?)?"
    return f"""case
        when regexp_matches({pre}, '[0-9]号') then regexp_extract({pre}, '[0-9]+(?:-[0-9]+)?号{more}', 0)
        when contains({pre}, '号') then regexp_extract({pre},
          '(?:[路街道巷段弄里坊坝湾院组社队村区][{CHINESE}]+|[^{CHINESE}][{CHINESE}]{{2,}})号{more}', 0)
        when regexp_matches({pre}, '[0-9]') then coalesce(nullif(regexp_extract({pre}, '[路街道巷段弄里组社队][0-9]+(?:[附-][0-9]+)?', 0),
          ''),
          regexp_extract({pre}, '[0-9]+[^0-9组社队栋单]?$', 0))
        else '' end"""


def _unit(m: str, rest: str) -> str:
    """SQL: the unit's number, after the building or inside `3-2-501`."""
    return f"""case when m = '' then '' when contains({m}, '-') then regexp_extract({m}, '-([0-9]{{1,2}})(?:-[0-9]+)?[^0-9]*$', 1)
        when {rest} = '' then '' else coalesce(nullif(regexp_extract({rest}, '^[第-]*({NUMBER})(?:单.|.元)', 1), ''),
          regexp_extract({rest}, '^-?([0-9]{{1,2}})-[0-9]{{2,4}}', 1)) end"""


def _unread(m: str, rest: str, tail: str) -> str:
    """SQL: whether something that should be a building, unit or room was not understood."""
    return f"""case when {m} = '' then regexp_matches({tail}, '[0-9栋幢单]') else regexp_matches({tail}, '[0-9]')
        or ({rest} <> '' and not regexp_matches({rest},
          '^[第-]*(?:{NUMBER}(?:单.|.元))?(?:{NUMBER}[楼层])?-?[0-9]*[^0-9单元-]*$|^-?[0-9]{{1,2}}-[0-9]{{2,4}}[^0-9]*$')) end"""


def read(con: duckdb.DuckDBPyConnection, texts: str) -> None:
    """`geo_part(tid, hint, head, grp, num, sub, est, b, u, vague, odd)`: one row per row of `texts`; parts NULL where absent.

    num, sub (附号), grp (组), b (building) and u (unit) are digits without leading zeros; head is division + road;
    vague: near something; odd: digits or a unit stand where they could not be read, so a building may have been overlooked.
    Each text is read by itself, so the reading may be spread.
    """
    numerals(con)
    con.execute(f"create or replace temp table geo_in as select row_number() over () tid, text, hint_region hint from {texts}")
    found = spread(con, Work("address", parts, {"address_texts": Input("geo_in", key=None)}))
    con.execute(f"create or replace temp table geo_part as {found['part']}")
    con.execute("drop table if exists geo_cut; drop table if exists geo_piece")


def parts(con: duckdb.DuckDBPyConnection, part: Part) -> dict[str, str]:
    """SQL of `geo_part` over the view `address_texts` (tid, text, hint)."""
    numerals(con)
    con.execute(f"""create or replace temp table geo_cut as
        with clean as (select tid, case when regexp_matches(text, '{STRANGE}|[號棟樓單區縣鎮鄉組濱內〇]') then {plain("text")}
          else text end n from address_texts),
        marked as (select tid, n, {_building("n")} m from clean)
        select tid, n, m, case when m = '' then n else left(n, strpos(n, m) - 1) end pre,
          case when m = '' then '' else substr(n, strpos(n, m) + length(m)) end rest from marked""")
    con.execute(f"""create or replace temp table geo_piece as
        with number as (select *, {_house("pre")} h from geo_cut),
        headed as (select *, case when h = '' then pre else left(pre, strpos(pre, h) - 1) || regexp_extract(h, '^[^0-9{CHINESE}]',
          0) end head,
          case when h = '' then '' else substr(pre, strpos(pre, h) + length(h)) end tail from number),
        grouped as (select *, case when right(head, 1) in ('组', '社', '队') then regexp_extract(head, '第?{NUMBER}(?:{GROUP_WORDS})$', 0)
          else '' end g
          from headed)
        select tid, rtrim(left(head, length(head) - length(g)), '第#-') head, case when g = '' then '' else regexp_extract(g, '{NUMBER}',
          0) end grp,
          case when h = '' then '' else regexp_extract(h, '{NUMBER}', 0) end num,
          case when length(h) < 4 then '' else regexp_extract(h, '[附之-]({NUMBER})', 1) end sub,
          case when tail = '' or left(tail, 1) in ('室', '房', '楼', '层', '号', '院') then '' else rtrim(regexp_extract(tail,
            '^[^0-9#-]*', 0), '第') end est,
          case when m = '' then '' else regexp_extract(m, '[A-Z]?[0-9]+|[A-Z]|[{CHINESE}]+', 0) end b, {_unit("m", "rest")} u,
          regexp_matches(n, '{NEAR}') vague, {_unread("m", "rest", "tail")} or (m <> '' and right(pre, 1) in ('-', '#')) odd
            from grouped""")
    sql = f"""
        select p.tid, i.hint, p.head, {digits("g", "p.grp")} grp, {digits("h", "p.num")} num, {digits("s", "p.sub")} sub,
          nullif(est, '') est, {digits("b", "p.b")} b, {digits("u", "p.u")} u, vague,
          odd or (p.b <> '' and {digits("b", "p.b")} is null) odd
        from geo_piece p join address_texts i using (tid) left join geo_numeral g on g.t = p.grp left join geo_numeral h on h.t = p.num
          left join geo_numeral s on s.t = p.sub left join geo_numeral b on b.t = p.b left join geo_numeral u on u.t = p.u"""
    return {"part": sql}
