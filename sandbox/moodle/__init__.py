"""A stand-in for a Moodle 4.5 site: its REST web services on groups over a SQLite file of Moodle's tables."""

from sandbox.moodle.server import RunningSite, running
from sandbox.moodle.site import create_site, load

__all__ = ["RunningSite", "create_site", "load", "running"]
