"""Bounds on the fewest rounds that any assistant can reach where the optimum is not known exactly."""
