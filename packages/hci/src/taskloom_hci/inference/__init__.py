"""Inference engines: what an agent concludes from what it saw."""
