"""Verbs under `tasks anomaly`."""
