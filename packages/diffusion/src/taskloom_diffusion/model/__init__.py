"""The diffusion model: a denoiser with a process, a parameterization and blocks."""

from taskloom.moved import moved_names

from taskloom_diffusion.compat.moved import MOVED

# Before this package, its name was a module's.
__getattr__ = moved_names("taskloom_diffusion.model", MOVED["taskloom_diffusion.model"])
