"""Which part of its term a run is for, as whoever starts it says."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from include.groupsync.model import keys
from include.groupsync.model.kind import Kind

# Courses, modules and departments: the names of a form's fields, and of the columns of the mappings.
NAMES = ("courses", "modules", "departments")
_TOLD, _SHORT = 20, 60


@dataclass(frozen=True)
class Extent:
    """What a run is for: what is in all of them; an empty one leaves nothing out.

    ``courses`` by the key of ``localcoursefield``, ``modules`` and ``departments`` as the mappings name them.
    """

    courses: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Extent":
        """What ``document`` gave, or what a form has: text, one name a line, or lists.  ValueError for a kind that is
        none."""
        names = {name: frozenset(_keys(document.get(name))) for name in NAMES}
        return cls(**names, kinds=frozenset(map(Kind, document.get("kinds") or ())))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out: all other runs are narrower ones."""
        return self == WHOLE

    def takes(self, kind: Kind) -> bool:
        """Whether things of that kind are in it."""
        return not self.kinds or kind in self.kinds

    @property
    def document(self) -> dict[str, list[str]]:
        """As plain values, sorted; nothing of what leaves nothing out."""
        ordered = {name: sorted(getattr(self, name)) for name in NAMES}
        ordered["kinds"] = [str(kind) for kind in Kind if kind in self.kinds]
        return {name: values for name, values in ordered.items() if values}

    @property
    def form(self) -> dict[str, Any]:
        """What a form has of it, all fields."""
        names = {name: "\n".join(self.document.get(name, ())) for name in NAMES}
        return {**names, "kinds": self.document.get("kinds", [])}

    @property
    def told(self) -> str:
        """In words, such as ``courses C1, C2; kinds group``; empty where nothing is left out."""
        return "; ".join(f"{name} {_listed(values)}" for name, values in self.document.items())

    @property
    def short(self) -> str:
        """``told`` as far as a subject line has room, and never two alike."""
        told = self.told
        return told if len(told) <= _SHORT else f"{told[:_SHORT]}... ({self.digest[:8]})"

    @property
    def digest(self) -> str:
        """Names it."""
        return hashlib.sha256(json.dumps(self.document, sort_keys=True).encode()).hexdigest()


WHOLE = Extent()


def _keys(given: object) -> Iterable[str]:
    lines = given if isinstance(given, list | tuple | frozenset) else str(given or "").splitlines()
    return filter(None, (keys.key(str(line)) for line in lines))


def _listed(values: list[str]) -> str:
    more = f" and {len(values) - _TOLD} more" if len(values) > _TOLD else ""
    return ", ".join(values[:_TOLD]) + more
