"""The optimizers of a plan, one a module."""
