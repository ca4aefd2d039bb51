"""Code tables: schemas/codes/<table>.csv with the columns code,label,aliases; the edition stands in schemas/codes/editions.yml."""

from etl.spec.base import Declared


class CodeTable(Declared):
    """`codes`: code → label; `aliases`: every other spelling (normalised text) → code."""

    name: str
    title: str
    edition: str
    codes: dict[str, str]
    aliases: dict[str, str]

    def spellings(self) -> dict[str, str]:
        """Every accepted text → code: the code itself, its label, its aliases."""
        return {**self.aliases, **{label: code for code, label in self.codes.items()}, **{c: c for c in self.codes}}
