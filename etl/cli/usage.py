"""Wrong usage in Chinese: what the parser of the command line says in English."""

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches

Said = Callable[[re.Match[str]], str]


def _quoted(text: str) -> str:
    return "、".join(re.findall(r"'([^']*)'", text)) or text


VALUES: Sequence[tuple[str, Said]] = (
    (r".*valid integer.*", lambda m: "应为整数"),
    (r".*valid (?:number|float).*", lambda m: "应为数字"),
    (r".*valid boolean.*", lambda m: "应为是或否（true、false）"),
    (r"'(.*)' is not one of (.+?)\.?", lambda m: f"“{m[1]}”不在可选之列：{_quoted(m[2])}"),
    (r"(.+) is not in the range (.+?)\.?", lambda m: f"{m[1]} 超出范围（{m[2]}）"),
    (r".*'(.*)' does not exist\.?", lambda m: f"没有 {m[1]}"),
    (r".*'(.*)' does not match the formats? (.+?)\.?", lambda m: f"“{m[1]}”的写法不对，应如 {_quoted(m[2])}"),
)
SENTENCES: Sequence[tuple[str, Said]] = (
    (r"No such option: (\S+?)(?: \(Possible options?: (.+)\)| Did you mean (.+)\?)?", lambda m: f"没有选项 {m[1]}{_perhaps(m[2] or m[3])}"),
    (r"No such command '(.+?)'\.?(?: Did you mean (.+)\?)?", lambda m: f"没有命令 {m[1]}{_perhaps(m[2])}"),
    (r"Missing argument '(.+?)'\.?.*", lambda m: f"缺少参数 {m[1]}"),
    (r"Missing option '(.+?)'\.?.*", lambda m: f"缺少选项 {m[1]}"),
    (r"Missing command\.?", lambda m: "没有写命令"),
    (r"Option '(.+)' requires an argument\.?", lambda m: f"选项 {m[1]} 后面要写值"),
    (r"Option '(.+)' requires (\d+) arguments\.?", lambda m: f"选项 {m[1]} 后面要写 {m[2]} 个值"),
    (r"Option '(.+)' does not take a value\.?", lambda m: f"选项 {m[1]} 后面不写值"),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", lambda m: f"多出来的参数：{m[1].replace(' ', '、')}"),
    (r"Invalid value for '?(.+?)'?: (.+)", lambda m: f"{m[1]} 的值不对：{_first(VALUES, m[2])}"),
    (r"Invalid value: (.+)", lambda m: f"值不对：{_first(VALUES, m[1])}"),
)


def in_chinese(sentence: str, commands: Sequence[str] = ()) -> str:
    """What the parser says; as it stands where it is not known here. `commands`: all there are, to name the one that was meant."""
    said = _first(SENTENCES, sentence.strip())
    mistyped = re.fullmatch(r"没有命令 (\S+)", said)
    near = get_close_matches(mistyped[1], commands, 1) if mistyped else []
    return f"{said}；是不是 {near[0]}？" if near else said


def _perhaps(options: str | None) -> str:
    return f"；是不是 {(_quoted(options)).replace(', ', ' 或 ')}？" if options else ""


def _first(known: Sequence[tuple[str, Said]], sentence: str) -> str:
    found = ((said, m) for pattern, said in known if (m := re.fullmatch(pattern, sentence, re.DOTALL)))
    said, m = next(found, (None, None))
    return said(m) if said and m else sentence
