"""The way from a task to scores: features, fitted detectors, fusion, evaluation, and the files they leave."""

from taskloom.moved import moved_names

from taskloom_anomaly.compat.moved import MOVED

# Before this package, its name was a module's.
__getattr__ = moved_names("taskloom_anomaly.detection", MOVED["taskloom_anomaly.detection"])
