"""A task shared by a (simulated or real) user and an assistant."""
