"""What the rules' trips stop, as far as several rules stop the same."""

from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Reach

EVERY_KIND = tuple(map(str, Kind))
OBJECTS = (str(Kind.GROUPING), str(Kind.GROUP))
# A hold of deletes holds removals too: while the source is in doubt, nobody loses anything.
ALL_DELETES = Reach((str(Action.DELETE),), EVERY_KIND)
ALL_REMOVALS = Reach((str(Action.DELETE),), (str(Kind.LINK), str(Kind.MEMBERSHIP)))
