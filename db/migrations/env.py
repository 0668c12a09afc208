"""Runs the migrations on a connection that `db.schema` passes in."""

from typing import Any

from alembic import context

import db.models  # noqa: F401 - registers the tables
from db.base import Base


def include_object(obj: Any, name: str | None, art: str, reflected: bool, compare_to: Any) -> bool:
    """Leave out the partitions of `verbrauch`: they are made as time goes on, not by the models."""
    return not (art == "table" and reflected and name is not None and name.startswith("verbrauch_p"))


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    include_object=include_object,
    compare_type=connection.dialect.name == "postgresql",
    user_module_prefix="db.types.",
)
with context.begin_transaction():
    context.run_migrations()
