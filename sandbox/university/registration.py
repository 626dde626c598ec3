"""Registration: who takes which delivery, as SITS, CMIS and Moodle each say it, from one list of places."""

import numpy as np
import pandas as pd

from sandbox.university.calendar import Year
from sandbox.university.choice import Codes, below

DROPPED, INACTIVE = 0, 1  # the fates of a place


def stumodule_rows(
    taken: pd.DataFrame, grouped: pd.DataFrame, grpcode: pd.Series, taught: pd.DataFrame,
    everyone: pd.DataFrame, year: Year,
) -> pd.DataFrame:  # fmt: skip
    """Return STUMODULES: one row per place without group code (the whole class), and one per group."""
    places = pd.concat([taken[["delivery", "student", "fate"]], grouped], ignore_index=True)
    whole_class = np.arange(len(places)) < len(taken)
    code = grpcode.take(grouped["group"].to_numpy()).array
    fate = places["fate"].to_numpy()
    delivery, student = places["delivery"].to_numpy(), places["student"].to_numpy()
    nothing = pd.array([None], dtype="str").take(np.zeros(len(taken), dtype=int))
    return pd.DataFrame(
        {
            "setid": _same(year.setid, len(places)),
            "studentid": everyone["number"].take(student).array,
            "deptid": taught["department"].take(delivery).array,
            "moduleid": taught["module"].take(delivery).array,
            "modgrpcode": pd.concat([pd.Series(nothing), pd.Series(code)], ignore_index=True),
            "fixingrp": _pick(("N", "Y"), (~whole_class).astype(int)),
            # CMIS leaves a flag empty as often as it says N.
            "inactive": _pick((None, "N", "Y"), np.where(fate == INACTIVE, 2, fate % 2)),
            "instid": taught["instid"].take(delivery).array,
            "courseid": (everyone["department"] + "BSC").take(student).array,
            "crsyear": everyone["year"].take(student).array,
            "moddropped": _pick((None, "N", "Y"), np.where(fate == DROPPED, 2, fate // 2 % 2)),
        }
    )


def sits_rows(taken: pd.DataFrame, taught: pd.DataFrame, everyone: pd.DataFrame, year: Year) -> dict[str, pd.DataFrame]:
    """Return INS_MOD, CAM_MAV and who takes what: CAM_SMO when confirmed, CAM_SMS the few still selecting."""
    delivered = taught.reset_index(drop=True)
    ins_mod = delivered.drop_duplicates("module")
    delivery, student = taken["delivery"].to_numpy(), taken["student"].to_numpy()
    rows = pd.DataFrame(
        {
            "spr_code": (everyone["number"] + "/1").take(student).array,
            "mod_code": delivered["module"].take(delivery).array,
            "mav_occur": delivered["occurrence"].take(delivery).array,
            "ayr_code": _same(year.ayr_code, len(taken)),
            "psl_code": delivered["period"].take(delivery).array,
            "smo_mcrd": 15,
            "ses_code": _same("C", len(taken)),
            "smo_rtsc": _same(None, len(taken)),
        }
    )
    fate = taken["fate"].to_numpy()
    selecting = rows[fate >= 97].drop(columns=["psl_code", "smo_rtsc"])
    return {
        "ins_mod": ins_mod[["module", "name", "department"]].set_axis(["mod_code", "mod_name", "dpt_code"], axis=1),
        "cam_mav": pd.DataFrame(
            {
                "mod_code": delivered["module"],
                "mav_occur": delivered["occurrence"],
                "ayr_code": year.ayr_code,
                "psl_code": delivered["period"],
                "lca_code": "BLOOM",
                "map_code": delivered["module"] + "A",
                "mks_code": "M40",
                "mav_trgt": delivered["class_size"],
            }
        ),
        "cam_smo": rows[(fate < 97) & (fate != DROPPED)],
        "cam_sms": selecting.rename(columns={"mav_occur": "sms_occl", "smo_mcrd": "sms_mcrd"}),
    }


def enrolment_rows(taken: pd.DataFrame, taught: pd.DataFrame, everyone: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return Moodle's enrolments: course_idnumber, user_username, status (0 active, 1 suspended).

    Most who take a delivery are enrolled in its course; one in a hundred is not yet, one in fifty is
    suspended, and of those who dropped the module half are still there, suspended.
    """
    course_number, courses = pd.factorize(taught["course"])
    course = course_number[taken["delivery"]]
    student = taken["student"].to_numpy()
    chance = below(100, seed, "enrolment", course, student)
    dropped = taken["fate"].to_numpy() == DROPPED
    rows = pd.DataFrame({"course": course, "student": student, "status": 0})
    rows.loc[(chance < 3) | dropped, "status"] = 1
    there = taught["in_moodle"].to_numpy()[taken["delivery"]] & everyone["in_moodle"].to_numpy()[student]
    rows = rows[there & (chance != 0) & ~(dropped & (chance % 2 == 0))]
    rows = rows.drop_duplicates(["course", "student"])
    return pd.DataFrame(
        {
            "course_idnumber": pd.Series(courses).take(rows["course"].to_numpy()).array,
            "user_username": everyone["upi"].str.lower().take(rows["student"].to_numpy()).array,
            "status": rows["status"].array,
        }
    )


def _same(value: str | None, count: int) -> pd.Series:
    return _pick((value,), np.zeros(count, dtype=int))


def _pick(values: tuple[str | None, ...], index: Codes) -> pd.Series:
    return pd.Series(pd.array(values, dtype="str").take(index))
