"""The report's section of this domain, its drawings and animations."""

from taskloom.moved import moved_names

from taskloom_control.compat.moved import MOVED

# Before this package, its name was a module's.
__getattr__ = moved_names("taskloom_control.report", MOVED["taskloom_control.report"])
