"""Molecules in fragments: how they are cut and written, completed around what is fixed, and checked."""
