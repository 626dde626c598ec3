"""A delete and a create of one course that look like the same thing under a new identifier (rule P10)."""

from collections.abc import Sequence
from dataclasses import dataclass

from include.groupsync.diff.course import Overlap
from include.groupsync.model import keys

OVERLAP = 0.8


@dataclass(frozen=True)
class Gone:
    """A managed object that the source lists no more; ``name`` is its name in Moodle."""

    moodle_id: int
    key: str
    name: str


@dataclass(frozen=True)
class New:
    """A row that Moodle has nothing for; ``name`` as at the source, ``suffixed`` as it would be called."""

    key: str
    name: str
    suffixed: str


def find_rekeys(gone: Sequence[Gone], new: Sequence[New], overlap: Overlap) -> dict[str, tuple[str, str]]:
    """New key to (old key, evidence); each object is in one pair at most, the best evidence first."""
    candidates = []
    for old in gone:
        for row in new:
            rank, evidence = _evidence(old, row, overlap(old.moodle_id, row.key))
            if evidence:
                candidates.append((rank, old.key, row.key, evidence))
    pairs: dict[str, tuple[str, str]] = {}
    used: set[str] = set()
    for _, old_key, new_key, evidence in sorted(candidates):
        if old_key not in used and new_key not in pairs:
            used.add(old_key)
            pairs[new_key] = (old_key, evidence)
    return pairs


def _evidence(old: Gone, row: New, overlap: float | None) -> tuple[float, str]:
    """How strong the likeness is, lowest first, and in words; empty where there is none."""
    found = []
    if keys.loose(old.key) == keys.loose(row.key):
        found.append((0.0, "Moodle takes the two idnumbers for equal"))
    if _bare(old) in (row.name, row.suffixed) or old.name in (row.name, row.suffixed):
        found.append((1.0, f"both are named {row.name!r}"))
    if overlap is not None and overlap >= OVERLAP:
        found.append((3.0 - overlap, f"{overlap:.0%} of its members are listed for the new idnumber"))
    return (min(rank for rank, _ in found), "; ".join(text for _, text in found)) if found else (9.0, "")


def _bare(old: Gone) -> str:
    """The name without the suffix that rule P8 may have given it."""
    return old.name.removesuffix(f" ({old.key})")
