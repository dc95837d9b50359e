"""Noising processes: configs in `base`, one implementation a file."""

from taskloom_diffusion.processes.base import Process as Process
