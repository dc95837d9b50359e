"""Hinge."""
