"""What docs/security.md claims is there: every test and file it names; and nobody's password stands in the project."""

import re

import yaml

from etl.settings import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TESTS = {
    name
    for p in (ROOT / "tests").rglob("test_*.py")
    for name in [p.stem, *re.findall(r"^def (test_\w+)", p.read_text(encoding="utf-8"), re.MULTILINE)]
}
CODE = [
    *(ROOT / "etl").rglob("*.py"), *(ROOT / "etl").rglob("*.sh"), *(ROOT / "etl").rglob("*.yml"), *(ROOT / "dags").glob("*.py"), *(ROOT / "sql").rglob("*.sql"),
    *(ROOT / "schemas").rglob("*.yml"), ROOT / "docker-compose.yml", ROOT / "Makefile", ROOT / "pyproject.toml",
]  # fmt: skip
# a name that means a secret, and a literal behind it; what is made, asked for, read or interpolated is none
LITERAL = re.compile(r"""(?i)(?:password|passwd|secret|token|api_?key)['"]?\s*(?:=\s*|:\s+)(['"])(?![\s{$<*]*\1)([^'"{}$\s]{4,})\1""")
IN_URL = re.compile(r"[a-z+]+://[^/\s:@'\"]+:([^@\s'\"{}$*…<(\[]{3,})@")
SQL = re.compile(r"(?i)\bpassword\s+'([^'%]+)'")
HARMLESS = {"password", "api_key"}  # names of columns and fields


def test_every_test_that_the_page_of_security_names_exists() -> None:
    named = set(re.findall(r"\btest_[a-z0-9_]+", PAGE))
    assert len(named) > 20
    assert {n for n in named if not any(t.startswith(n) for t in TESTS)} == set()


def test_every_file_that_the_page_of_security_names_exists() -> None:
    named = set(re.findall(r"`((?:etl|sql|schemas|tests|docs|dags)/[\w./-]+)`", PAGE))
    assert len(named) > 5
    assert {n for n in named if not (ROOT / n).exists()} == set()


def secrets(text: str) -> set[str]:
    found = [m[2] for m in LITERAL.finditer(text)] + IN_URL.findall(text) + SQL.findall(text)
    return {f for f in found if f.isascii()} - HARMLESS


def test_no_secret_is_written_down() -> None:
    found = {(str(p.relative_to(ROOT)), s) for p in CODE for s in secrets(p.read_text(encoding="utf-8"))}
    assert found == set()


def test_the_scanner_finds_what_is_written_down() -> None:
    assert LITERAL.search("password = 'hunter22'")
    assert LITERAL.search('"API_KEY": "abcd1234"')
    assert IN_URL.search("postgresql://jichu:hunter22@db/x")
    assert SQL.search("create role x password 'hunter22'")
    assert not LITERAL.search("password = secret(path)")
    assert not IN_URL.search("postgresql://jichu:{word}@db/x")


def test_every_package_is_locked_with_its_hash_and_every_image_by_its_version() -> None:
    packages = re.split(r"^\[\[package\]\]$", (ROOT / "uv.lock").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    unlocked = [re.findall(r'name = "(.*?)"', p)[0] for p in packages if "sha256:" not in p]
    assert unlocked == ["jichu"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    images = {s["image"] for s in services.values() if "image" in s}
    assert [i for i in images if not re.search(r":v?\d+[\w.-]*$", i)] == []
