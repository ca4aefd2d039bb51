"""Delivered column names against the declared ones."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from etl.errors import DeliveryRefused
from etl.extract.limits import Limits, too_big
from etl.extract.rows import RESERVED
from etl.spec import Source
from etl.spec.registry import nearest
from etl.spec.source import Form

INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"


def trimmed(name: str) -> str:
    """A delivered column name without what surrounds it: blanks of any kind, byte order mark, zero-width characters."""
    return name.strip(INVISIBLE).strip().strip(INVISIBLE)


def plain(name: str) -> str:
    """A name for comparison: full width is half width, case and inner blanks do not count."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if not c.isspace() and c not in INVISIBLE)


def declared(source: Source) -> list[str]:
    """The columns that a delivery must hold: the declared ones but for context (@file, @title …) and the optional ones."""
    return [n for n, c in source.columns.items() if not n.startswith("@") and not c.optional]


class Names:
    """The names of a delivery's columns, remembered from file to file: matches, extras, renamings.

    A name that differs from a declared one only in width, case or blanks is taken for it. A table that lacks declared
    columns but holds all of another form that the source declares is read by that form's names.
    """

    def __init__(self, source: Source, limits: Limits):
        self.source, self.limits = source, limits
        self.declared = declared(source)
        self.extra: dict[str, None] = {}
        self.renamed: dict[str, str] = {}
        self.form: Form | None = None  # the one of the table at hand, None = the source's own
        self._forms = [(f, {plain(a): ours for a, ours in f.columns.items()}) for f in source.forms]
        self._used: dict[str, None] = {}
        self._exact = {n for n in source.columns if not n.startswith("@")}
        self._plain = {plain(n): n for n in self._exact}

    def known(self, name: str) -> str | None:
        """The declared column that a delivered name means, in the source's own form or, failing that, in any other."""
        return self._meant(name) or next((m[plain(trimmed(name))] for _, m in self._forms if plain(trimmed(name)) in m), None)

    def _meant(self, name: str) -> str | None:
        """The declared column that a name means in the table at hand."""
        clean = trimmed(name)
        theirs = next((m for f, m in self._forms if f is self.form), {})
        return theirs.get(plain(clean)) or (clean if clean in self._exact else self._plain.get(plain(clean)))

    def of(self, name: str) -> str:
        """The column a delivered name becomes; extras and renamings are remembered for the notes."""
        found, clean = self._meant(name), trimmed(name)
        if found:
            if found != clean and not self.form:
                self.renamed[clean] = found
            return found
        if clean in RESERVED:
            clean = f"{clean}（交付列）"
        if clean not in self.extra:
            self.extra[clean] = None
            self.within(len(self.declared) + len(self.extra), "交付")
        return clean

    def header(self, delivered: Sequence[str], where: str) -> list[str]:
        """Final names of a header row, each once; raises missing_column, and format where a declared column stands twice."""
        self.within(len(delivered), where)
        self._choose(delivered)
        if not self.form:
            self.require([n for n in delivered if trimmed(n)], where)
        known = [self._meant(n) for n in delivered]
        twice = [n for n, c in Counter(k for k in known if k).items() if c > 1]
        # An exact name outranks one that only resembles it; two of the same are a riddle.
        exact = Counter(trimmed(n) for n in delivered)
        if riddle := [n for n in twice if exact[n] != 1]:
            raise DeliveryRefused("format", f"{where} 的表头中“{'、'.join(riddle)}”出现不止一次，无从取值")
        used: set[str] = set()
        out = []
        for i, name in enumerate(delivered):
            clean = trimmed(name)
            final = clean if known[i] in twice and clean != known[i] else self.of(name) if clean else f"第{i + 1}列"
            while final.casefold() in used:
                final += "_"
            used.add(final.casefold())
            out.append(final)
        return out

    def _choose(self, delivered: Sequence[str]) -> None:
        """The form of a header row: the source's own when nothing of it is missing, else one that is there whole."""
        self.form = None
        have = {self._meant(n) for n in delivered}
        if any(n not in have for n in self.declared):
            names = {plain(trimmed(n)) for n in delivered}
            self.form = next((f for f, theirs in self._forms if names >= set(theirs) - {plain(n) for n in f.optional}), None)
        if self.form:
            self._used[self.form.title] = None

    def require(self, delivered: Iterable[str], where: str) -> None:
        """Raises missing_column unless every declared column was delivered; names the nearest delivered ones."""
        names = [trimmed(n) for n in delivered]
        have = {self._meant(n) for n in names}
        missing = [n for n in self.declared if n not in have]
        if missing:
            free = [n for n in names if not self._meant(n)] or names
            said = "；".join(f"缺少列“{n}”（{nearest(n, free if get_close_matches(n, free, cutoff=0.5) else names)}）" for n in missing[:5])
            more = f"；等共 {len(missing)} 列" if len(missing) > 5 else ""
            raise DeliveryRefused("missing_column", f"{where} {said}{more}")

    def within(self, count: int, where: str) -> None:
        """Raises too_big for more columns than allowed."""
        if count > self.limits.columns:
            raise too_big(where, f"{count} 列", f"{self.limits.columns} 列")

    def notes(self) -> list[str]:
        """What to tell the owner: columns nobody declared, names that were nearly right."""
        told = [f"按“{title}”的列名读取" for title in self._used]
        told += [f"列名与约定写法不同：“{a}”按“{b}”读取" for a, b in self.renamed.items()]
        if self.extra and self.source.rest is None:
            told.append(f"多出的列：{'、'.join(self.extra)}")
        return told
