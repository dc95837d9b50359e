"""The report's section of this domain, and its pictures."""

from taskloom.moved import moved_names

from taskloom_anomaly.compat.moved import MOVED

# Before this package, its name was a module's.
__getattr__ = moved_names("taskloom_anomaly.report", MOVED["taskloom_anomaly.report"])
