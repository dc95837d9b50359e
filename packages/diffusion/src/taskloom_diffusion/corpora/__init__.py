"""Corpora: sequences that are at hand without a download."""
