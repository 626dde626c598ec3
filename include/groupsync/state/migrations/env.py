"""Runs the migrations over the connection that ``initialise`` hands in."""

from alembic import context

from include.groupsync.state.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
