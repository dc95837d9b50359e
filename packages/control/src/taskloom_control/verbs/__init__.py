"""The verbs under `tasks control`."""
