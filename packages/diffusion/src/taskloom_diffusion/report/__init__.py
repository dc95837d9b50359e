"""The report's section of this domain, its tables and drawings."""

from taskloom.moved import moved_names

from taskloom_diffusion.compat.moved import MOVED

# Before this package, its name was a module's.
__getattr__ = moved_names("taskloom_diffusion.report", MOVED["taskloom_diffusion.report"])
