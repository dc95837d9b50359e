"""The diffusion model: a denoiser with a process, a parameterization and blocks."""

from taskloom_diffusion.compat.moved import old_names

# Before this package, its name was a module's.
__getattr__ = old_names(__name__)
