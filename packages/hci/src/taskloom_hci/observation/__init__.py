"""Observation engines: what an agent sees of the game."""
