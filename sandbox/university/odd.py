"""Odd cases: the same few courses in every size, each with one kind of bad luck that real data has.

They are written out by hand, in departments ODDS and ANTH, so that a test can name them. Every delivery has
an ordinary class beside its oddity: the four students PLAIN.
"""

from dataclasses import dataclass, field

from sandbox.university.calendar import CURRENT, PREVIOUS, Year

Row = dict[str, object]


@dataclass(frozen=True)
class Person:
    """One student; stored is what CMIS has in STUDENTS.QTYPE2."""

    number: str
    upi: str
    firstname: str
    lastname: str
    stored: str | None = "as upi"
    in_moodle: bool = True
    in_cmis: bool = True
    enrolled: int | None = 0  # Moodle's enrolment status, None: not enrolled in any odd course


PLAIN = tuple(Person(f"9900000{n}", f"ZZPLA0{n}", "Plain", f"Student {n}") for n in (1, 2, 3, 4))
OBRIEN = Person("99000011", "ZZOBR01", "Siobhán", "O'Brien")
COMPOSED = Person("99000012", "ZZCAF01", "Jos\u00e9", "Precomposed")
COMBINING = Person("99000013", "ZZCAF02", "Jose\u0301", "Combining")
EMOJI = Person("99000014", "ZZEMO01", "Zoë 🦉", "Owl")
LOWER_CASE = Person("99000015", "ZZLOW01", "Lower", "Case", stored="zzlow01")
PADDED = Person("99000016", "ZZPAD01", "Padded", "Key", stored="  ZZPAD01  ")
SUSPENDED = Person("99000017", "ZZSUS01", "Suspended", "Student", enrolled=1)
NOT_ENROLLED = Person("99000018", "ZZNEN01", "Not", "Enrolled", enrolled=None)
UNKNOWN = Person("99000019", "ZZUNK01", "Unknown", "To Moodle", in_moodle=False)
DROPPED = Person("99000020", "ZZDRO01", "Has", "Dropped")
INACTIVE = Person("99000021", "ZZINA01", "Is", "Inactive")
CAME_BACK = Person("99000022", "ZZBAK01", "Came", "Back")
TWICE = Person("99000023", "ZZDUP01", "Listed", "Twice")
TWO_NUMBERS = Person("99000024", "ZZTWO01", "Two", "Numbers")
SECOND_NUMBER = Person("99000025", "ZZTWO01", "Two", "Numbers", in_moodle=False)
WITHOUT_UPI = Person("99000026", "ZZNUL01", "Without", "UPI", stored=None, in_moodle=False)
WITHOUT_ROW = Person("99000027", "ZZROW01", "Without", "Row", in_moodle=False, in_cmis=False)
CAST = (
    *PLAIN, OBRIEN, COMPOSED, COMBINING, EMOJI, LOWER_CASE, PADDED, SUSPENDED, NOT_ENROLLED, UNKNOWN, DROPPED,
    INACTIVE, CAME_BACK, TWICE, TWO_NUMBERS, SECOND_NUMBER, WITHOUT_UPI, WITHOUT_ROW,
)  # fmt: skip


@dataclass(frozen=True)
class Node:
    """One row of the group tree; parent is the grpcode of another node of the delivery, or a number."""

    grpcode: str | None
    name: str | None
    parent: str | int | None = None


TUTORIALS = (
    Node("TUTS", "Tutorials"),
    Node("TUT1", "Tutorial 1", "TUTS"),
    Node("TUT2", "Tutorial 2", "TUTS"),
)


@dataclass(frozen=True)
class Delivery:
    """One delivery of an odd module with its tree; members come on top of PLAIN, (grpcode, person)."""

    module: str
    nodes: tuple[Node, ...] = TUTORIALS
    occurrence: str = "A6U"
    period: str = "T1"
    name: str = "An odd case"
    members: tuple[tuple[str, Person], ...] = ()
    year: Year = CURRENT
    rows_in_module: int = 1  # rows of MODULE for this one delivery

    @property
    def department(self) -> str:
        return self.module[:4]


@dataclass(frozen=True)
class Mapping:
    """A row of the mapping table; course None and occurrence None are what they say."""

    course: str | None
    module: str
    occurrence: str | None = "A6U"
    period: str = "T1"
    status: str = "active"
    import_groups: str = "Y"
    year: Year = CURRENT
    in_moodle: bool = True


@dataclass(frozen=True)
class Case:
    """What is odd, in words, with the deliveries and mappings that show it."""

    why: str
    deliveries: tuple[Delivery, ...]
    mappings: tuple[Mapping, ...] = field(default=())


def _one(why: str, delivery: Delivery, **mapping: object) -> Case:
    """A case of one delivery and one course of the module's own code."""
    course = f"{delivery.module}-{delivery.year.label}"
    row = Mapping(course, delivery.module, period=delivery.period, year=delivery.year, **mapping)  # type: ignore[arg-type]
    return Case(why, (delivery,), (row,))


TUT1_ONLY = (Node("TUTS", "Tutorials"), Node("TUT1", "TUT1", "TUTS"))

CASES = (
    Case(
        "two modules in one course have groups and groupings of the same names",
        (Delivery("ANTH1014", TUT1_ONLY), Delivery("ANTH1014A", TUT1_ONLY, members=(("TUT1", OBRIEN),))),
        (Mapping("ANTH1014-26-27", "ANTH1014"), Mapping("ANTH1014-26-27", "ANTH1014A")),
    ),
    _one(
        "people: names, keys, enrolments and flags out of the ordinary",
        Delivery(
            "ODDS0001",
            members=(
                *(("TUT1", p) for p in (OBRIEN, COMPOSED, COMBINING, EMOJI, LOWER_CASE, PADDED, SUSPENDED)),
                *(("TUT1", p) for p in (NOT_ENROLLED, UNKNOWN, DROPPED, INACTIVE, CAME_BACK, TWICE, TWICE)),
                *(("TUT1", p) for p in (TWO_NUMBERS, SECOND_NUMBER)),
                *(("TUT2", p) for p in (WITHOUT_UPI, WITHOUT_ROW)),
            ),
        ),
    ),
    _one(
        "names that are odd and right, and a description with comma, quote and newline",
        Delivery(
            "ODDS0002",
            (
                Node("LABS", "R&D: a < b"),
                Node("LAB1", "O'Brien's lab", "LABS"),
                Node("LAB2", "Caf\u00e9", "LABS"),
                Node("LAB3", "Cafe\u0301", "LABS"),
                Node("LAB4", '🧪 Lab, "B"; 1 > 0', "LABS"),
                Node("LAB5", "  Spaces around  ", "LABS"),
                Node("LAB6", None, "LABS"),
                Node("LAB7", "   ", "LABS"),
            ),
            name="Labs, \"wet\" and dry;\nin Gower Street & O'Brien's",
        ),
    ),
    _one(
        "names that must be quarantined: control characters and what Moodle takes for tags",
        Delivery(
            "ODDS0003",
            (
                Node("BAD0", "Bell\u0007s"),
                Node("BAD1", "Bell\u0007", "BAD0"),
                Node("BAD2", "Two\nlines"),
                Node("BAD3", "<b>Bold</b>"),
                Node("BAD4", "Age <25"),
                Node("BAD5", "Ends with <"),
                Node("FINE", "Fine"),
            ),
        ),
    ),
    _one(
        "keys: rows that conflict, rows that repeat, a parent that is not there, a tree of three levels",
        Delivery(
            "ODDS0004",
            (
                Node("TUTS", "Tutorials"),
                Node("TUT1", "Tutorial 1", "TUTS"),
                Node("TUT1", "Tutorial one", "TUTS"),
                Node("TUT2", "Tutorial 2", "TUTS"),
                Node("TUT2", "Tutorial 2", "TUTS"),
                Node("TUT3", "Tutorial 3", 987_654),
                Node("LABS", "Labs", 0),
                Node("LAB1", "Lab 1", "LABS"),
                Node("LAB1A", "Lab 1, bench A", "LAB1"),
            ),
            members=(("GONE", OBRIEN),),
            rows_in_module=2,
        ),
    ),
    _one(
        "a group without code: half a key, which protects what the course has",
        Delivery("ODDS0005", (*TUTORIALS, Node(None, "Without code", "TUTS"), Node("  ", "Blank code"))),
    ),
    Case(
        "one group code in three instances of a module: two in one course, the third in another",
        (
            Delivery("ODDS0006", (Node("TUT1", "Undergraduate 1"),)),
            Delivery("ODDS0006", (Node("TUT1", "Second year 1"),), occurrence="A5U", period="T1/2"),
            Delivery("ODDS0006", (Node("TUT1", "Master's 1"),), occurrence="A7P", members=(("TUT1", EMOJI),)),
        ),
        (
            Mapping("ODDS0006-26-27", "ODDS0006"),
            Mapping("ODDS0006-26-27", "ODDS0006", "A5U", "T1/2"),
            Mapping("ODDS0006P-26-27", "ODDS0006", "A7P"),
        ),
    ),
    Case(
        "one delivery in two courses: the same idnumbers twice",
        (Delivery("ODDS0007"),),
        (Mapping("ODDS0007-26-27", "ODDS0007"), Mapping("ODDS0008-26-27", "ODDS0007")),
    ),
    _one("an inactive mapping", Delivery("ODDS0009"), status="inactive"),
    _one("a withdrawn mapping", Delivery("ODDS0010"), status="withdrawn"),
    _one("an active mapping whose import is off", Delivery("ODDS0011"), import_groups="N"),
    _one("a course that Moodle does not have", Delivery("ODDS0012"), in_moodle=False),
    Case(
        "an active, an inactive and a withdrawn module in one course",
        (
            Delivery("ODDS0013", (Node("GRP1", "Active group"),)),
            Delivery("ODDS0014", (Node("GRP1", "Inactive group"),)),
            Delivery("ODDS0015", (Node("GRP1", "Withdrawn group"),)),
        ),
        (
            Mapping("ODDS0013-26-27", "ODDS0013"),
            Mapping("ODDS0013-26-27", "ODDS0014", status="inactive"),
            Mapping("ODDS0013-26-27", "ODDS0015", status="withdrawn"),
        ),
    ),
    _one("a course of another term", Delivery("ODDS0016", period="T2")),
    Case(
        "mapping rows with blanks around their keys, and one that is there twice",
        (Delivery("ODDS0017"),),
        (Mapping("  ODDS0017-26-27  ", " ODDS0017 "), Mapping("  ODDS0017-26-27  ", " ODDS0017 ")),
    ),
    Case(
        "mapping rows without course, without occurrence, and to a module that CMIS lacks",
        (Delivery("ODDS0018"),),
        (
            Mapping(None, "ODDS0018"),
            Mapping("ODDS0018-26-27", "ODDS0018", None),
            Mapping("ODDS0018-26-27", "ODDS0019"),
        ),
    ),
    _one("a whole class without any group", Delivery("ODDS0020", ())),
    _one(
        "last year's set has the same module with other names: it shows when the set is stale",
        Delivery("ODDS0001", (Node("TUTS", "Last year"), Node("TUT1", "Last year 1", "TUTS")), year=PREVIOUS),
        status="inactive",
    ),
)
