"""Numbers in, one parameter of a statement out: what `pk__in=ids` asks, for a thousand of them without a thousand objects.

They are given as a set: Django looks at each member of a list or tuple.
"""

import json
from typing import Any

from django.db.models import Field, Lookup


@Field.register_lookup
class Among(Lookup):
    """Say whether the field holds one of these numbers."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, values = self.process_lhs(compiler, connection)
        numbers = json.dumps(list(self.rhs))
        return f"{left} IN (SELECT value FROM json_each(%s))", (*values, numbers)  # noqa: S608  a column's name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, values = self.process_lhs(compiler, connection)
        return f"{left} = ANY(%s)", (*values, list(self.rhs))
