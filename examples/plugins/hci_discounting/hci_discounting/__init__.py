"""Hyperbolic discounting: a sum now, or a larger one later."""
