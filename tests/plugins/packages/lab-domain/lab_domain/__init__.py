"""A domain of random walks."""
