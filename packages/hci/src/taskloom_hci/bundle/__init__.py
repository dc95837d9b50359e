"""A game with its two agents: turns, agents, and one episode."""

from taskloom.moved import moved_names

from taskloom_hci.compat.moved import MOVED

# Before this package, its name was a module's.
__getattr__ = moved_names("taskloom_hci.bundle", MOVED["taskloom_hci.bundle"])
