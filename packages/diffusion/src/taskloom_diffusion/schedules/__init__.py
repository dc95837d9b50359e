"""Noise schedules, one class each; a class is both its config and its implementation."""

from taskloom_diffusion.schedules.base import Schedule as Schedule
