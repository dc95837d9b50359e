"""Sampling that is steered: conditions and their guidance, weighted particles, constraints, and what passes."""
