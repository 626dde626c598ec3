"""All rules on one plan, always all of them (rule B1)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules import (
    blackout,
    config_changed,
    course_emptied,
    courses_emptied,
    cumulative,
    cumulative_removals,
    delete_only,
    department_deletes,
    empty,
    group_gutted,
    grouping_gutted,
    growth,
    history,
    identity,
    in_use,
    opened_again,
    out_of_scope,
    quarantined,
    reclaim,
    rekey,
    renames,
    run_deletes,
    run_removals,
    stale,
    unmatched,
    unread,
    volume,
)
from include.groupsync.breaker_settings import BreakerLimits
from include.groupsync.model.verdict import Observation, Verdict


@dataclass(frozen=True)
class Rule:
    """Its name is that of its limit in the settings; one without a limit there cannot be switched off.

    ``of_restore``: whether it has something to say of a plan that undoes a run, which comes from no dataset.
    """

    name: str
    look: Callable[[Evidence, Limits], Iterator[Observation]]
    of_restore: bool = True

    def observations(self, evidence: Evidence, limits: BreakerLimits) -> Iterator[Observation]:
        """What the rule says; one that had nothing to look at says so, and none is ever missing from a verdict."""
        if evidence.restore and not self.of_restore:
            yield Observation(self.name, "run", None, None, 0, None, False, "does not apply to a restore")
            return
        found = list(self.look(evidence, Limits(self.name, limits, evidence.term, evidence.departments)))
        yield from found or [Observation(self.name, "run", None, None, 0, None, False, "nothing to look at")]


RULES = (
    Rule("identity", identity.look),
    Rule("unread", unread.look, of_restore=False),
    Rule("out_of_scope", out_of_scope.look),
    Rule("empty", empty.look, of_restore=False),
    Rule("stale", stale.look, of_restore=False),
    Rule("blackout", blackout.look),
    Rule("volume", volume.look, of_restore=False),
    Rule("unmatched", unmatched.look, of_restore=False),
    Rule("quarantined", quarantined.look, of_restore=False),
    Rule("run_deletes", run_deletes.look),
    Rule("run_removals", run_removals.look),
    Rule("department_deletes", department_deletes.look),
    Rule("course_emptied", course_emptied.look),
    Rule("courses_emptied", courses_emptied.look),
    Rule("group_gutted", group_gutted.look),
    Rule("grouping_gutted", grouping_gutted.look),
    Rule("delete_only", delete_only.look),
    Rule("rekey", rekey.look),
    Rule("reclaim", reclaim.look),
    Rule("growth", growth.look, of_restore=False),
    Rule("renames", renames.look),
    Rule("history", history.look),
    Rule("cumulative", cumulative.look),
    Rule("cumulative_removals", cumulative_removals.look),
    Rule("in_use", in_use.look),
    Rule("config_changed", config_changed.look),
    Rule("opened_again", opened_again.look, of_restore=False),
)

# The rules that look at what was read, and at no plan: their numbers are known before there is one.
_OF_THE_SOURCE = ("stale", "volume", "unmatched", "quarantined")


def observe_source(evidence: Evidence, limits: BreakerLimits) -> tuple[Observation, ...]:
    """What the rules on the source will say in the verdict of this run, whatever its plan."""
    rules = (rule for rule in RULES if rule.name in _OF_THE_SOURCE)
    return tuple(one for rule in rules for one in rule.observations(evidence, limits))


def assess(evidence: Evidence, limits: BreakerLimits) -> Verdict:
    """The verdict on the evidence's plan; it changes nothing."""
    observations = [one for rule in RULES for one in rule.observations(evidence, limits)]
    return Verdict(evidence.plan.digest, tuple(observations))
