"""How many universities a law is shown: a few in every test run, 10,000 with HYPOTHESIS_PROFILE=laws-long."""

import os

from hypothesis import HealthCheck, settings

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "laws-long"
EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "10000" if LONG else "12"))

# Universities are large to draw, and a plan takes what it takes: neither is what a law is about.
law = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None if LONG else settings().database,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
