"""An edition meets its readers: who is owed a copy, how it is handed over, and what became of it."""
