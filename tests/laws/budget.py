"""How many universities a law is shown: the same few in every test run, 10,000 new ones with
HYPOTHESIS_PROFILE=laws-long.

A test run must not fail by the luck of a draw, nor search for hours for a smaller example: searching is what the
long run is for.
"""

import os

from hypothesis import HealthCheck, Phase, settings

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "laws-long"
EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "10000" if LONG else "12"))

# Universities are large to draw, and a plan takes what it takes: neither is what a law is about.
law = settings(
    max_examples=EXAMPLES,
    derandomize=not LONG,
    phases=tuple(Phase) if LONG else (Phase.explicit, Phase.generate),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
