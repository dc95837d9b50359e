"""Streaming statistics with mergeable states."""
