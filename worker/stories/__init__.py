"""News becomes stories: items of many outlets on one event are put together, and told with their sources."""
