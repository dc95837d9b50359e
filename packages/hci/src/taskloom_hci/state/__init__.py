"""The state of a game: elements, spaces, filters, files, random streams."""

from taskloom.moved import moved_names

from taskloom_hci.compat.moved import MOVED

# Before this package, its name was a module's.
__getattr__ = moved_names("taskloom_hci.state", MOVED["taskloom_hci.state"])
