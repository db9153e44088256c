"""News comes in: feeds.toml's addresses are fetched, read, and stored as items, each entry once."""
