"""Whether the database answers and has its tables; the embedded one is given them in passing."""

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, Error, connection
from django.db.migrations.executor import MigrationExecutor

from worker.errors import BroadsheetError

_MEND = {"disk is full": "make room there", "readonly database": "let this user write to it and its directory",
         "database is locked": "another program has been writing to it for very long"}  # SQLite's


def explain(error: Error) -> str:
    """Return a database error as one line without the password."""
    config = settings.DATABASES["default"]
    where = config["NAME"] if connection.vendor == "sqlite" else f"{config.get('HOST')}:{config.get('PORT') or 5432}"
    reason = " ".join(str(error).split()) or type(error).__name__
    mend = next((advice for words, advice in _MEND.items() if words in reason), "start it, or mend DATABASE_URL")
    return f"database at {where}: {reason[:300]}; {mend}"


def pending_migrations() -> int:
    """Return how many migrations the database lacks; raises BroadsheetError if it does not answer."""
    try:
        executor = MigrationExecutor(connection)
        return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except Error as error:
        raise BroadsheetError(explain(error)) from error


def migrate() -> int:
    """Bring the tables up to date; returns how many migrations ran."""
    count = pending_migrations()
    if count:
        try:
            call_command("migrate", verbosity=0, interactive=False)
        except DatabaseError as error:
            raise BroadsheetError(explain(error)) from error
    return count


def open_database() -> None:
    """See that the database can be worked with; raises BroadsheetError with what to run if not."""
    count = pending_migrations()
    if count and connection.vendor == "sqlite":
        migrate()
    elif count:
        raise BroadsheetError(f"the database lacks {count} migrations; run: broadsheet migrate")
