"""Whatever happens at the university and on the line to Moodle, a quiet run brings everything in line.

``MACHINE=long`` runs many and longer histories; ``MACHINE_EXAMPLES`` says how many, ``MACHINE_SHRINK=1`` makes a
failing one short.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.machine.checks import Picture, check_untouched, natural, natural_ledger, numbered
from tests.machine.edits import COURSES, MAPPINGS, USERS, AtTheSource, ByHandInMoodle, Edit, edits, write_source
from tests.machine.faults import FAULTS, Killed, Line
from tests.machine.model import University, after_sync
from tests.machine.replay import ledger_of, replayed, site_of
from tests.world import NO_BREAKER, Outcome, World

pytestmark = pytest.mark.slow

LONG = os.environ.get("MACHINE") == "long"
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "400" if LONG else "0"))
SOURCE, HAND = edits(AtTheSource.VERBS, at_least=3), edits(ByHandInMoodle.VERBS)
STOPS = {"killed before apply": "circuit_breaker", "killed after apply": "apply"}
EVERY = (*COURSES, "C3")  # C3 never changes: nothing that happens elsewhere may show there
OPEN = {"breaker": {**NO_BREAKER["breaker"], "rekey": None, "empty": None}}
# What is held is held by very little here.
TIGHT = {"breaker": {"run_deletes": {"fraction": 0, "floor": 0}, "run_removals": {"fraction": 0, "floor": 0}}}

# Not yet: what a call did whose answer was lost is not found out, so that a link or membership which it made is
# taken for somebody else's.
LOST_ANSWERS_ARE_SETTLED = True


def start(folder: Path, limits: dict[str, Any]) -> Path:
    """A site with its courses and people, made once; C3's groups fill the tables, as an empty one is an error."""
    folder.mkdir()
    with World(folder, limits) as world:
        for course in EVERY:
            world.course(course, users=USERS)
    return folder


def first_university() -> University:
    quiet = {"course": "C3", "description": None}
    pair = {"course": "C3", "group_idnumber": "G1"}
    return University(
        tables={
            "remote_groupings": [{**quiet, "idnumber": f"GR{n}", "name": f"Grouping {n}"} for n in (1, 2, 3)],
            "remote_groups": [{**quiet, "idnumber": f"G{n}", "name": n, "grouping": "GR1"} for n in "123"],
            "remote_memberships": [{**pair, "user_key": user} for user in USERS],
        },
        mappings={"C1": {"M1": "active"}, "C2": {"M1": "active"}, "C3": {"M1": "active"}},
        enrolled={(course, user) for course in EVERY for user in USERS},
    )


class Machine(RuleBasedStateMachine):
    folder: ClassVar[Path]
    limits: ClassVar[dict[str, Any]] = OPEN
    foreseen: ClassVar[bool] = True  # without limits the model knows what a quiet run leaves

    def __init__(self) -> None:
        super().__init__()
        own = Path(tempfile.mkdtemp(dir=self.folder))
        self.world = World(own, self.limits, like=self.folder / "start")
        self.world.__enter__()
        self.university = first_university()
        self.site, self.entries = site_of(self.world, EVERY), 0
        self.by_hand = ByHandInMoodle(self.world, self.site, self.university)
        self.at_source = AtTheSource(self.university)

    def teardown(self) -> None:
        self.world.__exit__()

    # --- the university

    @initialize(some=SOURCE)
    def begin(self, some: list[Edit]) -> None:
        for course in COURSES:
            for at in range(4):
                self.at_source.do(Edit("list", course, "group", at, at % 3, "ABCD"[at]))
                self.at_source.do(Edit("list", course, "grouping", at % 2, 0, "AB"[at % 2]))
                for user in range(at, 5):
                    self.at_source.do(Edit("list_person", course, "group", at, user, "A"))
        self.edit_the_source(some)
        self.sync([], [], again=False)

    @rule(some=SOURCE)
    def edit_the_source(self, some: list[Edit]) -> None:
        for edit in some:
            self.at_source.do(edit)

    @rule(some=HAND)
    def edit_by_hand(self, some: list[Edit]) -> None:
        for edit in some:
            self.by_hand.do(edit)

    @rule(people=st.lists(st.tuples(st.sampled_from(COURSES), st.sampled_from(USERS), st.integers(0, 3)), min_size=2))
    def enrol_and_unenrol(self, people: list[tuple[str, str, int]]) -> None:
        for course, user, how in people:
            if how < 2 and (course, user) in self.university.enrolled:
                self.by_hand.unenrol(course, user)
            else:
                self.by_hand.enrol(course, user, suspended=how == 3)

    @rule(course=st.sampled_from(COURSES), module=st.sampled_from(("M1", "M1", "M2")), state=st.sampled_from(MAPPINGS))
    def change_a_mapping(self, course: str, module: str, state: str) -> None:
        self.university.mappings[course].pop(module, None)
        if state != "gone":
            self.university.mappings[course][module] = state

    @precondition(lambda self: any(self.university.standing(course) != "active" for course in COURSES))
    @rule()
    def activate_every_mapping(self) -> None:
        for course in COURSES:
            self.university.mappings[course] = {"M1": "active"}

    # --- runs

    @rule(source=SOURCE, hand=HAND, again=st.booleans())
    def sync(self, source: list[Edit], hand: list[Edit], again: bool = True) -> None:
        """In line after one run, and nothing left to write for a second."""
        self._edit(source, hand)
        expected = self._expected()
        run = self._run()
        self._check_quiet(run)
        if self.foreseen:
            self._check_foreseen(expected)
        if again:
            second = self._run()
            assert (second.writes, second.changes) == (0, run.held), "the second run found something to do"
            assert second.state == run.state, second.error

    @rule(
        source=SOURCE,
        hand=HAND,
        at=st.sampled_from((0, 1, 2, 3, 5)),
        fault=st.sampled_from((*FAULTS, *STOPS)),
        later=st.integers(0, 3),
        heal=st.booleans(),
    )
    def sync_over_a_bad_line(
        self, source: list[Edit], hand: list[Edit], at: int, fault: str, later: int, heal: bool
    ) -> None:
        """Two faults where ``later`` says so, or killed between two steps.

        With ``heal`` the next run ends where this one should have.
        """
        self._edit(source, hand)
        if fault in STOPS:
            self._disturbed({}, STOPS[fault], heal)
            return
        self._disturbed({at: fault} | ({at + later: "dropped after"} if later else {}), None, heal)

    @precondition(lambda self: self.foreseen)
    @rule(source=SOURCE, hand=HAND)
    def sync_with_reclaim(self, source: list[Edit], hand: list[Edit]) -> None:
        """What is there and listed is ours once a person agrees; Moodle is as after any other run (rule O2)."""
        self._edit(source, hand)
        expected = self._expected(reclaim=True)
        run = self._run(reclaim="a test")
        assert run is not None
        assert {change[:2] for change in run.held} <= {("link", "update"), ("membership", "update")}
        then = self._now().site
        if run.held:
            self.world.answer(run)
            released = self.world.release(run)
            assert (released.state, released.writes) == ("applied", 0), released.error
        journal = self.world.journal
        assert replayed(then, journal[self.entries :], self._now().site, self.world) == then
        self.entries = len(journal)
        self._check_foreseen(expected)

    @rule(source=SOURCE, some=HAND)
    def sync_while_somebody_works_in_moodle(self, source: list[Edit], some: list[Edit]) -> None:
        """Between what was read and what is written, a hand changes things: rule A2 and refusals."""
        self._edit(source, [])
        self._run(before_apply=some)

    def _edit(self, source: list[Edit], hand: list[Edit]) -> None:
        self.edit_the_source(source)
        self.edit_by_hand(hand)

    # --- what has to hold

    def _disturbed(self, faults: dict[int, str], until: str | None, heal: bool) -> None:
        promised = self._expected()
        self._run(faults, until)
        if heal:
            self.sync([], [], again=False)
        if heal and self.foreseen:
            assert natural(self.site) == natural(promised.site)
            found, owed = natural_ledger(self._now().ledger, self.site), natural_ledger(promised.ledger, promised.site)
            for what, due in owed.items():
                lost_may_be = what != "things" and not LOST_ANSWERS_ARE_SETTLED
                assert found[what] == due or (lost_may_be and found[what] < due), what

    def _run(
        self,
        faults: dict[int, str] | None = None,
        until: str | None = None,
        before_apply: list[Edit] | None = None,
        reclaim: str = "",
    ) -> Outcome | None:
        """One run, and what holds after any run, however it ended."""
        write_source(self.world, self.university)
        line, run = Line(faults or {}), None

        def by_hand() -> None:
            with line.left_alone():
                self.edit_by_hand(before_apply or [])

        before = {"apply": by_hand} if before_apply else None
        with line.open(), suppress(Killed):
            run = self.world.sync(until=until, before=before, reclaim=reclaim)
        now, journal, exact = self._now(), self.world.journal, before is None
        then, self.site = self.site, replayed(self.site, journal[self.entries :], now.site, self.world, exact)
        self.by_hand.site, self.entries = self.site, len(journal)
        assert self.site == now.site, "the journal and the hand edits tell another story than Moodle"
        check_untouched(then, now.site, line, self.world, self.university)
        return run

    def _check_quiet(self, run: Outcome | None) -> None:
        assert run is not None
        assert run.state == ("held" if run.held else "applied"), run.error
        assert not run.held or not self.foreseen
        assert set(run.results.values()) <= {"done"}, run.results
        held_deletes = {change for change in run.held if change[1] == "delete"}
        assert not set(self.world.journaled(run)) & held_deletes, "what is held was done"

    def _expected(self, *, reclaim: bool = False) -> Picture:
        now = self._now()
        assert now.site == self.site, "the machine's own picture of Moodle is wrong"
        return Picture(*after_sync(now.site, now.ledger, self.university, reclaim=reclaim))

    def _check_foreseen(self, expected: Picture) -> None:
        now = self._now()
        due = numbered(expected, now.site)
        assert now.site == due.site
        assert now.ledger.things == due.ledger.things
        assert now.ledger.links == due.ledger.links
        assert now.ledger.members == due.ledger.members

    def _now(self) -> Picture:
        return Picture(site_of(self.world, EVERY), ledger_of(self.world))


def explore(machine: type[Machine], folder: Path, limits: dict[str, Any], examples: int, steps: int) -> None:
    start(folder / "start", limits)
    chosen = settings(
        max_examples=EXAMPLES or examples,
        stateful_step_count=2 * steps if LONG else steps,
        deadline=None,
        derandomize=not LONG,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        # Making a history short takes minutes, as every run is a second: on request.
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if os.environ.get("MACHINE_SHRINK") else [])],
        database=None,
    )
    machine.folder, machine.limits = folder, limits
    run_state_machine_as_test(machine, settings=chosen)


class Held(Machine):
    """What the breaker holds is left out of the model; all that needs no model still has to hold."""

    foreseen = False


def test_a_quiet_run_brings_everything_in_line(tmp_path: Path) -> None:
    explore(Machine, tmp_path, OPEN, examples=9, steps=12)


@pytest.mark.parametrize("limits", [{}, TIGHT], ids=["default limits", "tight limits"])
def test_what_is_held_stays_as_it_is(tmp_path: Path, limits: dict[str, Any]) -> None:
    explore(Held, tmp_path, limits, examples=3, steps=10)
