"""Sweeps and searches: many runs with one parent."""
