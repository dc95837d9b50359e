"""Import paths of earlier versions and their new homes; see `taskloom.moved`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from taskloom.moved import Homes, moved_names


def _homes(package: str, names: str) -> dict[str, str]:
    """Return the homes of names: `module:Name` in this package, or `Old=module:Name` for one that was called otherwise."""
    words = (word.partition("=") for word in names.split())
    pairs = ((old, home) if home else (old.partition(":")[2], old) for old, _, home in words)
    return {old: f"taskloom_diffusion.{package}.{home}" for old, home in pairs}


def old_names(module: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module whose names have moved."""
    return moved_names(module, MOVED[module])


MOVED: dict[str, Homes] = {
    "taskloom_diffusion.blocks": "taskloom_diffusion.model.blocks",
    "taskloom_diffusion.components": "taskloom_diffusion.model.coercion",
    "taskloom_diffusion.denoisers": _homes("denoisers", "DenoiserConfig=base:Denoiser"),
    "taskloom_diffusion.denoisers.attend_blocks": "taskloom_diffusion.accelerated.block_kernels",
    "taskloom_diffusion.denoisers.base": _homes(
        "denoisers",
        "DenoiserConfig=base:Denoiser Dit=dit:DiT Bert=bert:BERT Mlp=mlp:MLPDenoiser "
        "Table=table:TableDenoiser",
    ),
    "taskloom_diffusion.denoisers.near": "taskloom_diffusion.accelerated.local_attention",
    "taskloom_diffusion.denoisers.near_blocks": "taskloom_diffusion.accelerated.local_kernels",
    "taskloom_diffusion.denoisers.reading": "taskloom_diffusion.accelerated.block_attention",
    "taskloom_diffusion.denoisers.turned": "taskloom_diffusion.accelerated.rotary",
    "taskloom_diffusion.drawings": "taskloom_diffusion.report.drawings",
    "taskloom_diffusion.losses": _homes("losses", "base:Corrupted base:Loss"),
    "taskloom_diffusion.losses.base": _homes(
        "losses",
        "Nelbo=objectives:NELBO objectives:StepBound objectives:Hybrid objectives:CrossEntropy "
        "Polydiff=objectives:PolydiffLoss function:Function function:FUNCTIONS",
    ),
    "taskloom_diffusion.metrics": _homes("metrics", "base:MetricSuite"),
    "taskloom_diffusion.metrics.base": _homes(
        "metrics",
        "Molecules=molecules:MoleculeMetrics Polymers=molecules:PolymerMetrics "
        "Texts=text:TextMetrics Sequences=text:SequenceMetrics",
    ),
    "taskloom_diffusion.model": _homes(
        "model",
        "diffusion_model:DiffusionModel noising:device_of noising:move_levels "
        "noising:noised noising:tokens_of noising:vocabulary_of",
    ),
    "taskloom_diffusion.parameterizations": "taskloom_diffusion.model.parameterizations",
    "taskloom_diffusion.pipeline": "taskloom_diffusion.driver",
    "taskloom_diffusion.preparation": "taskloom_diffusion.training.preparation",
    "taskloom_diffusion.processes": _homes("processes", "base:Process"),
    "taskloom_diffusion.processes.base": _homes(
        "processes",
        "absorbing:Absorbing absorbing:ExcitedState uniform:Uniform marginal:Marginal "
        "D3pm=d3pm:D3PM",
    ),
    "taskloom_diffusion.processes.interpolating": "taskloom_diffusion.processes.interpolating_torch",
    "taskloom_diffusion.processes.markov": "taskloom_diffusion.processes.d3pm_torch",
    "taskloom_diffusion.protocols": "taskloom_diffusion.model.protocols",
    "taskloom_diffusion.report": _homes("report", "section:report"),
    "taskloom_diffusion.results": "taskloom_diffusion.evaluation.results",
    "taskloom_diffusion.run": {"DiffusionProblem": "taskloom_diffusion.task:CorpusTask"},
    "taskloom_diffusion.samplers": _homes("samplers", "SamplerConfig=base:Sampler"),
    "taskloom_diffusion.samplers.base": _homes(
        "samplers",
        "SamplerConfig=base:Sampler ancestral:Ancestral ancestral:AncestralCached "
        "ancestral:GreedyTail first_hitting:FirstHitting random_groups:RandomGroups "
        "left_to_right:LeftToRight confidence:Confidence confidence:Margin "
        "confidence:LowEntropy entropy_bound:EntropyBound threshold:Threshold "
        "semi_autoregressive:SemiAutoregressive Remdm=remdm:ReMDM remdm:ForwardBackward "
        "Polydiff=polydiff:PolydiffSampler",
    ),
    "taskloom_diffusion.schedules": _homes("schedules", "base:Schedule"),
    "taskloom_diffusion.schedules.closed_form": _homes(
        "schedules",
        "Linear=closed_form:LinearSchedule Polynomial=closed_form:PolynomialSchedule "
        "CosineMdlm=closed_form:CosineMDLM",
    ),
    "taskloom_diffusion.tables": "taskloom_diffusion.report.tables",
    "taskloom_diffusion.time_samplers": _homes("time_samplers", "base:TimeSampler"),
    "taskloom_diffusion.time_samplers.base": _homes(
        "time_samplers",
        "times:UniformTime times:LowDiscrepancy exact_count:ExactCount "
        "mask_rates:LogUniform mask_rates:Clipped history:History",
    ),
    "taskloom_diffusion.time_samplers.draws": _homes(
        "time_samplers",
        "base:strata base:Levels base:LevelSampler mask_rates:least_variance "
        "exact_count:CountsInParts",
    ),
    "taskloom_diffusion.tokenizers": _homes("tokenizers", "TokenizerConfig=base:Tokenizer"),
    "taskloom_diffusion.tokenizers.base": _homes(
        "tokenizers",
        "TokenizerConfig=base:Tokenizer symbols:RegexSmiles symbols:Char byte:Byte "
        "huggingface:HuggingFace",
    ),
    "taskloom_diffusion.tokenizers.vocabulary": _homes(
        "tokenizers",
        "base:PAD base:MASK base:END base:SPECIAL Tokenizer=base:FittedTokenizer "
        "ByteTokenizer=byte:Byte saved:load_tokenizer *=symbols",
    ),
    "taskloom_diffusion.toys": "taskloom_diffusion.corpora.toys",
    "taskloom_diffusion.training.module": _homes(
        "training", "DiffusionTask=module:DiffusionModule"
    ),
}
