"""Habitual."""
