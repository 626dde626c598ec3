"""Both clients in one run against the same stand-in, and how much faster the engine is.

    python -m bench.apply [--courses 323] [--in-flight 2]

The old client's cost is per object, so that it is timed on the shape's first courses.  The figures are over the
writing calls as the site sees them; the engine's re-reading, journal and verification stand beside them.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from bench.apply.costs import AT_ONCE, RealCosts, Served, busy, ceiling
from bench.apply.old import OldClient
from bench.apply.ours import Engine
from bench.apply.shapes import INCIDENT, TERM_START, Shape, person
from include.groupsync.model.change import Change
from include.groupsync.settings import Moodle
from sandbox.moodle import create_site, load, running
from sandbox.moodle.database import Database, connect
from sandbox.moodle.functions import FUNCTIONS

_OLD_COURSES = 10  # enough objects for a steady cost per call
_LEAST = 8.0  # times faster on creates and deletes


@dataclass
class Row:
    """One line of the result; seconds of the writing calls, of everything else beside them."""

    shape: str
    action: str
    objects: int
    calls: int
    writing: float
    old_objects: int
    old_writing: float
    apply: float
    reads: int
    verify: float
    ceiling: float  # with one call at a time

    @property
    def faster(self) -> float:
        return (self.objects / self.writing) / (self.old_objects / self.old_writing)

    @property
    def faster_over_all(self) -> float:
        """With re-reading and journal, against an old client that has neither."""
        return (self.objects / self.apply) / (self.old_objects / self.old_writing)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--courses", type=int, default=INCIDENT.courses, help="courses of the incident's shape")
    options.add_argument("--in-flight", type=int, default=Moodle().in_flight, help="the setting moodle.in_flight")
    chosen = options.parse_args()
    shapes = [INCIDENT.scaled(chosen.courses), TERM_START.scaled(max(1, TERM_START.courses * chosen.courses // 323))]
    with tempfile.TemporaryDirectory(prefix="groupsync-bench-") as name:
        costs = RealCosts()
        path = _site(Path(name), shapes)
        with running(path, around=costs) as site:
            courses, users = _numbers(path)
            old = OldClient(site.url, site.token, courses, users)
            ours = Engine(site.url, site.token, Path(name), courses, users, chosen.in_flight)
            rows = [row for shape in shapes for row in _compare(shape, old, ours, costs)]
    _print(rows, chosen.in_flight, costs)
    return 0 if all(row.faster >= _LEAST for row in rows if row.action in ("creates", "deletes")) else 1


def _site(folder: Path, shapes: Sequence[Shape]) -> Path:
    path = folder / "moodle.sqlite"
    create_site(path)
    keys = [f"{who}{key}" for shape in shapes for key in shape.keys for who in ("", "old-")]
    people = [person(n) for n in range(max(shape.people * (shape.groups + 1) for shape in shapes))]
    load(
        path,
        courses=[{"shortname": key, "idnumber": key, "fullname": key} for key in keys],
        users=[{"username": who, "idnumber": who, "firstname": "F", "lastname": who} for who in people],
        enrolments=[
            {"course_idnumber": f"{who}{key}", "user_username": one}
            for shape in shapes
            if shape.people
            for key in shape.keys
            for who in ("", "old-")
            for one in people
        ],
    )
    return path


def _numbers(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    database = Database(connect(path))
    courses = {row["idnumber"]: row["id"] for row in database.all("SELECT id, idnumber FROM mdl_course")}
    users = {row["username"]: row["id"] for row in database.all("SELECT id, username FROM mdl_user")}
    database.close()
    return courses, users


def _compare(shape: Shape, old: OldClient, ours: Engine, costs: RealCosts) -> list[Row]:
    """A row for each action of the shape: both clients do the same to courses of their own."""
    first = Shape(f"old-{shape.name}", min(_OLD_COURSES, shape.courses), shape.groupings, shape.groups, (0, 0), 2)
    things, people = first.of("grouping", "group"), first.of("membership")
    had = {
        "creates": _timed(costs, lambda: old.create(things)),
        "adds": _timed(costs, lambda: old.add(people)) if shape.people else [],
        "removals": _timed(costs, lambda: old.remove(people)) if shape.people else [],
        "deletes": _timed(costs, lambda: old.delete(things)),
    }
    steps: list[tuple[str, list[Change]]] = [("creates", shape.of("grouping", "group"))]
    if shape.people:
        members = shape.of("membership")
        steps += [("links", shape.of("link")), ("adds", members)]
        steps += [("removals", [change.inverse() for change in members])]
    steps += [("deletes", [change.inverse() for change in shape.of("grouping", "group")])]
    rows = [_row(shape.name, action, changes, had, ours, costs) for action, changes in steps]
    return [row for row in rows if row.action != "links"]


def _timed(costs: RealCosts, work: Callable[[], object]) -> list[Served]:
    costs.take()
    work()
    return costs.take()


def _row(
    shape: str, action: str, changes: list[Change], had: dict[str, list[Served]], ours: Engine, costs: RealCosts
) -> Row:
    costs.take()
    began = monotonic()
    results = ours.apply(changes)
    apply = monotonic() - began
    served = costs.take()
    writes = [call for call in served if FUNCTIONS[call.function].writes]
    before = had.get(action, [])
    counts = Counter(call.function for call in writes for _ in range(call.items))
    return Row(
        shape=shape,
        action=action,
        objects=len(changes),
        calls=len(writes),
        writing=busy(writes),
        old_objects=len(before) or 1,
        old_writing=busy(before) or 1,
        apply=apply,
        reads=len(served) - len(writes),
        verify=ours.verify(results),
        ceiling=ceiling(counts, ours.client.settings.batch_items),
    )


def _print(rows: list[Row], in_flight: int, costs: RealCosts) -> None:
    out = sys.stdout.write
    out(f"moodle.in_flight {in_flight}; the site works on {AT_ONCE} requests at a time.  Objects a second:\n\n")
    out("| plan | action | objects | old, 1 call each | ours | objects a call | faster | ceiling | of it |")
    out(" whole apply | with reads and journal | verify |\n|" + "---|" * 12 + "\n")
    for row in rows:
        top = row.ceiling * min(in_flight, AT_ONCE)
        out(
            f"| {row.shape} | {row.action} | {row.objects:,} | {row.old_objects / row.old_writing:.1f}"
            f" | {row.objects / row.writing:.0f} | {row.objects / row.calls:.0f} | **{row.faster:.1f}x**"
            f" | {top:.1f}x | {row.faster / top:.0%} | {row.apply:.0f} s, {row.reads} reads"
            f" | {row.faster_over_all:.1f}x | {row.verify:.0f} s |\n"
        )
    if costs.overran:
        out(f"\n{costs.overran} calls took the stand-in longer than the real site.\n")


if __name__ == "__main__":
    sys.exit(main())
