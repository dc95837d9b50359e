"""PolyDiff's names and configs, for people who come from it."""
