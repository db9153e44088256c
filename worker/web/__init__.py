"""The counter: requests come in, pages and the calls of other rooms' steps go out. No rules of the trade live here."""
