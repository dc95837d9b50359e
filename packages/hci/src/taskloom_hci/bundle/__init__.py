"""A game with its two agents: turns, agents, and one episode."""

from taskloom.moved import moved_names

# Before this package, its name was a module's.
__getattr__ = moved_names(__name__)
