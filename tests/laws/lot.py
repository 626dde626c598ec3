"""A lot of universities with a seed of its own, so that what breaks a law can be drawn again."""

import resource
import traceback
from dataclasses import dataclass

from tests.laws.search import search


@dataclass(frozen=True)
class Lot:
    """What became of one seed's universities; ``broken`` is the broken law with what it said."""

    seed: int
    shown: int
    cpu_seconds: float
    broken: str = ""


def draw(seed: int, universities: int, every: bool, shrink: bool) -> Lot:
    began = _cpu_seconds()
    try:
        shown, broken = search(seed, universities, every=every, shrink=shrink), ""
    except Exception:  # noqa: BLE001 (whatever a law or the engine raises is a counter-example)
        shown, broken = 0, traceback.format_exc()
    return Lot(seed, shown, _cpu_seconds() - began, broken)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
