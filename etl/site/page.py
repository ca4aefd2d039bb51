"""A page before it is rendered."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Page:
    """`path` under the site's root, the template, the title, the section of the menu, and what the template is given."""

    path: str
    template: str
    title: str
    section: str
    given: dict[str, Any] = field(default_factory=dict)
    trail: tuple[tuple[str, str], ...] = ()  # (title, path) of the pages above

    @property
    def root(self) -> str:
        """The way back to the site's root."""
        return "../" * self.path.count("/")
