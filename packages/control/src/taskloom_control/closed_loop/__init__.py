"""The closed loop: simulation, recording, replay and checks."""

from taskloom.moved import moved_names

from taskloom_control.compat.moved import MOVED

# Before this package, its name was a module's.
__getattr__ = moved_names("taskloom_control.closed_loop", MOVED["taskloom_control.closed_loop"])
