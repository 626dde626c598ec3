"""What can go wrong, as a small tree; every message says what to do next.

GroupsyncError
├── SettingsError           the settings or a connection are wrong
├── IdentityError           the environment's five names differ (rules I1 to I3)
├── SourceError             a table could not be read completely (rule O3: missing is not empty)
│   └── SnapshotLost        the database could not keep the snapshot while it was read: read all of it again
├── QualityError            a dataset cannot be used
├── MoodleError
│   ├── MoodleUnreachable   no answer that Moodle itself gave: nothing is known to be written
│   ├── OutcomeUnknown      a write was sent and its answer lost: it may have been done
│   └── MoodleRefused       Moodle answered with an error; carries its errorcode
├── BlockedError            the circuit breaker blocks the run, or a table that ran dry has been told
├── ApplyError              changes failed, or Moodle differs from the plan afterwards
├── LeaseError              another run is writing to the site (rule A6)
├── StoppedError            the run was told to stop while it was writing (rule A5)
├── TermStateError          a person gave the term a state that forbids the run to go on, or cannot be given
├── RunRefused              a person started a run that may do nothing
├── AlertError              a message could not be sent; everything else was done
├── StaleError              a source has stopped: what it lists is no longer how things are
└── HeldError               deletes wait for a person
    └── NotReleased         what a person was asked about is not applied (rule B5)
"""


class GroupsyncError(Exception):
    """Base of all errors that the engine raises on purpose."""


class SettingsError(GroupsyncError):
    """A setting or connection is missing or wrong; names it and the next step."""


class IdentityError(GroupsyncError):
    """The five names of the environment are not one (rules I1 to I3)."""


class SourceError(GroupsyncError):
    """A source table could not be read completely; it is never taken for empty (rule O3)."""


class SnapshotLost(SourceError):
    """A database's undo did not last as long as we read (ORA-01555): what was read belongs to no one moment."""


class QualityError(GroupsyncError):
    """A dataset as a whole cannot be used; nothing is planned from it."""


class MoodleError(GroupsyncError):
    """Something between us and Moodle's web services."""


class MoodleUnreachable(MoodleError):
    """No answer that Moodle itself gave: network, gateway, maintenance, or not JSON.

    ``retry_after`` are the seconds after which the site says that it will be there again, if it says so.
    """

    retry_after: float | None = None


class OutcomeUnknown(MoodleError):
    """A writing call was sent and no answer came back: it may or may not have been done."""


class MoodleRefused(MoodleError):
    """Moodle's own error.

    ``errorcode`` is Moodle's (empty for PHP errors, which have none); ``exception`` is its class
    name, which moves between versions: decide by ``errorcode`` only.
    """

    def __init__(self, function: str, errorcode: str, message: str, exception: str = "", debuginfo: str = ""):
        self.function, self.errorcode, self.message = function, errorcode, message
        self.exception, self.debuginfo = exception, debuginfo
        detail = f" ({debuginfo})" if debuginfo else ""
        super().__init__(f"Moodle refused {function}: {errorcode or exception}: {message}{detail}")


class BlockedError(GroupsyncError):
    """The circuit breaker blocks the run, or what a table without rows would remove; no approval overrides it."""


class ApplyError(GroupsyncError):
    """Some changes failed or did not verify; the report names them."""


class LeaseError(GroupsyncError):
    """Another run is writing to the site; names it."""


class StoppedError(GroupsyncError):
    """The run was told to stop; what was not sent is for the next one."""


class TermStateError(GroupsyncError):
    """The term's state forbids the run to go on (rule C2), or a state cannot be given; names no person."""


class RunRefused(GroupsyncError):
    """A person started a run to write, and its term or its mappings let it do nothing (rule C2); or for a part of the
    term that cannot be told."""


class AlertError(GroupsyncError):
    """A message could not be sent; names the connection and the next step.  The sync does not depend on it."""


class StaleError(GroupsyncError):
    """A source has stopped; nothing waited to be deleted, and everything else was applied."""


class HeldError(GroupsyncError):
    """Deletes are held for a person to decide; everything else was applied."""


class NotReleased(HeldError):
    """A held plan stays unapplied: rejected, refused, expired, superseded, or no longer what was approved."""
