"""Train and sample discrete diffusion models of sequences. Every public name is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom.lazy import lazy_names

if TYPE_CHECKING:
    from taskloom_diffusion.compat.excited_state import (
        ExcitedStateDiffusion as ExcitedStateDiffusion,
    )
    from taskloom_diffusion.compat.schedules import CosineSchedule as CosineSchedule
    from taskloom_diffusion.config import (
        DiffusionConfig as DiffusionConfig,
        DiffusionSettings as DiffusionSettings,
        OptimizerSettings as OptimizerSettings,
    )
    from taskloom_diffusion.denoisers.bert_torch import BertDiffusionModel as BertDiffusionModel
    from taskloom_diffusion.schedules.base import Schedule as Schedule
    from taskloom_diffusion.task import DiffusionProblem as DiffusionProblem
    from taskloom_diffusion.training.module import DiffusionTask as DiffusionTask

# Where each public name lives: torch and Lightning must not be imported for a listing.
_HOME_OF = {
    "BertDiffusionModel": "taskloom_diffusion.denoisers.bert_torch",
    "CosineSchedule": "taskloom_diffusion.compat.schedules",
    "DiffusionConfig": "taskloom_diffusion.config",
    "DiffusionProblem": "taskloom_diffusion.task",
    "DiffusionSettings": "taskloom_diffusion.config",
    "DiffusionTask": "taskloom_diffusion.training.module",
    "ExcitedStateDiffusion": "taskloom_diffusion.compat.excited_state",
    "OptimizerSettings": "taskloom_diffusion.config",
    "Schedule": "taskloom_diffusion.schedules.base",
}

__all__ = [
    "BertDiffusionModel",
    "CosineSchedule",
    "DiffusionConfig",
    "DiffusionProblem",
    "DiffusionSettings",
    "DiffusionTask",
    "ExcitedStateDiffusion",
    "OptimizerSettings",
    "Schedule",
]

__getattr__, __dir__ = lazy_names("taskloom_diffusion", _HOME_OF)
