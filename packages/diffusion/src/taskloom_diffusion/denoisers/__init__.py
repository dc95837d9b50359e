"""Denoising networks: configs in `base`, one implementation a file."""

from taskloom_diffusion.denoisers.base import DenoiserConfig as DenoiserConfig
