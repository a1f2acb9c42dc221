"""This module is what Alembic runs; the connection, in its transaction, comes from `schema.py`."""

from __future__ import annotations

from alembic import context

from syft.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot change a column in place: Alembic copies the table.
    render_as_batch=True,
    # All or nothing; `schema.py` has begun the transaction and ends it.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
