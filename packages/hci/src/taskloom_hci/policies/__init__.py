"""Policies: what an agent does."""
