"""What may leave the house of a delivered value: never a whole identifier, phone, person's name or person's address.

Customs: citizen ID 6 + 8 masked + 4, phone 3 + 4 masked + 4, name the first character and, from three characters on,
the last; address up to the town. Masking keeps the length (a wrong length must stay visible) and never splits a
character from its variation selector or combining mark. Which column gets which mask: etl.report.masker.
"""

import re
import unicodedata
from datetime import date

STAR = "*"
WHOLE = "****"
LONG_TEXT = 24
FILLERS = {(1900, 1, 1), (9999, 12, 31)}  # dates that are nobody's
ILLEGAL = re.compile("[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
KEPT_OF_LONG_TEXT = 6

HAN = r"[\u3400-\u9fff\U00020000-\U0003ffff]"
IN_IDENTIFIER = r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ*＊×]"
FOLD = str.maketrans("０１２３４５６７８９ＸｘＯｏＩｌ－\u3000", "0123456789XxOoIl- ")  # one for one: places in the text stay
# identifiers as they occur in text: 15 to 20 digits (the last may be X), single blanks or hyphens between them, O and I for 0 and 1
LONG_DIGITS = re.compile(r"(?<![0-9])[1-9](?:[ \-]?[0-9OoIl]){13,18}[ \-]?[0-9XxOoIl](?![0-9])")
MOBILE = re.compile(r"(?<![0-9])(?:(?:\+?86|0)[ \-]?)?1[3-9][0-9](?:[ \-]?[0-9]{4}){2}(?![0-9])")
LANDLINE = re.compile(r"(?<![0-9])\(?0[0-9]{2,3}\)?[ \-]?[2-9][0-9]{6,7}(?![0-9])")
EMAIL = re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+\.[A-Za-z0-9.\-]+")
STREET = re.compile(
    r"(?:[\u4e00-\u9fff]{1,8}?(?:路|街|巷|村|小区|社区|大道|组|苑)){1,3}[^，。；、\s]{0,12}?"
    r"[0-9一二三四五六七八九十]+\s*(?:号|栋|幢|单元|室|楼|组|社)[0-9\-#号栋幢单元室楼层]*"
)
TOWN = re.compile(
    r"^(?:[\u4e00-\u9fff]{2,8}?(?:省|自治区))?(?:[^\W区县0-9]{1,6}?(?:市|自治州))?(?:[^\W0-9]{1,6}?(?:区|县|市))?"
    r"(?:[\u4e00-\u9fff]{1,6}?(?:街道办事处|街道|镇|乡))?"
)
WORDS_FOR_NONE = re.compile(r"身份证号?码?|证件号?码?|号码?|公民|居民|暂无|没有|不详|未知|未提供|未办|无|空|户口簿|护照|统一社会信用代码")
WORDS_OF_PHONES = re.compile(
    "联系电话|联系方式|联系人|联系|手机号|手机|电话|座机|固话|宅电|分机|传真|小灵通|号码|办公室|办公|家里|家中|单位|备用|或者|或|转|本人|父亲|母亲|配偶"
    "|儿子|女儿|亲属|监护人|暂无|没有|不详|未知|未提供|未留|未填|无|空|同上|见附件|停机|空号|拒绝提供|打不通|元|万|亿|约"
)
WORDS_OF_FIGURES = set(
    "年月日时分秒上下午前后约共近无不详未知暂长期永久见附件元万亿千百十个户人吨米平方公里立零〇一二三四五六七八九两多余至起止今填空岁季度旬春夏秋冬农历闰大小"
)
SHOP = re.compile(r"(?:店|部|行|馆|坊|铺|吧|屋|摊|室|厅|庄|站|厂|场|房|楼|超市|工作室)(?:[(（][^)）]*[)）])?$")
ORGANISATION = re.compile(
    r"(?:公司|中心|集团|银行|医院|学校|店|厂|局|委|办|部|社|院|所|站|馆|校|队|场|吧|铺|城|行|会|处|庄|坊|屋|园|超市|商行)$"
)
SURNAMES = set(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦傅方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐"
    "易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝"
)
TWO_SURNAMES = {
    "欧阳",
    "司马",
    "上官",
    "诸葛",
    "司徒",
    "夏侯",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "令狐",
    "东方",
    "西门",
    "南宫",
    "宇文",
    "长孙",
    "淳于",
    "独孤",
}


def characters(text: str) -> list[str]:
    """The text in characters as a reader sees them: combining marks, variation selectors and joined signs stay with their base."""
    out: list[str] = []
    for c in text:
        joins = (
            unicodedata.category(c) in ("Mn", "Me", "Mc") or "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef" or c == "\u200d"
        )
        if out and (joins or out[-1].endswith("\u200d")):
            out[-1] += c
        else:
            out.append(c)
    return out


def _stars(text: str, first: int, last: int, counted: str) -> str:
    """Masks the characters that match `counted`, but for the first and last so many of them; the others stay where they are."""
    parts = characters(text)
    places = [i for i, c in enumerate(parts) if re.match(counted, c)]
    hidden = set(places[first : len(places) - last])
    return "".join(STAR if i in hidden else c for i, c in enumerate(parts))


def identifier(text: str) -> str:
    """510502199001011234 → 510502********1234; shorter documents keep two characters at each end."""
    told = re.sub(rf"({WORDS_FOR_NONE.pattern})|{HAN}", lambda m: m.group(1) or STAR, text)
    n = len(re.findall(IN_IDENTIFIER, told))
    if n < 5:
        return told
    first, last = (6, 4) if n >= 17 else (6, 3) if n >= 14 else (2, 2) if n > 7 else (1, 1)
    return _stars(told, first, last, IN_IDENTIFIER)


def phone(text: str) -> str:
    """13812345678 → 138****5678; several numbers are masked one by one; of the words around them those that tell of telephones stay."""
    folded = text.translate(FOLD)
    out, at = [], 0
    for m in re.finditer(r"[0-9](?:[ \-()]?[0-9])*", folded):
        n = sum(c.isdigit() for c in m.group())
        out += [_around_a_phone(text[at : m.start()]), _stars(text[m.start() : m.end()], 3, min(4, max(0, n - 7)), r"[0-9０-９]")]
        at = m.end()
    return "".join([*out, _around_a_phone(text[at:])])


def _around_a_phone(text: str) -> str:
    """Whoever is to be asked for is a person: 电话…转张三 → 电话…转张*."""
    parts = re.split(rf"({WORDS_OF_PHONES.pattern})", text)  # every second part is such a word
    return "".join(part if i % 2 else re.sub(f"{HAN}+", lambda m: _somebody(m.group()), part) for i, part in enumerate(parts))


def _somebody(text: str) -> str:
    return person(text) if is_person(text) else STAR * len(text)


def _chinese_name(text: str) -> str:
    """Masks each run of Chinese characters that is by itself a person's name."""
    return re.sub(HAN + "+", lambda m: person(m.group()) if is_person(m.group()) else m.group(), text)


def person(text: str) -> str:
    """张三 → 张*, 欧阳小明 → 欧**明; blanks, question marks and brackets stay, for they are what is wrong; digits are always masked."""
    note = re.search(r"[(（](?:户主|曾用名)[)）]$", text)
    if note:
        return person(text[: note.start()]) + note.group()
    parts = characters(text)
    places = [i for i, c in enumerate(parts) if c[0].isalpha()]
    whole = len(places) >= 3 and len(places) == len(parts)
    shown = {places[0], places[-1]} if whole else set(places[:1])
    masked = [c if i in shown else STAR if c[0].isalpha() or c[0].isdigit() else c for i, c in enumerate(parts)]
    return "".join(masked) if len(masked) <= LONG_TEXT else "".join(masked[:LONG_TEXT]) + "…"


def is_person(text: str) -> bool:
    """Whether a text could be a person's name: two or three characters under a common surname, four under a double one, or a middle dot."""
    bare = re.sub(r"[\s\u3000]", "", text)
    if re.fullmatch(r"[\u3400-\u9fff]{1,10}[·•・．.][\u3400-\u9fff·•・．.]{1,15}", bare):
        return True
    return (bool(re.fullmatch(HAN + "{2,3}", bare)) and bare[0] in SURNAMES) or (
        bool(re.fullmatch(HAN + "{3,4}", bare)) and bare[:2] in TWO_SURNAMES
    )


def party(text: str) -> str:
    """A person's or an organisation's name: four Chinese characters or fewer, and not plainly an organisation, are a person."""
    bare = re.sub(r"[\s\u3000*＊]", "", text)
    short = bool(re.fullmatch(r"[\u3400-\u9fff\U00020000-\U0003ffff?□○某]{1,4}", bare))
    if (short and not (len(bare) == 4 and ORGANISATION.search(bare))) or is_person(text):
        return person(text)
    return _keeper(free(text, streets=False))


def _keeper(name: str) -> str:
    """A shop that carries its keeper's name (江阳区陈小明水果店) keeps the family name alone (江阳区陈**水果店)."""
    prefix = m.end() if (m := TOWN.match(name)) else 0
    if SHOP.search(name) and len(name) - prefix >= 4 and (prefix or name[0] in SURNAMES):
        return f"{name[: prefix + 1]}{STAR * 2}{name[prefix + 3 :]}"
    return name


def address(text: str) -> str:
    """Up to the town, then four stars for what follows; nothing at all when the text does not begin with a division."""
    bare = text.strip()
    if WORDS_FOR_NONE.fullmatch(bare):
        return text
    m = TOWN.match(bare)
    told = m.group() if m else ""
    return told + WHOLE * (told != bare)


def code(text: str) -> str:
    """A code of an organisation is no secret; a citizen ID in its place is (self-employed persons pay tax under theirs)."""
    bare = re.sub(r"[\s\-]", "", text.translate(FOLD)).upper().replace("O", "0").replace("I", "1")
    if re.fullmatch(r"[1-8][0-9]{15,18}[0-9X*]", bare) or (re.fullmatch(r"[1-8][0-9]{14}", bare) and _month_and_day(bare[8:12])):
        return identifier(text)
    return free(text, streets=False, loose=False)


def _month_and_day(four: str) -> bool:
    return "01" <= four[:2] <= "12" and "01" <= four[2:] <= "31"


def _looks_like_id(digits: str) -> bool:
    """Eighteen or twenty digits with a birth year where an ID has it; other lengths (a digit lost or too many) with a whole birth date."""
    if len(digits) == 15:
        return _month_and_day(digits[8:12])
    if len(digits) in (18, 20):
        return digits[6:8] in ("18", "19", "20")
    return any(digits[i : i + 2] in ("18", "19", "20") and _month_and_day(digits[i + 4 : i + 8]) for i in (5, 6, 7))


def free(text: str, *, streets: bool = True, loose: bool = True) -> str:
    """Any text: what looks like an identifier, a phone number, an e-mail or a street address is masked, the rest stays.

    `loose`: every unbroken run of 15 digits and more counts as an identifier (bank cards too); else only one with a birth date.
    """
    text = EMAIL.sub(lambda m: m.group()[0] + "***" + m.group()[m.group().index("@") :], text)

    def long(m: re.Match[str]) -> str:
        plain = re.sub(r"[ \-]", "", m.group())
        digits = plain.upper().replace("O", "0").replace("I", "1").replace("L", "1")
        unbroken = len(plain) == len(m.group())
        return identifier(text[m.start() : m.end()]) if _looks_like_id(digits) or (loose and unbroken) else text[m.start() : m.end()]

    text = LONG_DIGITS.sub(long, text.translate(FOLD)) if LONG_DIGITS.search(text.translate(FOLD)) else text
    for pattern in (MOBILE, LANDLINE):
        if pattern.search(text.translate(FOLD)):
            text = pattern.sub(lambda m: phone(m.group()), text.translate(FOLD))
    return STREET.sub(WHOLE, text) if streets else text


def prose(text: str) -> str:
    """Text of unknown content: masked by pattern, a person's name alone masked as one, a long one cut short with its length said."""
    if is_person(text):
        return person(text)
    masked = _chinese_name(free(text))
    return masked if len(masked) <= LONG_TEXT else f"{masked[:KEPT_OF_LONG_TEXT]}…（共 {len(text)} 字，从略）"


def remark(text: str) -> str:
    """What a clerk wrote: identifiers, numbers, streets and names of persons are masked, the rest stays."""
    return _chinese_name(free(ILLEGAL.sub(" ", text)))


def figure(text: str) -> str:
    """A date or a number: Chinese characters that belong to neither are masked, lest a shifted column show a name."""
    if is_person(text):
        return person(text)
    told = "".join(STAR if "\u3400" <= c <= "\u9fff" and c not in WORDS_OF_FIGURES else c for c in text)
    return free(told)


def birthday(text: str) -> str:
    """A birth date keeps its year alone: beside six and four digits of an identity number the rest would complete it.

    What is no date of the calendar is what is wrong, and stays."""
    told = text.translate(FOLD)
    day = re.fullmatch(r"\D*([0-9]{4})\D{0,2}([0-9]{1,2})\D{0,2}([0-9]{1,2})(?:\D.*)?", told, re.DOTALL)
    if day and (tuple(map(int, day.groups())) in FILLERS or not _on_the_calendar(*map(int, day.groups()))):
        return figure(text)
    return _stars(figure(text), 4, 0, r"[0-9０-９〇○零一二三四五六七八九十两]")


def _on_the_calendar(year: int, month: int, day: int) -> bool:
    try:
        return bool(date(year, month, day))
    except ValueError:
        return False


def place(text: str) -> str:
    """An address where nobody is known to live (a venue, a shelter): shown, but for what looks like an identifier or a phone number."""
    return free(text, streets=False, loose=False)
