"""The circuit breaker's limits as a university sets them; ``breaker/limits.py`` resolves them for a place."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    """A part of the settings file: an unknown key is an error, and nothing changes it afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# Strict: `true` is no number of things.
Count = Annotated[int, Field(ge=0, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Factor = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]


class Fraction(Strict):
    """Trips at strictly more than ``fraction`` of the managed when over ``floor``, or at more than ``count``."""

    fraction: Share | None = None
    floor: Count = 0
    count: Count | None = None


class Band(Strict):
    """Of the baseline's median; where neither side is over ``floor`` rows it is not looked at."""

    low: Share = 0.90
    high: Annotated[float, Field(ge=1, strict=True, allow_inf_nan=False)] = 1.25
    floor: Count = 20


class Unmatched(Strict):
    """A share, and how far it may be over the baseline's median."""

    fraction: Share | None = 0.20
    points: Share | None = 0.02


class Gutted(Strict):
    """The share of its members, or of its groups, that a group or grouping of ``size`` or more may lose."""

    fraction: Share = 0.50
    size: Count = 5


class History(Strict):
    """How many MADs over the median, from so many runs on; a MAD below ``least`` counts as ``least``."""

    mads: Factor = 6
    runs: Annotated[int, Field(ge=1, strict=True)] = 10
    least: Factor = 1


class Cumulative(Strict):
    """Multiples of what a single run may take, in 24 hours and in 7 days."""

    day: Factor | None = 1
    week: Factor | None = 2


class CourseLimits(Strict):
    """The rules that may be set for a single course.  For each level below, only what is written down counts."""

    run_deletes: Fraction | None = Fraction(fraction=0.05, floor=20, count=100)
    run_removals: Fraction | None = Fraction(fraction=0.10, floor=100, count=2000)
    course_emptied: Count | None = 0
    group_gutted: Gutted | None = Gutted()
    grouping_gutted: Gutted | None = Gutted(size=4)
    in_use: Count | None = 0


class DepartmentLimits(CourseLimits):
    """The rules that may be set for a department."""

    department_deletes: Fraction | None = Fraction(fraction=0.10, floor=10)


class TermLimits(DepartmentLimits):
    """The rules that may be set for a term: all of them."""

    empty: Count | None = 0
    stale: Factor | None = 36
    blackout: Count | None = 0
    volume: Band | None = Band()
    unmatched: Unmatched | None = Unmatched()
    quarantined: Share | None = 0.02
    courses_emptied: Fraction | None = Fraction(fraction=0.005, floor=3)
    delete_only: Count | None = 20
    rekey: Count | None = 0
    growth: Fraction | None = Fraction(fraction=0.50, floor=200)
    renames: Fraction | None = Fraction(fraction=0.20, floor=50)
    history: History | None = History()
    cumulative: Cumulative | None = Cumulative()
    cumulative_removals: Cumulative | None = Cumulative()
    config_changed: Count | None = 0


class BreakerLimits(TermLimits):
    """The limits of the circuit breaker's rules; null switches a rule off, 0 means "none allowed" (rule B3).

    What is set for a term, a department or a course goes over the defaults field by field, the narrowest last.
    """

    terms: dict[str, TermLimits] = Field(default_factory=dict)
    departments: dict[str, DepartmentLimits] = Field(default_factory=dict)
    courses: dict[str, CourseLimits] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _keep_defaults(cls, raw: Any) -> Any:
        # `run_deletes: {count: 5}` says nothing of the fraction: it is not thereby off.
        if not isinstance(raw, dict):
            return raw
        defaults = {name: field.default for name, field in cls.model_fields.items()}
        return {
            name: defaults[name].model_dump() | given
            if isinstance(given, dict) and isinstance(defaults.get(name), BaseModel)
            else given
            for name, given in raw.items()
        }
