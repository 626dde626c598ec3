"""Years and instances: the sets that CMIS holds, and the numbers that it gives to occurrence and period."""

from dataclasses import dataclass

import pandas as pd

from sandbox.university.words import OCCURRENCES, PERIODS


@dataclass(frozen=True)
class Year:
    """One academic year: CMIS's set, SITS's AYR_CODE, and the ending of Moodle's course codes."""

    setid: str
    ayr_code: str
    label: str


CURRENT = Year("LIVE-26-27", "2026", "26-27")
PREVIOUS = Year("LIVE-25-26", "2025", "25-26")

# The numbers are the same in every set: a query that forgets the set mixes two years and is found out.
INSTID = {
    (occurrence, period): 100 + number
    for number, (occurrence, period) in enumerate((o, p) for o in OCCURRENCES for p in PERIODS)
}


def instance_rows(year: Year) -> pd.DataFrame:
    """Return CMINSTANCES of one set; instcode is SITS's MAV_OCCUR, a hyphen, PSL_CODE: A6U-T1/2."""
    return pd.DataFrame(
        {
            "setid": year.setid,
            "instid": list(INSTID.values()),
            "instcode": [f"{occurrence}-{period}" for occurrence, period in INSTID],
            "instname": [f"{period}, run {occurrence}" for occurrence, period in INSTID],
            "instrank": range(1, len(INSTID) + 1),
        }
    )
