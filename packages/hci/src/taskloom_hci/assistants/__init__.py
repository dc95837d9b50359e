"""Assistants: who helps."""
