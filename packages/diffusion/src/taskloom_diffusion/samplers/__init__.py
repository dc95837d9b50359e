"""Samplers, one file each, over the loops in `reveal` and `chain`; `generation` is what they work on."""

from taskloom_diffusion.compat.moved import old_names

# Before 0.2 the base of the kind was imported from here.
__getattr__ = old_names(__name__)
