"""The incident's next step, done: 1,700 groups of Term 1 that were deleted behind the sync's back come back.

``python -m tests.incident --next-step [--tenth]`` tells it; what reaches the site is counted at the site.  It is
production's own deployment from the beginning: nothing is forged, and every lock stays where it is.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from include.groupsync.model.mode import Mode
from tests.incident.scene import BEFORE_DEACTIVATION, PRODUCTION, TENTH, TERM1, TERM2, WHOLE, list_term2
from tests.incident.story import Incident
from tests.world import Outcome, Source

WHOLE_NEXT, TENTH_NEXT = replace(WHOLE, groups=1_700), replace(TENTH, groups=170)
DEACTIVATION = datetime(2020, 11, 19, 9, tzinfo=UTC)
IN_TERM2 = datetime(2021, 1, 12, 2, tzinfo=UTC)
THE_WEEK_AFTER = datetime(2021, 3, 1, 9, tzinfo=UTC)
_AT_ONCE = 500  # ids in one call by hand
# Whole rows, ids and times included, and of each the idnumber of its group or grouping, which begins with the module's.
_ROWS = {
    "groupings": "SELECT g.idnumber AS of, g.* FROM mdl_groupings g",
    "groups": "SELECT g.idnumber AS of, g.* FROM mdl_groups g",
    "links": "SELECT g.idnumber AS of, l.* FROM mdl_groupings_groups l JOIN mdl_groups g ON g.id = l.groupid",
    "memberships": "SELECT g.idnumber AS of, m.* FROM mdl_groups_members m JOIN mdl_groups g ON g.id = m.groupid",
}
_IDS = ("id", "groupingid", "groupid", "timecreated", "timemodified", "timeadded")


@dataclass(frozen=True)
class Step:
    """What somebody did, the run that came of it if any, and the site's own counts of the calls meanwhile."""

    run: Outcome
    calls: Mapping[str, Mapping[str, Any]]
    seconds: float

    @property
    def written(self) -> dict[str, int]:
        """What was in the calls that write, by function."""
        return {name: count["items"] for name, count in sorted(self.calls.items()) if count["writes"]}

    @property
    def deleted(self) -> int:
        """Whatever was in calls that delete or take out, of any kind."""
        return sum(items for name, items in self.written.items() if "delete" in name or "unassign" in name)


class NextStep:
    """The scene, and what people do in it one after the other."""

    def __init__(self, incident: Incident):
        self.incident, self.world, self.size = incident, incident.world, incident.size
        self.source = Source(incident.scene.folder / PRODUCTION / "source.db")
        self._runs = 0

    def what_has_been(self) -> Step:
        """Term 1 is deactivated, Term 2 is taught and synced, and somebody deletes all of Term 1 in Moodle; the run of
        Term 2."""
        self.incident.deploy(PRODUCTION, DEACTIVATION)
        self.world.set_state(TERM1, "frozen", reason="global deactivation for Term 1")
        self.source.update("remote_mappings", {"period": "T1"}, status="inactive")
        list_term2(self.source.path, self.size)
        of_term2 = self.sync(IN_TERM2, TERM2)
        self.delete_behind_the_syncs_back()
        return of_term2

    def delete_behind_the_syncs_back(self) -> None:
        for kind in ("group", "grouping"):
            sql = f"SELECT id FROM mdl_{kind}s WHERE idnumber LIKE 'MOD%'"  # noqa: S608
            ids = [row["id"] for row in self.world.moodle.query(sql)]
            for start in range(0, len(ids), _AT_ONCE):
                chosen = {f"{kind}ids": ids[start : start + _AT_ONCE]}
                self.world.by_hand.call(f"core_group_delete_{kind}s", **chosen)

    def switch_back(self) -> list[Outcome]:
        """The two forms: the term may add, and its mappings are active."""
        self.incident.deploy(PRODUCTION, THE_WEEK_AFTER)
        reason = "groups of Term 1 were deleted on 26 February: bring them back"
        return [
            self.world.set_state(TERM1, "add-only", reason=reason),
            self.world.switch("on", term=TERM1, every=True, reason=reason),
        ]

    def backfill(self, mode: Mode = Mode.ADD) -> Step:
        """As a person starts one."""
        return self.sync(THE_WEEK_AFTER, TERM1, mode=mode, by_person=True)

    def sync(self, at: datetime, term: str, **told: Any) -> Step:
        self._runs += 1
        self.incident.deploy(PRODUCTION, at)
        site, began = self.world.site, perf_counter()
        site.reset_calls()
        run = self.world.sync(term, run_id=f"next-step-{self._runs}", **told)
        return Step(run, deepcopy(site.calls()), perf_counter() - began)

    def rows(self, term: str, *, as_made: bool = False) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the term's in the site, whole; ``as_made``: without ids and times, what a new object can be."""
        begins = "MOD" if term == TERM1 else "SPR"
        return {
            name: sorted(
                tuple(value for column, value in row.items() if not as_made or column not in _IDS)
                for row in self.world.moodle.query(sql)
                if row["of"].startswith(begins)
            )
            for name, sql in _ROWS.items()
        }


def tell(folder: Path, *, tenth: bool) -> int:
    """Tell it at a terminal; 0 where all of it is as it should be."""
    size = TENTH_NEXT if tenth else WHOLE_NEXT
    wrong: list[str] = []

    def say(what: str, step: Step | None = None) -> None:
        print(f"\n{what}" + (f"  ({step.seconds:.0f} s)" if step else ""), flush=True)
        for name, items in (step.written if step else {}).items():
            print(f"    {name}: {items:,} items in {step.calls[name]['calls']:,} calls", flush=True)

    def check(holds: bool, what: str) -> None:
        print(f"    {'as it should be' if holds else 'WRONG'}: {what}", flush=True)
        wrong.extend([] if holds else [what])

    with Incident(folder, size) as incident:
        story = NextStep(incident)
        before = story.rows(TERM1, as_made=True)
        first = story.sync(BEFORE_DEACTIVATION, TERM1)
        second = story.what_has_been()
        say(
            f"1. Term 1: {size.groups:,} groups in {size.affected} of {size.courses:,} courses. Term 2 is synced:",
            second,
        )
        check((first.run.error, first.written) == ("", {}), "production's own run of Term 1 had nothing to do")
        term2 = story.rows(TERM2)
        check(len(term2["groups"]) == size.groups, f"{size.groups:,} groups of Term 2 are there")
        check(not any(story.rows(TERM1).values()), "nothing of Term 1 is left: deleted in Moodle")
        refused = story.backfill()
        say(f"2. The backfill of Term 1:\n{refused.run.error}", refused)
        check(refused.run.failed_step == "extract" and not refused.written, "refused, and nothing was written")
        forms = story.switch_back()
        say("3. moodle_term_state: add-only; moodle_course_switch: on, for all mapped courses")
        check([form.error for form in forms] == ["", ""], forms[1].folder.json("course_switch")["means"])
        done = story.backfill()
        say("4. The backfill of Term 1 again:", done)
        check(done.run.error == "", f"the run is {done.run.state} {done.run.error}")
        check(story.rows(TERM1, as_made=True) == before, "all of Term 1 is there again, with members and groupings")
        check(done.deleted == 0, f"{done.deleted} items in calls that delete")
        check(story.rows(TERM2) == term2, "Term 2 is what it was, row for row, with ids and times")
        again = story.backfill()
        say("5. Once more:", again)
        check((again.run.error, again.run.changes, again.written) == ("", [], {}), "nothing to do")
    print(f"\n{'ALL AS IT SHOULD BE' if not wrong else 'WRONG: ' + '; '.join(wrong)}")
    return 1 if wrong else 0
