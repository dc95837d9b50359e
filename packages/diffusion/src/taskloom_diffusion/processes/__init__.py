"""Noising processes: parameters in one file each, arithmetic on tensors in the `_torch` files."""

from taskloom_diffusion.compat.moved import old_names

# Before 0.2 the base of the kind was imported from here.
__getattr__ = old_names(__name__)
