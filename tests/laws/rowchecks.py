"""The row checks of rules K4, K7 and C1, one row at a time."""

from collections.abc import Iterator

from include.groupsync.model import keys
from tests.laws.university import Options, Row

_CONTROL = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))}
_LIMIT = {"groupings": 255, "groups": 254}


def refusals(dataset: str, row: Row, options: Options) -> Iterator[tuple[str, str]]:
    """Column and rule of everything that makes a cleaned row unusable."""
    if dataset == "mappings":
        yield from _of_mapping(row)
    elif dataset == "memberships":
        needed = ("group", "user") if options.groupfield == "id" else ("course", "group", "user")
        yield from _of_key(row, ("course", "group", "user", *options.delivery), needed)
    else:
        yield from _of_key(row, ("course", "idnumber", "name", "grouping", *options.delivery), ("course", "idnumber"))
        yield from _of_object(dataset, row)
    if dataset != "mappings" and options.delivery and not row["module"]:
        yield "module", "C1"


def _of_mapping(row: Row) -> Iterator[tuple[str, str]]:
    yield from _of_key(row, ("course", "module", "occurrence", "period"), ("course", "module", "period"))
    if row["status"] not in ("active", "inactive", "withdrawn"):
        yield "status", "C1"
    if row["import_groups"] not in ("yes", "no"):
        yield "import_groups", "C1"


def _of_object(dataset: str, row: Row) -> Iterator[tuple[str, str]]:
    if len(row["idnumber"] or "") > 100:
        yield "idnumber", "K4"
    if len(row["name"] or "") > _LIMIT[dataset]:
        yield "name", "K4"
    if "\0" in (row["description"] or "") or "\ufffd" in (row["description"] or ""):
        yield "description", "K4"
    if row["idnumber"] == "0" or _is_reserved(row["idnumber"]):
        yield "idnumber", "K7"
    if row["name"] and not keys.survives_cleaning(row["name"]):
        yield "name", "K7"


def _of_key(row: Row, readable: tuple[str, ...], needed: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for column in readable:
        text = row.get(column) or ""
        if any(char in _CONTROL or char == "\ufffd" for char in text):
            yield column, "K4"
    for column in needed:
        if not row[column]:
            yield column, "K4"


def _is_reserved(idnumber: str | None) -> bool:
    """``#12`` is how a plan names an object without idnumber."""
    return bool(idnumber) and idnumber[0] == "#" and idnumber[1:].isdecimal()
