"""Metrics of generated sequences: configs in `base`, implementations beside it."""

from taskloom_diffusion.metrics.base import MetricSuite as MetricSuite
