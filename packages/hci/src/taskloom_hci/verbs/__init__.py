"""Verbs under `tasks hci`, besides running tasks."""
