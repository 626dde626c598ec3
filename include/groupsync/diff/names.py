"""Names within one course: who collides, and what they are called then (rule P8)."""

from collections import Counter
from collections.abc import Mapping

from include.groupsync.model import keys


def final_names(wanted: Mapping[str, str], policy: str, limit: int) -> tuple[dict[str, str], dict[str, str]]:
    """The name that each idnumber gets, and the reasons of those that get none.

    ``wanted``: name by idnumber, within one course; ``policy``: suffix or warn; ``limit``: characters.
    The outcome does not depend on any order.
    """
    count = Counter(wanted.values())
    colliding = {idnumber for idnumber, name in wanted.items() if count[name] > 1}
    if policy == "warn":
        refused = {i: f"several rows of the course have the name {wanted[i]!r}" for i in colliding}
        return {i: name for i, name in wanted.items() if i not in colliding}, refused
    names = {i: f"{name} ({i})" if i in colliding else name for i, name in wanted.items()}
    again = Counter(names.values())
    refused = {}
    for idnumber in colliding:
        name = names[idnumber]
        if len(name) > limit:
            refused[idnumber] = f"its name with the idnumber added is over {limit} characters"
        elif again[name] > 1:
            refused[idnumber] = f"its name with the idnumber added, {name!r}, is another row's"
        elif not keys.survives_cleaning(name):
            refused[idnumber] = "Moodle would change its name with the idnumber added"
    return {i: name for i, name in names.items() if i not in refused}, refused
