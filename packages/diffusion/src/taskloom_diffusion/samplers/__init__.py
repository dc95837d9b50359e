"""Samplers: configs in `base`, the driver in `generation`, strategies beside them."""

from taskloom_diffusion.samplers.base import SamplerConfig as SamplerConfig
