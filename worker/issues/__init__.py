"""Stories become a draft: chosen, placed, edited, corrected."""
