"""What every model shares: one registry, one naming scheme for constraints, an optimistic version."""

from typing import Any

from sqlalchemy import Integer, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column


class Base(DeclarativeBase):
    """Base of all models. Constraints have fixed names, because migrations must be able to name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


# The last entry of every __table_args__: makes SQLite refuse a value of another type, as PostgreSQL does.
STRICT: dict[str, Any] = {"sqlite_strict": True}


class Versioned:
    """A mutable row: `UPDATE ... WHERE version = :old` raises StaleDataError when somebody was faster."""

    version: Mapped[int] = mapped_column(Integer, default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy passes the class
        return {"version_id_col": cls.version}
