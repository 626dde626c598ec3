"""The executor beside a client that makes one call per object, against the same slowed stand-in."""
