"""A rule's limit as it holds for the run, a department or a course: the narrowest wins, field by field (rule B3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from include.groupsync.breaker_settings import BreakerLimits

_PUBLISHED = BreakerLimits()


@dataclass(frozen=True)
class Limits:
    """One rule's limits; ``departments`` are those of each course, a course of several takes the last by name.

    A limit is None where the rule is switched off, and for a rule that has none.
    """

    rule: str
    configured: BreakerLimits
    term: str = ""
    departments: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def run(self) -> Any:
        """Default, then term."""
        return self._resolved(())

    def of_department(self, department: str) -> Any:
        """Default, term, then department."""
        return self._resolved((self.configured.departments.get(department),))

    def of_course(self, course: str) -> Any:
        """Default, term, department, then course."""
        around = [self.configured.departments.get(one) for one in sorted(self.departments.get(course, ()))]
        return self._resolved((*around, self.configured.courses.get(course)))

    def beside(self, rule: str) -> "Limits":
        """Another rule's limits."""
        return replace(self, rule=rule)

    @property
    def own_departments(self) -> list[str]:
        """The departments for which this rule itself is set."""
        return self._set_in(self.configured.departments)

    @property
    def own_courses(self) -> list[str]:
        """The courses for which this rule itself is set."""
        return self._set_in(self.configured.courses)

    def _set_in(self, levels: Mapping[str, BaseModel]) -> list[str]:
        return sorted(name for name, level in levels.items() if self.rule in level.model_fields_set)

    def _resolved(self, levels: Iterable[BaseModel | None]) -> Any:
        limit = getattr(self.configured, self.rule, None)
        fields = _fields(getattr(_PUBLISHED, self.rule, None)) | _fields(limit)
        for level in (self.configured.terms.get(self.term), *levels):
            if level is None or self.rule not in level.model_fields_set:
                continue
            limit = getattr(level, self.rule)
            if isinstance(limit, BaseModel):
                # What is not written down here is as at the wider level, also where that is switched off.
                fields |= limit.model_dump(exclude_unset=True)
                limit = type(limit)(**fields)
        return limit


def _fields(limit: Any) -> dict[str, Any]:
    return limit.model_dump() if isinstance(limit, BaseModel) else {}
