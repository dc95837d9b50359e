"""Import paths of earlier versions and their new homes; see `taskloom.moved`."""

from __future__ import annotations

from taskloom.moved import Homes

MOVED: dict[str, Homes] = {
    "taskloom_diffusion.blocks": "taskloom_diffusion.model.blocks",
    "taskloom_diffusion.components": "taskloom_diffusion.model.coercion",
    "taskloom_diffusion.denoisers.attend_blocks": "taskloom_diffusion.accelerated.block_kernels",
    "taskloom_diffusion.denoisers.near": "taskloom_diffusion.accelerated.local_attention",
    "taskloom_diffusion.denoisers.near_blocks": "taskloom_diffusion.accelerated.local_kernels",
    "taskloom_diffusion.denoisers.reading": "taskloom_diffusion.accelerated.block_attention",
    "taskloom_diffusion.denoisers.turned": "taskloom_diffusion.accelerated.rotary",
    "taskloom_diffusion.drawings": "taskloom_diffusion.report.drawings",
    "taskloom_diffusion.model": {
        "DiffusionModel": "taskloom_diffusion.model.diffusion_model:DiffusionModel",
        "device_of": "taskloom_diffusion.model.diffusion_model:device_of",
        "move_levels": "taskloom_diffusion.model.diffusion_model:move_levels",
        "noised": "taskloom_diffusion.model.diffusion_model:noised",
        "tokens_of": "taskloom_diffusion.model.diffusion_model:tokens_of",
        "vocabulary_of": "taskloom_diffusion.model.diffusion_model:vocabulary_of",
    },
    "taskloom_diffusion.parameterizations": "taskloom_diffusion.model.parameterizations",
    "taskloom_diffusion.pipeline": "taskloom_diffusion.driver",
    "taskloom_diffusion.preparation": "taskloom_diffusion.training.preparation",
    "taskloom_diffusion.protocols": "taskloom_diffusion.model.protocols",
    "taskloom_diffusion.report": {
        "report": "taskloom_diffusion.report.section:report",
    },
    "taskloom_diffusion.results": "taskloom_diffusion.evaluation.results",
    "taskloom_diffusion.run": "taskloom_diffusion.task",
    "taskloom_diffusion.tables": "taskloom_diffusion.report.tables",
    "taskloom_diffusion.toys": "taskloom_diffusion.corpora.toys",
}
