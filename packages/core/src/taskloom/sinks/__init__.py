"""Destinations of metrics besides the run folder."""
