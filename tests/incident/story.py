"""The incident replayed, one lock after the other taken away; what reaches the site is counted at the site.

Nothing is put back between the acts unless it says so: each begins where the one before has opened a lock.
"""

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from include.groupsync.breaker.split import split
from include.groupsync.model.verdict import Verdict
from include.groupsync.steps.decide import load_judged
from tests.incident.scene import (
    BEFORE_DEACTIVATION,
    CALENDAR,
    PRODUCTION,
    STAGING,
    STAGING_ADDRESS,
    TERM1,
    TERM2,
    THAT_MORNING,
    Scene,
    Size,
    copy_database,
    copy_tables,
    deliveries,
    renumber,
)
from tests.world import NO_BREAKER, SOURCE, STATE, WITH_MODULES, Outcome, World

LEDGER_TABLES = ("ledger_object", "ledger_link", "ledger_membership")
_IN_COURSE = "FROM mdl_{kind}s g JOIN mdl_course c ON c.id = g.courseid WHERE g.idnumber != 'groupsync-marker'"
PORTRAIT = (
    *(
        f"SELECT c.idnumber AS course, g.idnumber, g.name, g.description {_IN_COURSE.format(kind=kind)}"
        for kind in ("grouping", "group")
    ),
    "SELECT g.courseid, s.idnumber AS grouping, g.idnumber FROM mdl_groupings_groups l"
    " JOIN mdl_groupings s ON s.id = l.groupingid JOIN mdl_groups g ON g.id = l.groupid",
    "SELECT g.courseid, g.idnumber, m.userid FROM mdl_groups_members m JOIN mdl_groups g ON g.id = m.groupid",
)
CONTENT = ("mdl_groupings", "mdl_groups", "mdl_groupings_groups", "mdl_groups_members")


@dataclass(frozen=True)
class Act:
    """One run: what was taken away for it, which lock should hold, how it ended, and what the site counted.

    ``calls`` are the site's own counts by function; ``untouched`` says whether its group tables are, byte for
    byte, what they were when the scene was made.  ``state`` and ``deletes`` (groupings and groups in the plan)
    are what is expected of the run, ``through`` how many of those are expected to go.  After an act that ``restores``
    the ids are other ones: the tables are compared without them.
    """

    name: str
    taken_away: str
    lock: str
    state: str
    deletes: int
    through: int
    run: Outcome
    calls: Mapping[str, Mapping[str, Any]]
    untouched: bool
    seconds: float
    restores: bool = False

    @property
    def writing_calls(self) -> int:
        return sum(count["calls"] for count in self.calls.values() if count["writes"])

    @property
    def reading_calls(self) -> int:
        return sum(count["calls"] for count in self.calls.values() if not count["writes"])

    def planned(self, action: str = "delete") -> dict[str, int]:
        """How many changes of this action the plan makes, by kind; nothing where there is no plan."""
        counts = self.run.plan.counts if self.run.plan is not None else {}
        return {kind: actions[action] for kind, actions in counts.items()}

    @property
    def objects_to_delete(self) -> int:
        """Groupings and groups that the plan would delete."""
        return sum(self.planned().get(kind, 0) for kind in ("grouping", "group"))

    @property
    def deleted(self) -> int:
        """Groupings and groups in the calls that asked the site to delete them."""
        asked = (f"core_group_delete_{kind}s" for kind in ("grouping", "group"))
        return sum(self.calls[function]["items"] for function in asked if function in self.calls)

    def held_by_each_rule(self) -> dict[str, tuple[str, int]]:
        """For each rule that trips: hold or block, and of the plan's deletes how many it would hold all alone."""
        if self.run.plan is None or not len(self.run.plan):
            return {}
        plan, verdict = load_judged(self.run.folder)
        found = {}
        for rule in dict.fromkeys(trip.rule for trip in verdict.trips):
            own = tuple(trip for trip in verdict.trips if trip.rule == rule)
            counts = split(plan, Verdict(plan.digest, own)).held.counts
            held = sum(counts[kind]["delete"] for kind in ("grouping", "group"))
            found[rule] = (str(own[0].effect), held)
        return found

    @property
    def differs(self) -> list[str]:
        """What is not as the story has it; empty where every lock held."""
        wrong = []
        if self.run.state != self.state:
            wrong.append(f"the run is {self.run.state}, expected {self.state}: {self.run.error}")
        if self.objects_to_delete != self.deletes:
            wrong.append(f"the plan deletes {self.objects_to_delete}, expected {self.deletes}")
        if self.deleted != self.through:
            wrong.append(f"{self.deleted} groupings and groups were deleted, expected {self.through}")
        if not self.untouched and not self.through:
            wrong.append("the site is not what it was before")
        if self.writing_calls and not self.through and not self.restores:
            wrong.append(f"{self.writing_calls} calls that write reached the site")
        return wrong


class Incident:
    """The scene with its site running, and the deployment as it is configured at the moment."""

    def __init__(self, folder: Path, size: Size):
        self.scene = Scene.make(folder / "scene", size)
        self.size = size
        (folder / "world").mkdir()
        like = folder / "like"
        like.mkdir()
        shutil.copy(self.scene.folder / "moodle.db", like)
        for name in ("state.db", "source.db"):
            shutil.copy(self.scene.folder / STAGING / name, like)
        self.world = World(folder / "world", WITH_MODULES, like=like)
        self.world.calendar = CALENDAR
        self._stack = ExitStack()

    def __enter__(self) -> "Incident":
        world = self._stack.enter_context(self.world)
        world.configure(
            environments={
                PRODUCTION: {"moodle": world.url, "databases": {SOURCE: f"sqlite {PRODUCTION}"}},
                STAGING: {"moodle": STAGING_ADDRESS, "databases": {SOURCE: f"sqlite {STAGING}"}},
            }
        )
        self._as_made, self._portrait = self.content(), self.portrait()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def content(self) -> str:
        """A digest of all groupings, groups, links and members of the site but the marker's name."""
        digest = hashlib.sha256()
        for table in CONTENT:
            where = "WHERE idnumber != 'groupsync-marker'" if table == "mdl_groupings" else ""
            for row in self.world.moodle.query(f"SELECT * FROM {table} {where} ORDER BY id"):  # noqa: S608
                digest.update(repr(tuple(row.values())).encode())
        return digest.hexdigest()

    def portrait(self) -> str:
        """The same without ids and times, each thing by its course and idnumber: what a restore can bring back."""
        digest = hashlib.sha256()
        for statement in PORTRAIT:
            for row in sorted(tuple(row.values()) for row in self.world.moodle.query(statement)):
                digest.update(repr(row).encode())
        return digest.hexdigest()

    def deploy(self, environment: str, at: datetime) -> None:
        """Be this environment's deployment at that time, with its own state database and its own source."""
        world, now = self.world, self.scene.folder / environment
        world.environment, world.now = environment, at
        own = world.folder if environment == STAGING else now
        world.databases = {SOURCE: f"sqlite:///{own / 'source.db'}", STATE: f"sqlite:///{own / 'state.db'}"}

    def act(
        self,
        name: str,
        taken_away: str,
        lock: str,
        *,
        state: str,
        deletes: int = 0,
        through: int = 0,
        term: str = TERM1,
        of: Act | None = None,
        undoes: Act | None = None,
        again: bool = False,
    ) -> Act:
        """One run of the deployment as it is, and what the site says of it; ``of`` an act whose plan was held: the
        run that a person's approval lets go; ``undoes`` an act whose run is taken back.  ``again``: after that."""
        site, began = self.world.site, perf_counter()
        site.reset_calls()
        if undoes is not None:
            run = self.world.restore(undoes.run.run_id)
        else:
            run = self.world.sync(term, run_id=name) if of is None else self._release(of)
        seconds = perf_counter() - began
        calls = deepcopy(site.calls())
        if undoes is not None or again:
            untouched = self.portrait() == self._portrait
        else:
            untouched = self.content() == self._as_made
        restores = undoes is not None
        return Act(name, taken_away, lock, state, deletes, through, run, calls, untouched, seconds, restores)

    def use(self) -> None:
        """Teachers have put some of it to use: a page for one group alone, a forum and a quiz with a grouping."""
        world, course = self.world, deliveries(self.size)[0].course
        groups, groupings = world.moodle.groups(course), world.moodle.groupings(course)
        group, grouping = groups[min(groups)], groupings[min(groupings)]
        only = {"op": "&", "c": [{"type": "group", "id": group.id}], "showc": [True]}
        world.activity(course, "page", "Reading for one group", availability=only)
        world.activity(course, "forum", "Debate", groupmode=1, groupingid=grouping.id)
        only = {"op": "&", "c": [{"type": "grouping", "id": grouping.id}], "showc": [True]}
        world.activity(course, "quiz", "Test for one set", availability=only)

    def _release(self, of: Act) -> Outcome:
        self.world.answer(of.run, reason="it looked right to me")
        return self.world.release(of.run)

    def put_back(self) -> None:
        """The site and staging's copy of production's ledger as they were."""
        copy_tables(self.scene.folder / "moodle.db", self.world.folder / "moodle.db", *CONTENT)
        self.world.site.purge_caches()
        self.forge_marker()
        self.forge_ledger()

    def objects(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Every grouping and group of the sync's in the site, by kind and id, as a before-image must tell it."""
        query = self.world.moodle.query
        members, groupings = defaultdict(list), defaultdict(list)
        for row in query("SELECT groupid, username FROM mdl_groups_members m JOIN mdl_user u ON u.id = m.userid"):
            members[row["groupid"]].append(row["username"])
        for row in query("SELECT groupid, groupingid FROM mdl_groupings_groups"):
            groupings[row["groupid"]].append(row["groupingid"])
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for kind in ("grouping", "group"):
            sql = f"SELECT id, idnumber, name, description FROM mdl_{kind}s WHERE idnumber != 'groupsync-marker'"  # noqa: S608
            for row in query(sql):
                moodle_id = row.pop("id")
                inside = {"members": sorted(members[moodle_id]), "groupings": sorted(groupings[moodle_id])}
                found[kind, moodle_id] = row | (inside if kind == "group" else {})
        return found

    def in_the_journal(self, run: Outcome) -> dict[tuple[str, int], dict[str, Any]]:
        """What the journal keeps of everything that a run deleted, in the same words."""
        found = {}
        for entry in self.world.journal:
            if entry["run_id"] == run.run_id and entry["action"] == "delete":
                image = {name: entry["before"][name] for name in ("idnumber", "name", "description")}
                if entry["kind"] == "group":
                    image["members"] = sorted(member["user"] for member in entry["before"]["members"])
                    image["groupings"] = sorted(entry["before"]["groupings"])
                found[entry["kind"], entry[f"{entry['kind']}_id"]] = image
        return found

    # --- the locks

    def forge_marker(self) -> None:
        self.world.arm(f"{STAGING} {self.scene.deployments[STAGING]}")

    def forge_settings(self) -> None:
        """Staging is told that production's site is its own: what copying the configuration did."""
        self.world.configure(environments={STAGING: {"moodle": self.world.url}})

    def forge_mappings(self) -> None:
        """Every mapping of production's, active and set to import."""
        copy_tables(self.scene.folder / PRODUCTION / "source.db", self.world.source.path, "remote_mappings")

    def forge_ledger(self) -> None:
        """What production manages becomes staging's: its stamp stays, so that the identity holds."""
        copy_tables(self.scene.folder / PRODUCTION / "state.db", self.world.folder / "state.db", *LEDGER_TABLES)


def tell(incident: Incident) -> Iterator[Act]:
    """The acts in their order."""
    world, size = incident.world, incident.size
    incident.deploy(PRODUCTION, BEFORE_DEACTIVATION)
    yield incident.act(
        "production",
        "nothing. It is production's own run, the day before Term 1 was deactivated",
        "none is needed: Moodle equals the source, and the ledger manages all of it",
        state="applied",
    )

    incident.deploy(STAGING, THAT_MORNING)
    yield incident.act(
        "as-it-was",
        "nothing. It is staging's run, with production's address in the Moodle connection",
        "identity: two of the five sides are production's",
        state="blocked",
    )

    incident.forge_marker()
    yield incident.act(
        "marker",
        "the marker: the site says that it belongs to staging",
        "identity: the address is not staging's",
        state="blocked",
    )

    own, kept = world.folder / "state.db", world.folder / "kept.db"
    copy_database(own, kept)
    copy_database(incident.scene.folder / PRODUCTION / "state.db", own)
    incident.forge_settings()
    yield incident.act(
        "restored",
        "the address too: the settings call it staging's. And the state database was restored from production's",
        "identity: the ledger's stamp came with the copy",
        state="blocked",
    )
    copy_database(kept, own)

    yield incident.act(
        "identity",
        "identity: all five sides name one environment",
        "ledger: staging's own manages nothing on this site, and what is not managed is never deleted",
        state="applied",
    )

    mappings = world.folder / "mappings.db"
    shutil.copy(world.source.path, mappings)
    incident.forge_mappings()
    yield incident.act(
        "mappings",
        "identity, and the mappings: all of production's, active and set to import",
        "ledger, as before",
        state="applied",
    )

    incident.forge_ledger()
    renumber(own, by=len(deliveries(size)))
    yield incident.act(
        "numbers",
        "as before; and staging's ledger is full: its numbers are those of other groups of the same courses here",
        "ledger: a number counts only together with its idnumber, for a group and for the members in it",
        state="applied",
    )

    copy_tables(mappings, world.source.path, "remote_mappings")
    incident.forge_ledger()
    yield incident.act(
        "ledger",
        "identity and the ledger: production's rows stand in staging's. The mappings are staging's again",
        "mappings: only what is mapped to be imported or removed is in scope; and for that, the circuit breaker",
        state="held",
        deletes=size.objects_in_stagings_scope,
    )

    incident.forge_mappings()
    yield incident.act(
        "other-term",
        "identity, ledger and mappings; but the run is for Term 2, in which it took place",
        "scope: a run belongs to one term, and deletes nothing of another's",
        state="applied",
        term=TERM2,
    )

    incident.use()
    held = incident.act(
        "all",
        "identity, ledger and mappings",
        "the circuit breaker",
        state="held",
        deletes=size.objects,
    )

    yield held

    # From here on the site loses something: what is left of the locks is what a person takes away.
    approved = incident.act(
        "approved",
        "the circuit breaker, by a person who approves all of it",
        "nothing: ten deletes in one course go first and are read back, then the rest goes",
        state="applied",
        deletes=size.objects,
        through=size.objects,
        of=held,
    )
    yield approved

    yield incident.act(
        "taken-back",
        "nothing more: somebody sees it, and runs moodle_group_restore",
        "the journal: all of it is made again, with links and members, by the same breaker and apply",
        state="applied",
        undoes=approved,
    )
    yield incident.act(
        "the-night-after",
        "nothing more: the same run once more, with the source and the mappings that caused it",
        "restore: what it brought back is kept until a source lists it again",
        state="applied",
        again=True,
    )
    incident.put_back()

    world.configure(NO_BREAKER)
    yield incident.act(
        "off",
        "the circuit breaker too: every limit is null in the settings",
        "nothing: this is what gets through. The journal keeps all of it, to be restored",
        state="applied",
        deletes=size.objects,
        through=size.objects,
    )
