"""The story in plain words, for a person at a terminal."""

import textwrap
from collections.abc import Sequence

from tests.incident.scene import Size
from tests.incident.story import Act

WIDTH = 100
_PLURAL = {"grouping": "groupings", "group": "groups", "link": "links", "membership": "memberships"}


def opening(size: Size, seconds: float) -> str:
    """What happened, and what stands here."""
    return "\n\n".join(
        (
            _wrap(
                "THE INCIDENT. On 26 February 2021 a staging server ran the group sync of UCL with production's code,"
                " and so with production's address of Moodle. Its mappings knew 28 imports over 11 courses. It found"
                " nothing to create, and in 30 hours it deleted 1,950 groupings and 2,085 groups in 323 of 14,000"
                " courses."
            ),
            _wrap(
                f"THE SCENE. A production site with {size.courses:,} courses; {size.affected} of them carry"
                f" {size.groupings:,} groupings and {size.groups:,} groups that production's sync made. A staging"
                f" deployment with its own name, ledger and test source, and {size.mappings} mappings: {size.added}"
                f" to be imported over {size.added_courses} course{'s' if size.added_courses > 1 else ''},"
                f" {size.removed} to be removed, the others with the import off. (Made in {seconds:.0f} s.)"
            ),
            _wrap("THE LOCKS are taken away one after the other. The site itself counts the calls that reach it."),
        )
    )


def act(number: int, one: Act) -> str:
    """One act: what is gone, what held, and the numbers."""
    lines = [
        "",
        f"{number}. {one.name.upper().replace('-', ' ')}",
        *_item("taken away", one.taken_away),
        *_item("what holds", one.lock),
        *_item("the run", _ended(one)),
    ]
    lines += [f"{'':16}{line}" for line in _sides(one)]
    for rule, (effect, count) in one.held_by_each_rule().items():
        lines.append(f"{'':16}{rule:<18} alone {effect}s {count:,} of {one.objects_to_delete:,}")
    lines += _item("at the site", f"{one.writing_calls:,} calls that write, {one.reading_calls:,} that read")
    lines += [f"{'':2}!! {what}" for what in one.differs]
    return "\n".join(lines)


def closing(wrong: Sequence[str], seconds: float) -> str:
    """The verdict on the story itself."""
    if wrong:
        return "\n".join(("", "NOT AS IT SHOULD BE", *(f"  {what}" for what in wrong)))
    return f"\nEvery lock held. docs/incident.md says what each is worth. ({seconds:.0f} s)"


def _ended(one: Act) -> str:
    word = {"applied": "ended, with nothing to do", "blocked": "blocked", "held": "held", "failed": "failed"}
    if one.run.plan is None:
        return f"{word[one.run.state]} at {one.run.failed_step}, before any group was read"
    if one.restores:
        made = ", ".join(f"{count:,} {_PLURAL[kind]}" for kind, count in one.planned("create").items() if count)
        work = one.run.folder.json("steps/list_work")["work"]
        return f"made {made} again, in {one.seconds:.0f} s; the work list for people has {work:,} lines"
    deletes = ", ".join(f"{count:,} {_PLURAL[kind]}" for kind, count in one.planned().items() if count)
    if not len(one.run.plan):
        return word[one.run.state]
    courses = len({change[2] for change in one.run.changes})
    planned = f"planned to delete {deletes} in {courses} courses"
    if one.run.state == "held":
        return f"{planned}, and was held: {len(one.run.held):,} wait"
    return f"{planned}, and did: {one.deleted:,} are gone, in {one.seconds:.0f} s"


def _sides(one: Act) -> list[str]:
    said = str(one.run.errors.get("check_identity", ""))
    return [line for line in said.splitlines() if line.startswith(("!! ", "   "))]


def _item(label: str, text: str) -> list[str]:
    return _wrap(text, first=f"  {label:<14}", rest=" " * 16).splitlines()


def _wrap(text: str, first: str = "", rest: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=rest)
