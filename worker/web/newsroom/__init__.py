"""The newsroom's desk: editors sign in, read the proof beside its stories, correct it and let it go."""
