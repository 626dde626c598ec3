"""The tables of the state database: stamp, ledger, journal, runs, approvals, states of terms, switches, requests."""

import sqlalchemy as sa

METADATA = sa.MetaData()

# One row: which environment and deployment the ledger belongs to, stamped when it was made (rule I1).
STAMP = sa.Table(
    "stamp",
    METADATA,
    sa.Column("one", sa.Integer, primary_key=True),
    sa.Column("environment", sa.String(100), nullable=False),
    sa.Column("deployment_id", sa.String(36), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    # The server and database that it was made in, as they name themselves; null for SQLite, whose files have no name.
    # A dump that was restored elsewhere is recognised by it: one deployment id must not be at work in two places.
    sa.Column("place", sa.String(255)),
)

# Groupings and groups that this sync manages, by Moodle's id; name and description as last applied.
OBJECT = sa.Table(
    "ledger_object",
    METADATA,
    sa.Column("kind", sa.String(10), primary_key=True),
    sa.Column("moodle_id", sa.BigInteger, primary_key=True),
    sa.Column("course_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("course", sa.String(255), nullable=False),
    sa.Column("idnumber", sa.String(100), nullable=False),
    sa.Column("name", sa.String(255)),
    sa.Column("description", sa.Text),
    sa.Column("module", sa.String(255)),
    sa.Column("terms", sa.Text, nullable=False),
)

LINK = sa.Table(
    "ledger_link",
    METADATA,
    sa.Column("grouping_id", sa.BigInteger, primary_key=True),
    sa.Column("group_id", sa.BigInteger, primary_key=True, index=True),
    sa.Column("course_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("module", sa.String(255)),
    sa.Column("terms", sa.Text, nullable=False),
    sa.Column("gone", sa.Boolean, nullable=False),
)

MEMBERSHIP = sa.Table(
    "ledger_membership",
    METADATA,
    sa.Column("group_id", sa.BigInteger, primary_key=True),
    sa.Column("user_id", sa.BigInteger, primary_key=True),
    sa.Column("course_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("user", sa.String(255), nullable=False),
    sa.Column("module", sa.String(255)),
    sa.Column("terms", sa.Text, nullable=False),
)

# People pinned to a group or kept out of it by the data team (rule M6), by natural keys.
EXCEPTION = sa.Table(
    "member_exception",
    METADATA,
    sa.Column("course", sa.String(255), primary_key=True),
    sa.Column("group", sa.String(100), primary_key=True),
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("what", sa.String(10), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("who", sa.String(100), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)

# Every change of one by the form (rule M6): ``before`` is what held until then, parted by blanks.
EXCEPTION_CHANGE = sa.Table(
    "member_exception_change",
    METADATA,
    sa.Column("change", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("course", sa.String(255), nullable=False),
    sa.Column("group", sa.String(100), nullable=False),
    sa.Column("user", sa.String(255), nullable=False),
    sa.Column("what", sa.String(10), nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("who", sa.String(100), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("ix_member_exception_change_member", "course", "group", "user"),
)

# Every write to Moodle: the intent before the call, the outcome after it (rule J1).
JOURNAL = sa.Table(
    "journal",
    METADATA,
    sa.Column("entry", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(250), nullable=False),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("action", sa.String(10), nullable=False),
    sa.Column("rule", sa.String(10), nullable=False),
    sa.Column("course_id", sa.BigInteger, nullable=False),
    sa.Column("course", sa.String(255), nullable=False),
    sa.Column("grouping", sa.String(255)),
    sa.Column("group", sa.String(255)),
    sa.Column("user", sa.String(255)),
    sa.Column("grouping_id", sa.BigInteger),
    sa.Column("group_id", sa.BigInteger),
    sa.Column("user_id", sa.BigInteger),
    sa.Column("before", sa.JSON(none_as_null=True)),
    sa.Column("after", sa.JSON(none_as_null=True)),
    sa.Column("intent_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("outcome", sa.String(20), index=True),
    sa.Column("outcome_at", sa.DateTime(timezone=True)),
    sa.Column("reason", sa.Text),
    # What an entry makes managed once it is found out, by a later run too, that it was done.
    sa.Column("term", sa.String(50)),
    sa.Column("module", sa.String(255)),
    sa.Index("ix_journal_run_id_course", "run_id", "course"),
    sa.Index("ix_journal_rule", "rule"),
)

# Who is writing to a Moodle site (rule A6); ``token`` is new each time it is taken.
LEASE = sa.Table(
    "lease",
    METADATA,
    sa.Column("site", sa.String(255), primary_key=True),
    sa.Column("holder", sa.String(250), nullable=False),
    sa.Column("token", sa.String(36), nullable=False),
    sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
)

# What is managed and was missing from the last complete runs of a term, and from how many of them; ``user`` is
# empty for an object.
VANISHING = sa.Table(
    "vanishing",
    METADATA,
    sa.Column("term", sa.String(50), primary_key=True),
    sa.Column("kind", sa.String(10), primary_key=True),
    sa.Column("course", sa.String(255), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("runs", sa.Integer, nullable=False),
)

RUN = sa.Table(
    "run",
    METADATA,
    sa.Column("run_id", sa.String(250), primary_key=True),
    sa.Column("term", sa.String(50), nullable=False),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("outcome", sa.String(20)),
    sa.Column("plan_digest", sa.String(64)),
    sa.Column("counts", sa.JSON(none_as_null=True)),
    # What later runs compare themselves with; only accepted runs are baselines (rule B5).  ``measures``: rows read,
    # match rates, shares in quarantine, deletes, by name.  ``settings_digest``: the configuration it ran under.
    sa.Column("accepted", sa.Boolean),
    sa.Column("measures", sa.JSON(none_as_null=True)),
    sa.Column("settings_digest", sa.String(64)),
    sa.Column("held_digest", sa.String(64)),
)

# What a run held and a person was asked about, and what they said (rules B4, B5).  ``digest`` names the held part
# of the plan, ``trips`` are the observations that held it, ``courses`` those that were approved, null for all.
# ``open_for`` names the term, or a part of it, while the request is open, so that the database itself allows one open
# request for each.
APPROVAL = sa.Table(
    "approval",
    METADATA,
    sa.Column("approval", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("term", sa.String(50), nullable=False, index=True),
    sa.Column("run_id", sa.String(250), nullable=False),
    sa.Column("release_run_id", sa.String(250), nullable=False, unique=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("trips", sa.JSON(none_as_null=True), nullable=False),
    sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("open_for", sa.String(50), unique=True),
    sa.Column("who", sa.String(255)),
    sa.Column("answered_at", sa.DateTime(timezone=True)),
    sa.Column("reason", sa.Text),
    sa.Column("courses", sa.JSON(none_as_null=True)),
    sa.Column("remark", sa.Text),
    # What the asking run was for (model/extent.py); null for all of its term.
    sa.Column("extent", sa.JSON(none_as_null=True)),
)

# Every change of a term's state, the newest holds: who, when and why (rule C5).
TERM_STATE = sa.Table(
    "term_state",
    METADATA,
    sa.Column("change", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("term", sa.String(50), nullable=False, index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("who", sa.String(255), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)

# Every switch of a course in a term, on, off or as the source says; the newest holds (rule C2).
COURSE_SWITCH = sa.Table(
    "course_switch",
    METADATA,
    sa.Column("change", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("term", sa.String(50), nullable=False),
    sa.Column("course", sa.String(255), nullable=False),
    sa.Column("switch", sa.String(10), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("who", sa.String(255), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("ix_course_switch_term_course", "term", "course"),
)

# What the queue asked for, as it was read first, and what became of it (rule C3).  A mapping of two terms is asked for
# in both.  ``done_by``: the run that was done with it, null as long as it is open.
IMPORT_REQUEST = sa.Table(
    "import_request",
    METADATA,
    sa.Column("term", sa.String(50), primary_key=True),
    sa.Column("request", sa.String(100), primary_key=True),
    sa.Column("course", sa.String(255), nullable=False),
    sa.Column("module", sa.String(255)),
    sa.Column("occurrence", sa.String(255)),
    sa.Column("academic_year", sa.String(255)),
    sa.Column("period", sa.String(255)),
    sa.Column("action", sa.String(10), nullable=False),
    sa.Column("requested_at", sa.String(40), nullable=False),
    sa.Column("read_by", sa.String(250), nullable=False),
    sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("done_by", sa.String(250)),
    sa.Column("done_at", sa.DateTime(timezone=True)),
    sa.Column("outcome", sa.Text),
)
