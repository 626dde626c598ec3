"""One function per task: load the run's artifacts, call the core, save artifacts.

The order of the tasks is the order of ``STEPS``; each function takes the deployment and the run.  Modules are
imported where a step is looked up, so that no task pays for another's libraries.
"""

from collections.abc import Callable, Mapping
from importlib import import_module

from include.groupsync.steps.run import Deployment, Run

STEPS = {
    "check_identity": "identify",
    "extract": "read",
    "read_moodle": "read",
    "validate": "judge",
    "diff_groupings": "compare",
    "diff_groups": "compare",
    "diff_memberships": "compare",
    "read_use": "use",
    "circuit_breaker": "decide",
    "apply": "act",
    "verify": "act",
    "report": "tell",
    "request_release": "approve",
    "outcome": "tell",
}
# A release run asks before all of these, and asks nobody after them (rule B4).
RELEASE_STEPS = tuple(name for name in STEPS if name != "request_release")

# A restore has its own plan, and asks about it before ``apply`` (rules J3, B4).
RESTORE_STEPS = {
    "check_identity": "identify",
    "read_moodle": "restore",
    "plan_restore": "restore",
    "read_use": "use",
    "circuit_breaker": "decide",
    "apply": "restore",
    "verify": "act",
    "list_work": "restore",
    "report": "tell",
    "outcome": "tell",
}


def step(name: str, steps: Mapping[str, str] = STEPS) -> Callable[[Deployment, Run], None]:
    """The function of a step by its task's name."""
    found: Callable[[Deployment, Run], None] = getattr(import_module(f"include.groupsync.steps.{steps[name]}"), name)
    return found


__all__ = ["RELEASE_STEPS", "RESTORE_STEPS", "STEPS", "Deployment", "Run", "step"]
