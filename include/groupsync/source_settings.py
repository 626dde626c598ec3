"""How the sources are read, and what is asked of a university whose tables are derived from CMIS and SITS."""

from typing import Any, Literal

from pydantic import Field, model_validator

from include.groupsync.breaker_settings import Strict

_DELIVERY = ("module", "occurrence", "period")
# The columns that derived tables have; past the extract they are as ready-made tables of these columns.
DERIVED: dict[str, tuple[str, ...]] = {
    "groupings": ("course", "idnumber", "name", "description", *_DELIVERY),
    "groups": ("course", "idnumber", "name", "description", "grouping", *_DELIVERY),
    "memberships": ("course", "group", "user", *_DELIVERY),
}
_READY_MADE = ("connection", "table", "sql", "columns")


class Sources(Strict):
    """How long a source's database may take, in seconds; how often all is read again where a snapshot was lost."""

    connect_timeout: float = Field(20, gt=0)
    answer_timeout: float = Field(600, gt=0)
    restarts: int = Field(2, ge=0)


class Native(Strict):
    """``cmis`` and ``sits`` are connections; without ``sits`` CMIS alone says who has left.

    ``session_types`` has the grouping's name by CMIS's code; of a group that is timetabled as several, the one
    that stands first here makes its grouping.  ``left`` are SITS's statuses of students who are no longer here.
    """

    cmis: str
    sits: str | None = None
    groupings: Literal["group_tree", "session_type"] = "group_tree"
    session_types: dict[str, str] = Field(default_factory=dict)
    user: Literal["upi", "student_number"] = "upi"
    left: tuple[str, ...] = ("G", "DE", "L", "NS", "T")
    check_registration: bool = True

    @model_validator(mode="after")
    def _named_types(self) -> "Native":
        if (self.groupings == "session_type") != bool(self.session_types):
            raise ValueError(
                "give 'session_types', such as {T: Tutorials, LAB: Labs}, with 'groupings: session_type', and only then"
            )
        return self

    @model_validator(mode="after")
    def _told_by_sits(self) -> "Native":
        if self.sits is None and {"left", "check_registration"} & self.model_fields_set:
            raise ValueError("'left' and 'check_registration' are asked of SITS: name its connection as 'sits'")
        return self

    @property
    def connections(self) -> frozenset[str]:
        return frozenset(one for one in (self.cmis, self.sits) if one is not None)


def with_derived_tables(raw: dict[str, Any]) -> dict[str, Any]:
    """The settings as read, with connection and columns of the tables that ``native`` derives.

    ValueError where a derived table is told where to be read from, or where the settings name its keys by what a
    derived table does not have.
    """
    native = raw.get("native")
    if not isinstance(native, dict):
        return raw
    if raw.get("mappings") == "none":
        raise ValueError("native: CMIS and SITS know no courses of Moodle; name the mapping table instead of 'none'")
    filled = dict(raw)
    for name, columns in DERIVED.items():
        given = raw.get(name)
        if not isinstance(given, dict):
            continue
        if told := [key for key in _READY_MADE if key in given]:
            raise ValueError(f"{name}.{told[0]}: with 'native' this table is derived; write '{name}: {{}}'")
        # Without groupings there is nothing that a group could be put into.
        kept = {one: one for one in columns if one != "grouping" or isinstance(raw.get("groupings"), dict)}
        filled[name] = {**given, "connection": native.get("cmis"), "sql": f"cmis_{name}.sql", "columns": kept}
    for field in ("localgroupfield", "localgroupingfield"):
        if raw.get(field, "idnumber") != "idnumber":
            raise ValueError(f"{field}: with 'native' it is 'idnumber': the derived tables name things by it")
    return filled
