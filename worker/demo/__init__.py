"""The main job end to end on sample documents, into a local inbox, through the same code as the service."""
