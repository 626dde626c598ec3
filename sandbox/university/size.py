"""Size: how big a sample university is, as plain numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """The knobs of one sample university; the odd cases come on top, the same in every size."""

    name: str
    courses: int  # Moodle courses of this academic year
    previous_courses: int  # of the year before, whose CMIS set is still there
    students: int


SIZES = {
    size.name: size
    for size in (
        Size("small", courses=20, previous_courses=4, students=300),
        Size("medium", courses=850, previous_courses=130, students=4_000),
        Size("ucl", courses=12_600, previous_courses=1_500, students=45_000),
    )
}
