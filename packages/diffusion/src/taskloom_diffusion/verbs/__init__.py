"""Verbs under `tasks diffusion`: operations on finished runs."""
