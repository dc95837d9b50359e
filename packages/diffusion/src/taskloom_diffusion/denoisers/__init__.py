"""Denoisers: parameters in one file each, networks in the `_torch` files."""

from taskloom.moved import moved_names

from taskloom_diffusion.compat.moved import MOVED

# Before 0.2 the base of the kind was imported from here.
__getattr__ = moved_names(__name__, MOVED[__name__])
