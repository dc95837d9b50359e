"""The state of a game: elements, spaces, filters, files, random streams."""

from taskloom.moved import moved_names

# Before this package, its name was a module's.
__getattr__ = moved_names(__name__)
