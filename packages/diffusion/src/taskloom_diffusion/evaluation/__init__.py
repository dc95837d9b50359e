"""Evaluation: certified likelihood bounds, exact references, and generation from a trained model."""
