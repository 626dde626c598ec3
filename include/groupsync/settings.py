"""The settings file, validated once at the door; an unknown key is an error that names it."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from include.groupsync.alert_settings import Alerts
from include.groupsync.breaker_settings import BreakerLimits, Strict
from include.groupsync.calendar_settings import ClockTime, Zone
from include.groupsync.drift_settings import DriftLimits
from include.groupsync.errors import SettingsError
from include.groupsync.model.effective import MAPPING_KEY
from include.groupsync.model.identity import ENVIRONMENT, SANDBOX
from include.groupsync.model.kind import Kind
from include.groupsync.model.mode import Mode
from include.groupsync.model.schedule import Phase
from include.groupsync.settings_file import load_yaml, read_yaml, validated
from include.groupsync.source_settings import Native, Sources, with_derived_tables

MISSING_COURSE = "When using {field} to identify groups the remote group membership table must include the course."


class _Columns(Strict):
    """Our column names to the table's own; None means that the table has no such column."""

    term: str | None = None
    module: str | None = None
    occurrence: str | None = None
    period: str | None = None

    @property
    def configured(self) -> dict[str, str]:
        """Our name to the table's, for the columns that the table has."""
        return {ours: theirs for ours, theirs in self.model_dump().items() if theirs is not None}

    @property
    def delivery(self) -> tuple[str, ...]:
        """The columns that tell a row's module delivery (rule C1); empty where the table has no module."""
        return tuple(c for c in ("module", "occurrence", "period") if getattr(self, c)) if self.module else ()


class MappingColumns(_Columns):
    course: str = "course"
    module: str = "module"
    occurrence: str | None = "occurrence"
    academic_year: str | None = "academic_year"
    period: str | None = "period"
    department: str | None = None
    import_groups: str | None = "import_groups"
    status: str | None = "status"


class GroupingColumns(_Columns):
    """Rule G2: idnumber and course are needed; name defaults to the idnumber, description to blank."""

    course: str = "course"
    idnumber: str = "idnumber"
    name: str | None = None
    description: str | None = None


class GroupColumns(GroupingColumns):
    grouping: str | None = None


class MembershipColumns(_Columns):
    course: str | None = None
    group: str = "group_idnumber"
    user: str = "user"


class RequestColumns(_Columns):
    """The queue's: which mapping a row means, what it asks for, and when; ``id`` tells it from all others."""

    id: str = "id"
    course: str = "course"
    module: str = "module"
    occurrence: str | None = "occurrence"
    academic_year: str | None = "academic_year"
    period: str | None = "period"
    action: str = "action"
    requested_at: str = "requested_at"


class _Dataset(Strict):
    """A remote table: a table or view by its name, or a statement in ``include/sql/``; never both."""

    connection: str
    table: str | None = None
    sql: str | None = None

    @model_validator(mode="after")
    def _one_of_table_and_sql(self) -> "_Dataset":
        if (self.table is None) == (self.sql is None):
            raise ValueError("give either 'table' (a table or view) or 'sql' (a file in include/sql), one of them")
        return self


class Mappings(_Dataset):
    columns: MappingColumns = MappingColumns()


class Requests(_Dataset):
    """The queue of imports and removals that were asked for (rule C3): ``group_import``, with ADD and RMV."""

    columns: RequestColumns = RequestColumns()


class _Kept(_Dataset):
    """What becomes of a managed thing that the table lists no more (rules G7, P7, M5)."""

    on_vanish: Literal["delete", "keep"] = "delete"


class Groupings(_Kept):
    columns: GroupingColumns = GroupingColumns()


class Groups(_Kept):
    columns: GroupColumns = GroupColumns()


class Memberships(_Kept):
    columns: MembershipColumns = MembershipColumns()


_Mode = Literal["plan", "add", "full"]


class Modes(Strict):
    """How much a run does that nobody told, by the phase of its term (``Calendar.phase_of``)."""

    hourly: _Mode = "full"
    term: _Mode = "full"
    recess: _Mode = "full"
    ended: _Mode = "full"


class Environment(Strict):
    """What the databases and the Moodle of one environment answer when asked who they are (rule I1)."""

    moodle: str
    databases: dict[str, str] = Field(default_factory=dict)


class WritingWindow(Strict):
    """The hours in which is written, on the clock of ``timezone``; they may go past midnight."""

    opens: ClockTime
    closes: ClockTime
    timezone: Zone


class Moodle(Strict):
    connection: str = "groupsync_moodle"
    batch_items: int = Field(200, ge=1, le=500)
    # PHP silently drops what is past max_input_vars; 1,000 is its default where nobody raised it.
    form_variables: int = Field(1000, ge=20)
    connect_timeout: float = Field(5, gt=0)
    read_timeout: float = Field(300, gt=0)
    readers: int = Field(4, ge=1, le=16)
    verify_tls: bool = True
    # Writing calls at once; beyond the site's cores more gain nothing.
    in_flight: int = Field(2, ge=1, le=8)
    # Moodle lets a web service run for six minutes.
    settle_after: float = Field(420, ge=0)
    retry_seconds: float = Field(900, ge=0)
    objects_per_minute: int | None = Field(None, ge=1)
    window: WritingWindow | None = None
    lease_wait: float = Field(1800, ge=0)


class ApprovalSettings(Strict):
    """What is asked of a person, and how what they approve is applied (rules B4, B5)."""

    expires_hours: float = Field(20, gt=0, le=24 * 14)
    # How often an open request looks whether it has expired or been superseded.
    look_every_minutes: float = Field(5, gt=0)
    canary_over: int | None = Field(50, ge=0)
    canary_size: int = Field(10, ge=1)

    @property
    def waits(self) -> timedelta:
        return timedelta(hours=self.expires_hours)

    @property
    def look_every(self) -> timedelta:
        return timedelta(minutes=self.look_every_minutes)


class Settings(Strict):
    """Everything that a university decides; ``docs/settings.md`` explains each and its name in the design."""

    localcoursefield: Literal["id", "idnumber", "shortname"] = "idnumber"
    localuserfield: Literal["id", "idnumber", "username", "email"] = "idnumber"
    localgroupfield: Literal["id", "idnumber", "name"] = "idnumber"
    localgroupingfield: Literal["id", "idnumber", "name"] = "idnumber"
    mappings: Mappings | None
    requests: Requests | None = None
    native: Native | None = None
    groupings: Groupings | None = None
    groups: Groups | None = None
    memberships: Memberships | None = None
    on_name_collision: Literal["suffix", "warn"] = "suffix"
    adopt_same_name: bool = False
    on_local_edit: Literal["source", "keep"] = "source"
    vanish_grace_runs: int = Field(0, ge=0)
    sources: Sources = Sources()
    moodle: Moodle = Moodle()
    state_connection: str = "groupsync_state"
    journal_days: int | None = Field(400, ge=1)
    environments: dict[str, Environment] = Field(default_factory=dict)
    # By environment.
    modes: dict[str, Modes] = Field(default_factory=dict)
    # By connection: a statement in include/sql that answers one value, a time or a growing number.
    freshness: dict[str, str] = Field(default_factory=dict)
    breaker: BreakerLimits = BreakerLimits()
    approval: ApprovalSettings = ApprovalSettings()
    alerts: Alerts = Alerts()
    drift: DriftLimits = DriftLimits()

    @model_validator(mode="before")
    @classmethod
    def _mappings_none(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        # Rule C6's `mappings: none` is a decision; leaving the key out is not.
        if raw.get("mappings") is None:
            raise ValueError("'mappings' is missing: name the mapping table, or write 'mappings: none' (rule C6)")
        filled = with_derived_tables(raw)
        return {**filled, "mappings": None} if raw["mappings"] == "none" else filled

    @model_validator(mode="after")
    def _check(self) -> "Settings":
        if not self.kinds:
            raise ValueError("switch on at least one of 'groupings', 'groups' and 'memberships'")
        if SANDBOX in self.environments:
            raise ValueError("environment 'sandbox' is reserved for generated sources and cannot be configured")
        for connection in self.freshness:
            if connection not in self.source_connections:
                raise ValueError(
                    f"freshness.{connection}: no table is read over this connection; they are read over"
                    f" {', '.join(self.source_connections)}"
                )
        for name in self.environments:
            if not ENVIRONMENT.fullmatch(name):  # '' would be what a deployment without a name is in
                raise ValueError(f"environment {name!r}: use lower-case letters, digits and hyphens")
        self._check_requests()
        for name, dataset in self.datasets.items():
            for column in dataset.columns.delivery:
                if self.mappings is not None and column not in self.mappings.columns.configured:
                    raise ValueError(
                        f"{name}.columns.{column} is set, and mappings.columns.{column} is not:"
                        " no row could ever match a mapping"
                    )
        return self

    def _check_requests(self) -> None:
        if self.requests is None:
            return
        if self.mappings is None:
            raise ValueError("requests: they ask for mappings to be imported or removed; name the mapping table too")
        for column in (*MAPPING_KEY, "term"):
            if column in self.mappings.columns.configured and column not in self.requests.columns.configured:
                raise ValueError(
                    f"mappings.columns.{column} is set, and requests.columns.{column} is not: no request could tell"
                    " which mapping it means"
                )

    @property
    def tables(self) -> dict[str, "Mappings | Requests | Groupings | Groups | Memberships"]:
        """All that is read from the sources, by name: the datasets, and the queue of requests where there is one."""
        return {**self.datasets, **({"requests": self.requests} if self.requests is not None else {})}

    @model_validator(mode="after")
    def _check_modes(self) -> "Settings":
        known = [*self.environments, SANDBOX]
        for name in self.modes:
            if name not in known:
                raise ValueError(f"modes.{name}: no environment has this name; there are {', '.join(known)}")
        return self

    @property
    def datasets(self) -> dict[str, "Mappings | Groupings | Groups | Memberships"]:
        """The tables that are on, by name, in the order in which they are read."""
        every = {
            "mappings": self.mappings,
            "groupings": self.groupings,
            "groups": self.groups,
            "memberships": self.memberships,
        }
        return {name: dataset for name, dataset in every.items() if dataset is not None}

    def mode_of(self, environment: str, phase: Phase) -> Mode:
        """How much a run does that nobody told: all of it, unless the settings say less."""
        return Mode(getattr(self.modes.get(environment, Modes()), phase))

    @property
    def source_connections(self) -> list[str]:
        """The connections that the sources are read over, sorted."""
        native = self.native.connections if self.native is not None else frozenset[str]()
        return sorted({dataset.connection for dataset in self.tables.values()} | native)

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that are switched on (rule O3); links go with the groups that name a grouping."""
        on = {
            Kind.GROUPING: self.groupings is not None,
            Kind.GROUP: self.groups is not None,
            Kind.LINK: self.groups is not None and self.groups.columns.grouping is not None,
            Kind.MEMBERSHIP: self.memberships is not None,
        }
        return frozenset(kind for kind, is_on in on.items() if is_on)

    def check_membership_course(self) -> None:
        """Rule M1: by idnumber and name a group is only found with its course; SettingsError otherwise."""
        wanted = self.memberships is not None and self.localgroupfield != "id"
        if wanted and self.memberships and self.memberships.columns.course is None:
            raise SettingsError(
                MISSING_COURSE.format(field=self.localgroupfield)
                + " Set memberships.columns.course, or localgroupfield: id."
            )


class _AlertsOnly(BaseModel):
    alerts: Alerts = Alerts()


def load_settings(path: Path) -> Settings:
    """The settings of a YAML file.

    Raises SettingsError naming the file, the key, what is wrong with it and the next step; rule M1's
    missing course is found here too, before anything is read.
    """
    settings = load_yaml(path, Settings)
    settings.check_membership_course()
    return settings


def load_alerts(path: Path) -> Alerts:
    """The section ``alerts`` alone: who is told that the rest of the file is wrong.  SettingsError where it cannot be
    read, or is wrong itself."""
    raw = read_yaml(path)
    return validated(path, raw if isinstance(raw, dict) else {}, _AlertsOnly).alerts
