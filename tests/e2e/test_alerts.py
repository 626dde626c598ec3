"""Who is told what of whole runs: once per change of state, with numbers and the next step, without names (W2, W3)."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.alert_settings import Channel
from include.groupsync.errors import AlertError
from include.groupsync.model.approval import REJECT
from include.groupsync.model.extent import Extent
from include.groupsync.model.kind import Kind
from include.groupsync.model.mode import Mode
from include.groupsync.report.alert import Message, Place
from include.groupsync.steps import Run
from include.groupsync.steps.alert import look_at, look_name, scope_of, speak, summarise_run
from include.groupsync.steps.evidence import configuration_digest
from include.groupsync.steps.restore import FOLDER
from include.groupsync.steps.run import Restoring
from tests.e2e.conftest import MakeWorld
from tests.world import NO_BREAKER, STATE, TERM1, Outcome, World, closed_port

TEAM, BOSS = "team@example.ac.uk", "boss@example.ac.uk"
MAIL: dict[str, Any] = {"mail": "groupsync_mail", "to": [TEAM]}
NO_REMOVALS = {"run_removals": {"count": 0}, "cumulative_removals": None, "config_changed": None}
# Found in what a run leaves, and in no message.
PEOPLE = r"\b(?:ann|bob|cid|dan|eve|zoltan|quillfeather)\b"


@dataclass
class Office:
    """Runs, and what each recipient is told after them; ``down`` are connections that nothing gets through."""

    world: World
    told: list[tuple[str, Message]] = field(default_factory=list)
    down: set[str] = field(default_factory=set)

    def send(self, channel: Channel, recipient: str, message: Message) -> None:
        if (channel.mail or channel.apprise) in self.down:
            raise AlertError(f"connection {channel.mail or channel.apprise}: nobody there")
        self.told.append((recipient.rpartition(" ")[2], message))
        said = re.findall(PEOPLE, f"{message.subject} {message.text} {message.html}", re.IGNORECASE)
        assert said == [], message.text

    def alert(self, run: Outcome, *, of: Run | None = None) -> list[tuple[str, str]]:
        """The task ``alert`` after a run: who was told, and the subject."""
        deployment, seen_before = self.world.deployment(), len(self.told)
        run_ = of or Run(run.run_id, TERM1)
        page = f"https://airflow/{run.run_id}"
        place = Place("sandbox", "https://moodle.example.ac.uk", scope_of(run_), run.run_id, page)
        parts = (deployment.settings.alerts, deployment.runs_root, place)
        look = look_name(run_, run.folder)
        try:
            speak(*parts, look_at(deployment, run_, run.folder), look, deployment.now(), self.send)
        finally:
            summarise_run(*parts, run_, run.folder, deployment.now(), self.send)
        return [(who, message.subject) for who, message in self.told[seen_before:]]

    def sync(self, **options: Any) -> list[tuple[str, str]]:
        return self.alert(self.world.sync(**options))

    @property
    def last(self) -> str:
        return self.told[-1][1].text


@pytest.fixture
def office(synced: World) -> Office:
    synced.configure(alerts={"channels": [MAIL]})
    return Office(synced)


def subjects(told: list[tuple[str, str]]) -> list[str]:
    return [subject.removeprefix("groupsync sandbox: ") for _, subject in told]


def test_w2_a_source_that_cannot_be_read_is_told_once_and_once_that_it_is_over(office: Office) -> None:
    office.world.source.execute("ALTER TABLE remote_groups RENAME TO gone")
    assert subjects(office.sync()) == [f"ERROR {TERM1}: extract: a source table could not be read whole"]
    assert "connection groupsync_source" in office.last
    assert "Nothing was written." in office.last
    assert "since: 2026-10-12 06:00 UTC, the run below" in office.last
    assert "the run's page: https://airflow/run-1" in office.last
    assert office.sync() == [], "the same state"
    office.world.source.execute("ALTER TABLE gone RENAME TO remote_groups")
    assert subjects(office.sync()) == [
        f"OVER {TERM1}: all is well again: extract: a source table could not be read whole, is over"
    ]
    assert "it began: 2026-10-12 06:00 UTC" in office.last
    assert office.sync() == []


def test_w2_held_deletes_are_told_with_numbers_limit_and_link(office: Office) -> None:
    office.world.configure(breaker=NO_REMOVALS)
    office.world.source.drop_member("C1", "G1", "ann")
    run = office.world.sync()
    assert subjects(office.alert(run)) == [
        f"WARNING {TERM1}: 1 delete in 1 course is held; everything else was applied"
    ]
    assert "run_removals: memberships: 1 to be removed of 4 managed (25.0%); limit 0" in office.last
    assert f"https://airflow.example.org/answer/{run.request['release_run_id']}" in office.last
    assert office.sync() == [], "held again"
    office.world.source.drop_group("C2", "G1")
    assert subjects(office.sync()) == [
        f"WARNING {TERM1}: 2 deletes in 2 courses are held; everything else was applied"
    ], "another rule holds now"
    assert "course_emptied: 1 trip in 1 course; none allowed" in office.last
    office.world.source.group("C2", "G1", name="Group 1")
    office.world.source.members("C2", "G1", "eve")
    assert office.sync() == [], "one cause less is no news"


def test_w2_what_was_held_is_over_once_the_release_run_has_applied_it(office: Office) -> None:
    office.world.configure(breaker=NO_REMOVALS)
    office.world.source.drop_member("C1", "G1", "ann")
    run = office.world.sync()
    office.alert(run)
    office.world.answer(run)
    done = office.world.release(run)
    release = Run(done.run_id, TERM1, run.request["release_run_id"])
    assert [one.split(":")[0] for one in subjects(office.alert(done, of=release))] == [f"OVER {TERM1}"]


@pytest.mark.parametrize("mode", [Mode.ADD, Mode.PLAN])
def test_w2_a_run_that_leaves_the_deletes_out_does_not_say_that_it_is_over(office: Office, mode: Mode) -> None:
    """Nor does it say anew what it did not ask anybody."""
    office.world.configure(breaker=NO_REMOVALS)
    office.world.source.drop_member("C1", "G1", "ann")
    planned = office.world.sync(mode=Mode.PLAN)
    assert (len(planned.held), office.alert(planned, of=Run(planned.run_id, TERM1, mode=Mode.PLAN))) == (1, [])
    assert len(office.sync()) == 1
    less = office.world.sync(mode=mode)
    assert office.alert(less, of=Run(less.run_id, TERM1, mode=mode)) == []
    office.world.source.members("C1", "G1", "ann")
    assert [one.split(":")[0] for one in subjects(office.sync())] == [f"OVER {TERM1}"]


def test_w2_a_part_of_a_term_has_alerts_of_its_own(office: Office) -> None:
    """It says which; what the whole run held is not over because a part holds nothing."""
    office.world.configure(breaker=NO_REMOVALS)
    office.world.source.drop_member("C1", "G1", "ann")
    held = f"WARNING {TERM1}{{}}: 1 delete in 1 course is held; everything else was applied"
    assert subjects(office.sync()) == [held.format("")]
    for course, news in (("C2", []), ("C1", [held.format(", only courses C1")])):
        extent = Extent(courses=frozenset({course}))
        run = office.world.sync(courses=course)
        assert subjects(office.alert(run, of=Run(run.run_id, TERM1, extent=extent))) == news
    assert office.sync() == []


def test_w2_a_rejection_is_no_news_and_a_refusal_is(office: Office) -> None:
    """Who rejects knows; who approves, and is not heeded, may not."""
    office.world.configure(breaker=NO_REMOVALS)
    office.world.source.drop_member("C1", "G1", "ann")
    run = office.world.sync()
    office.alert(run)
    with pytest.raises(Exception, match="REJECTED"):
        office.world.answer(run, REJECT)
    release = Run("moodle_group_release.r", TERM1, run.request["release_run_id"])
    assert office.alert(office.world.release(run), of=release) == []
    second = office.world.sync()
    office.alert(second)
    office.world.answer(second)
    office.world.source.drop_member("C1", "G1", "bob")
    refused = office.world.release(second)
    release = Run(refused.run_id, TERM1, second.request["release_run_id"])
    assert subjects(office.alert(refused, of=release)) == [
        f"WARNING {TERM1}: what was approved, or answered, could not be applied"
    ]


def test_w2_a_run_that_knows_nothing_of_it_does_not_end_what_is_open(office: Office) -> None:
    """It failed before the circuit breaker; and the worse cause is told beside the one that goes on."""
    office.world.configure(breaker=NO_REMOVALS)
    office.world.source.drop_member("C1", "G1", "ann")
    office.sync()
    office.world.source.execute("ALTER TABLE remote_groups RENAME TO gone")
    assert subjects(office.sync()) == [f"ERROR {TERM1}: extract: a source table could not be read whole"]
    assert "STILL OPEN: 1 delete in 1 course is held" in office.last
    office.world.source.execute("ALTER TABLE gone RENAME TO remote_groups")
    assert subjects(office.sync()) == [f"OVER {TERM1}: extract: a source table could not be read whole, is over"]
    assert "STILL OPEN: 1 delete in 1 course is held" in office.last


def test_w2_a_table_that_cannot_be_used_is_told_with_the_reason(office: Office) -> None:
    office.world.source.execute("UPDATE remote_groups SET course = NULL")
    assert subjects(office.sync()) == [f"ERROR {TERM1}: validate: a table of the source cannot be used"]
    assert "groups: more than half of the rows have no course" in office.last


def test_w2_an_emptied_table_is_an_error_that_no_approval_ends(office: Office) -> None:
    office.world.source.delete("remote_memberships")
    assert subjects(office.sync()) == [f"ERROR {TERM1}: 4 deletes in 2 courses are held; everything else was applied"]
    assert "released by nobody" in office.last


def test_w2_an_incomplete_apply_and_a_moodle_that_differs_are_told(office: Office) -> None:
    """Moodle's own words name the group, which is called after a person; a colleague made one like it meanwhile."""
    office.world.configure(NO_BREAKER)
    office.world.source.group("C1", "G3", name="Zoltan Quillfeather")
    office.world.source.members("C1", "G3", "dan")
    colleague = {"apply": lambda: office.world.by_hand.group("C1", "Zoltan Quillfeather")}
    run = office.world.sync(before=colleague)
    assert "Zoltan Quillfeather" in str(run.report), "it would be there to be told"
    assert subjects(office.alert(run)) == [f"ERROR {TERM1}: 2 of 2 changes were not made"]
    assert "1 refused, 1 waiting" in office.last
    office.world.source.drop_group("C1", "G3")
    office.world.source.drop_group("C2", "G1")
    office.world.break_deletes()
    assert subjects(office.sync()) == [f"ERROR {TERM1}: verify: Moodle differs from what was written in 1 place"]
    assert "OVER: 2 of 2 changes were not made" in office.last


def test_w2_a_refused_run_is_critical_and_goes_to_those_who_get_that(
    make_world: MakeWorld, after_one_run: Path
) -> None:
    world = make_world(like=after_one_run)
    world.configure(alerts={"channels": [{**MAIL, "gets": ["warning", "error"]}, {**MAIL, "to": [BOSS]}]})
    office = Office(world)
    world.arm("production 00000000-0000-0000-0000-000000000000")
    told = office.sync()
    assert told == [
        (
            BOSS,
            f"groupsync sandbox: CRITICAL {TERM1}: check_identity: the five names are not one environment: the run is"
            " refused",
        )
    ]
    assert "differs: marker" in office.last.lower()


def test_w2_it_goes_out_although_the_state_database_does_not_answer(office: Office) -> None:
    """Once, too: who was told is not kept there."""
    office.world.databases[STATE] = f"postgresql+psycopg2://nobody@127.0.0.1:{closed_port()}/none"
    told = subjects(office.sync())
    assert told == [f"ERROR {TERM1}: check_identity: a setting or a connection is wrong"]
    assert "connection groupsync_state" in office.last
    assert office.sync() == []


def test_w2_whom_nothing_reached_is_told_later_and_the_others_once(office: Office) -> None:
    office.world.configure(alerts={"channels": [MAIL, {"apprise": "groupsync_chat"}]})
    office.down = {"groupsync_mail"}
    office.world.source.execute("ALTER TABLE remote_groups RENAME TO gone")
    run = office.world.sync()
    with pytest.raises(AlertError, match="groupsync_mail"):
        office.alert(run)
    assert [who for who, _ in office.told] == ["groupsync_chat"]
    with pytest.raises(AlertError, match="groupsync_mail"):
        office.alert(run)  # the task's second try
    office.down = set()
    assert [who for who, _ in office.sync()] == [TEAM]


def test_w2_an_old_runs_alert_brings_nothing_back(office: Office) -> None:
    office.world.source.execute("ALTER TABLE remote_groups RENAME TO gone")
    old = office.world.sync()
    office.alert(old)
    office.world.source.execute("ALTER TABLE gone RENAME TO remote_groups")
    office.sync()
    assert office.alert(old) == [], "its task was cleared"


@pytest.mark.parametrize(("wanted", "expected"), [("every_run", [1, 1, 1]), ("daily", [1, 0, 1])])
def test_w1_the_reports_counts_are_mailed_as_the_settings_say(office: Office, wanted: str, expected: list[int]) -> None:
    """Daily is the first run of a day, in UTC."""
    office.world.configure(alerts={"run_summary": wanted})
    office.world.source.members("C1", "G2", "dan")
    told = [office.sync(), office.sync()]
    office.world.now = office.world.now.replace(day=13)
    told.append(office.sync())
    assert [len(one) for one in told] == expected
    if wanted == "every_run":
        assert subjects([told[0][0], told[1][0]]) == [f"{TERM1}: 1 change applied", f"{TERM1}: nothing to do"]
        first = office.told[0][1].text
        assert "memberships: 1 to create, 1 done" in first
        assert "courses changed: 1 of 2" in first


def test_w2_a_restore_has_a_state_of_its_own(office: Office) -> None:
    def restored(undoes: str) -> list[tuple[str, str]]:
        run = office.world.restore(undoes)
        kinds = frozenset(Kind)
        asked = Restoring(run.run_id, FOLDER, undoes=undoes, courses=None, kinds=kinds, dry_run=False, let_go=False)
        return office.alert(run, of=asked)

    assert restored("first-run") == []
    assert subjects(restored("nosuch")) == ["ERROR restore of nosuch: read_moodle: a setting or a connection is wrong"]
    assert "no run 'nosuch' has written anything" in office.last
    assert office.sync() == [], "the term's state is another"


def test_whom_an_alert_goes_to_is_no_change_of_the_configuration(office: Office) -> None:
    """Rule config_changed would hold deletes for it."""
    before = configuration_digest(office.world.deployment())
    office.world.configure(alerts={"run_summary": "daily", "channels": [{**MAIL, "to": [BOSS]}]})
    assert configuration_digest(office.world.deployment()) == before


def test_w2_no_channel_no_alert(office: Office) -> None:
    office.world.configure(alerts={"channels": []})
    office.world.source.execute("ALTER TABLE remote_groups RENAME TO gone")
    assert office.sync() == []
