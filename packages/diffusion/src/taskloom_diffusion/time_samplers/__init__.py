"""Laws of the noise levels that training visits: configs in `base`, implementations beside it."""

from taskloom_diffusion.time_samplers.base import TimeSampler as TimeSampler
