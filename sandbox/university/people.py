"""People: the students of the sample, one row each, and the rows that SITS, CMIS and Moodle hold of them."""

import numpy as np
import pandas as pd

from sandbox.university.choice import below
from sandbox.university.words import FAMILY, GIVEN

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def people(count: int, departments: list[str], seed: int) -> pd.DataFrame:
    """Return count students: number, upi (upper-case), firstname, lastname, department, year, in_moodle.

    The university identifiers are made up: ZC, two letters, three digits; no two are the same.
    """
    who = np.arange(count)
    # 390,001 is prime to 26 * 26 * 1000: neighbours do not look alike, and none comes twice.
    code = (who * 390_001 + 17) % 676_000
    return pd.DataFrame(
        {
            "number": [f"26{n:06d}" for n in (who * 7_919 + 11) % 1_000_000],
            "upi": [f"ZC{LETTERS[c // 26_000]}{LETTERS[c // 1000 % 26]}{c % 1000:03d}" for c in code],
            "firstname": [GIVEN[i] for i in below(len(GIVEN), seed, "given", who)],
            "lastname": [FAMILY[i] for i in below(len(FAMILY), seed, "family", who)],
            "department": [departments[i] for i in below(len(departments), seed, "home", who)],
            "year": below(4, seed, "year", who) + 1,
            "in_moodle": below(100, seed, "in moodle", who) != 0,
        }
    )


def student_rows(everyone: pd.DataFrame, setid: str) -> pd.DataFrame:
    """Return the rows of CMIS STUDENTS for one set."""
    return pd.DataFrame(
        {
            "setid": setid,
            "studentid": everyone["number"],
            "name": everyone["lastname"] + ", " + everyone["firstname"],
            "linkcode": everyone["number"] + "/1",
            "courseid": everyone["department"] + "BSC",
            # -1 and 0 are wildcards of CMIS, not years.
            "courseyear": everyone["year"] % 4 - (everyone["year"] == 4),
            "deptid": everyone["department"],
            "qtype1": everyone["number"],
            "qtype2": everyone["upi"],
        }
    )


def sits_rows(everyone: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of INS_SPR (programme route) and SRS_SCJ (course join)."""
    code = everyone["number"] + "/1"
    ins_spr = pd.DataFrame(
        {
            "spr_code": code,
            "spr_stuc": everyone["number"],
            "rou_code": everyone["department"] + "R1",
            "sts_code": "C",
            "spr_levc": everyone["year"].astype(str),
            "prs_code": everyone["department"],
        }
    )
    srs_scj = pd.DataFrame(
        {
            "scj_code": code + "/1",
            "scj_stuc": everyone["number"],
            "scj_sprc": code,
            "scj_crsc": everyone["department"] + "BSC",
            "scj_udfa": "Y",
            "scj_seq2": "01",
            # NS never started, L left: still there, as SITS keeps everybody.
            "scj_stac": np.where(everyone["in_moodle"], "C", "NS"),
        }
    )
    return {"ins_spr": ins_spr, "srs_scj": srs_scj}


def user_rows(everyone: pd.DataFrame) -> pd.DataFrame:
    """Return Moodle's users: username (lower-case), idnumber, email, firstname, lastname."""
    known = everyone[everyone["in_moodle"]]
    username = known["upi"].str.lower()
    return pd.DataFrame(
        {
            "username": username,
            "idnumber": known["number"],
            "email": username + "@example.org",
            "firstname": known["firstname"],
            "lastname": known["lastname"],
        }
    )
