"""Training losses, one class each; a class is both its config and its implementation."""

from taskloom_diffusion.losses.base import Corrupted as Corrupted, Loss as Loss
