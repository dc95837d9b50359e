"""Train and sample discrete diffusion models of sequences. Every public name is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom.lazy import lazy_names

from taskloom_diffusion.domain import DOMAIN

if TYPE_CHECKING:
    from taskloom_diffusion.chemistry.benchmarking import benchmark as benchmark
    from taskloom_diffusion.chemistry.figures import BenchmarkFigure as BenchmarkFigure
    from taskloom_diffusion.compat.excited_state import (
        ExcitedStateDiffusion as ExcitedStateDiffusion,
    )
    from taskloom_diffusion.compat.schedules import CosineSchedule as CosineSchedule
    from taskloom_diffusion.config import (
        DiffusionConfig as DiffusionConfig,
        DiffusionSettings as DiffusionSettings,
        EvaluateConfig as EvaluateConfig,
        OptimizerSettings as OptimizerSettings,
        TrainConfig as TrainConfig,
    )
    from taskloom_diffusion.corpora.corpus import Corpus as Corpus
    from taskloom_diffusion.denoisers.base import Denoiser as Denoiser
    from taskloom_diffusion.denoisers.bert import BERT as BERT
    from taskloom_diffusion.denoisers.bert_torch import BertDiffusionModel as BertDiffusionModel
    from taskloom_diffusion.denoisers.dit import DiT as DiT
    from taskloom_diffusion.denoisers.mlp import MLPDenoiser as MLPDenoiser
    from taskloom_diffusion.denoisers.table import TableDenoiser as TableDenoiser
    from taskloom_diffusion.evaluation.bound import Bound as Bound, estimate_bound as estimate_bound
    from taskloom_diffusion.evaluation.conditional import LogLikelihood as LogLikelihood
    from taskloom_diffusion.evaluation.sampling import (
        complete as complete,
        sample_lengths as sample_lengths,
    )
    from taskloom_diffusion.evaluation.trained import (
        SampledSequences as SampledSequences,
        TrainedModel as TrainedModel,
        load as load,
    )
    from taskloom_diffusion.exports.folder import export as export
    from taskloom_diffusion.losses.base import Corrupted as Corrupted, Loss as Loss
    from taskloom_diffusion.losses.function import Function as Function
    from taskloom_diffusion.losses.objectives import (
        NELBO as NELBO,
        CrossEntropy as CrossEntropy,
        Hybrid as Hybrid,
        PolydiffLoss as PolydiffLoss,
        StepBound as StepBound,
    )
    from taskloom_diffusion.metrics.base import MetricSuite as MetricSuite
    from taskloom_diffusion.metrics.molecules import (
        MoleculeMetrics as MoleculeMetrics,
        PolymerMetrics as PolymerMetrics,
    )
    from taskloom_diffusion.metrics.text import (
        SequenceMetrics as SequenceMetrics,
        TextMetrics as TextMetrics,
    )
    from taskloom_diffusion.model.diffusion_model import DiffusionModel as DiffusionModel
    from taskloom_diffusion.model.wrapping import own as own
    from taskloom_diffusion.processes.absorbing import (
        Absorbing as Absorbing,
        ExcitedState as ExcitedState,
    )
    from taskloom_diffusion.processes.base import Process as Process
    from taskloom_diffusion.processes.d3pm import D3PM as D3PM
    from taskloom_diffusion.processes.marginal import Marginal as Marginal
    from taskloom_diffusion.processes.uniform import Uniform as Uniform
    from taskloom_diffusion.samplers.ancestral import (
        Ancestral as Ancestral,
        AncestralCached as AncestralCached,
        GreedyTail as GreedyTail,
    )
    from taskloom_diffusion.samplers.base import Sampler as Sampler
    from taskloom_diffusion.samplers.confidence import (
        Confidence as Confidence,
        LowEntropy as LowEntropy,
        Margin as Margin,
    )
    from taskloom_diffusion.samplers.entropy_bound import EntropyBound as EntropyBound
    from taskloom_diffusion.samplers.first_hitting import FirstHitting as FirstHitting
    from taskloom_diffusion.samplers.left_to_right import LeftToRight as LeftToRight
    from taskloom_diffusion.samplers.polydiff import PolydiffSampler as PolydiffSampler
    from taskloom_diffusion.samplers.random_groups import RandomGroups as RandomGroups
    from taskloom_diffusion.samplers.remdm import ForwardBackward as ForwardBackward, ReMDM as ReMDM
    from taskloom_diffusion.samplers.reveal import RevealSampler as RevealSampler
    from taskloom_diffusion.samplers.semi_autoregressive import (
        SemiAutoregressive as SemiAutoregressive,
    )
    from taskloom_diffusion.samplers.threshold import Threshold as Threshold
    from taskloom_diffusion.schedules.base import Schedule as Schedule
    from taskloom_diffusion.schedules.closed_form import (
        Cosine as Cosine,
        CosineMDLM as CosineMDLM,
        CosineSquared as CosineSquared,
        Geometric as Geometric,
        LinearSchedule as LinearSchedule,
        LinearSigma as LinearSigma,
        LogLinear as LogLinear,
        PolynomialSchedule as PolynomialSchedule,
    )
    from taskloom_diffusion.schedules.polydiff import (
        PolydiffCosine as PolydiffCosine,
        PolydiffExponential as PolydiffExponential,
        PolydiffLinear as PolydiffLinear,
        PolydiffLogarithmic as PolydiffLogarithmic,
        PolydiffQuadratic as PolydiffQuadratic,
    )
    from taskloom_diffusion.task import CorpusTask as CorpusTask
    from taskloom_diffusion.time_samplers.base import TimeSampler as TimeSampler
    from taskloom_diffusion.time_samplers.exact_count import ExactCount as ExactCount
    from taskloom_diffusion.time_samplers.history import History as History
    from taskloom_diffusion.time_samplers.mask_rates import (
        Clipped as Clipped,
        LogUniform as LogUniform,
    )
    from taskloom_diffusion.time_samplers.times import (
        LowDiscrepancy as LowDiscrepancy,
        UniformTime as UniformTime,
    )
    from taskloom_diffusion.tokenizers.base import Tokenizer as Tokenizer
    from taskloom_diffusion.tokenizers.byte import Byte as Byte
    from taskloom_diffusion.tokenizers.huggingface import HuggingFace as HuggingFace
    from taskloom_diffusion.tokenizers.symbols import Char as Char, RegexSmiles as RegexSmiles
    from taskloom_diffusion.training.corpus_data import CorpusData as CorpusData
    from taskloom_diffusion.training.ema_weights import EmaWeights as EmaWeights
    from taskloom_diffusion.training.module import (
        DiffusionModule as DiffusionModule,
        DiffusionModule as DiffusionTask,  # noqa: F401 -- another name of it
    )
    from taskloom_diffusion.training.recorder import TrainingDivergedError as TrainingDivergedError

# Where each public name lives: torch and Lightning must not be imported for a listing.
_HOMES = {
    "taskloom_diffusion.chemistry.benchmarking": ("benchmark",),
    "taskloom_diffusion.chemistry.figures": ("BenchmarkFigure",),
    "taskloom_diffusion.compat.excited_state": ("ExcitedStateDiffusion",),
    "taskloom_diffusion.compat.schedules": ("CosineSchedule",),
    "taskloom_diffusion.config": (
        "DiffusionConfig",
        "DiffusionSettings",
        "EvaluateConfig",
        "OptimizerSettings",
        "TrainConfig",
    ),
    "taskloom_diffusion.corpora.corpus": ("Corpus",),
    "taskloom_diffusion.denoisers.base": ("Denoiser",),
    "taskloom_diffusion.denoisers.bert_torch": ("BertDiffusionModel",),
    "taskloom_diffusion.evaluation.bound": ("Bound", "estimate_bound"),
    "taskloom_diffusion.evaluation.sampling": ("complete", "sample_lengths"),
    "taskloom_diffusion.evaluation.conditional": ("LogLikelihood",),
    "taskloom_diffusion.evaluation.trained": ("SampledSequences", "TrainedModel", "load"),
    "taskloom_diffusion.exports.folder": ("export",),
    "taskloom_diffusion.losses.base": ("Corrupted", "Loss"),
    "taskloom_diffusion.metrics.base": ("MetricSuite",),
    "taskloom_diffusion.model.diffusion_model": ("DiffusionModel",),
    "taskloom_diffusion.model.wrapping": ("own",),
    "taskloom_diffusion.processes.base": ("Process",),
    "taskloom_diffusion.samplers.base": ("Sampler",),
    "taskloom_diffusion.samplers.reveal": ("RevealSampler",),
    "taskloom_diffusion.schedules.base": ("Schedule",),
    "taskloom_diffusion.task": ("CorpusTask",),
    "taskloom_diffusion.time_samplers.base": ("TimeSampler",),
    "taskloom_diffusion.tokenizers.base": ("Tokenizer",),
    "taskloom_diffusion.training.corpus_data": ("CorpusData",),
    "taskloom_diffusion.training.ema_weights": ("EmaWeights",),
    "taskloom_diffusion.training.module": ("DiffusionModule",),
    "taskloom_diffusion.training.recorder": ("TrainingDivergedError",),
}
# PolyDiff's name for what it trains.
_ALIASES = {"DiffusionTask": "DiffusionModule"}
# A name of earlier versions, found with the warning of one that has moved.
_OLD = {"DiffusionProblem": "taskloom_diffusion.run"}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_HOME_OF |= {name: _HOME_OF[there] for name, there in _ALIASES.items()}
for _parts in DOMAIN.components.values():
    for _part in _parts:
        _module, _, _name = _part.target.partition(":")
        _HOME_OF[_name] = _module

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 -- a list all the same # pyright: ignore[reportUnsupportedDunderAll] -- built from _HOMES

__getattr__, __dir__ = lazy_names("taskloom_diffusion", _HOME_OF | _OLD, _ALIASES)
