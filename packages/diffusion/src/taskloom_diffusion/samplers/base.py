"""Sampler configs: how a trained model generates. Each builds a strategy that one driver runs."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from taskloom import Component

if TYPE_CHECKING:
    from taskloom_diffusion.samplers.generation import Sampler

_Calls = Annotated[int, Field(ge=0, le=100_000)]
_Steps = Annotated[int, Field(ge=1, le=100_000)]
_Grid = Literal["schedule", "uniform", "cosine"]


class SamplerConfig(Component):
    """A way to generate."""

    masks_only: ClassVar[bool] = False
    """Whether it needs noise that masks; then other noise is refused with the config, before anything is read."""
    temperature: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Temperature of token draws; 1 is the model's own law, 0 takes the likeliest token."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Tokens are drawn from the smallest set with this much probability; 1 is all."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the network's blocks; its last layer and the draws keep theirs (fp32 and float64)."""

    @abstractmethod
    def build(self) -> Sampler:
        """Build the strategy."""


class MaskSamplerConfig(SamplerConfig):
    """A way to generate that reveals masks, or makes tokens masks again."""

    masks_only: ClassVar[bool] = True


class Ancestral(SamplerConfig):
    """The reverse chain on a grid of steps; exact for that grid, for every process."""

    kind: Literal["ancestral"] = "ancestral"
    num_steps: _Steps = 128
    """Steps of the grid."""
    grid: _Grid = "schedule"
    """Signal along the grid: the model's schedule, equal steps, or MD4's cosine that reveals few tokens early."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.chain import ChainSampler

        return ChainSampler(self.num_steps, self.grid)


class AncestralCached(MaskSamplerConfig):
    """The same chain, but the network is asked again only for sequences that changed; needs a network without time."""

    kind: Literal["ancestral_cached"] = "ancestral_cached"
    num_steps: _Steps = 1000
    """Steps of the grid; the calls stay below the length."""
    grid: _Grid = "schedule"
    """Signal along the grid."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.chain import ChainSampler

        return ChainSampler(self.num_steps, self.grid, cached=True)


class FirstHitting(MaskSamplerConfig):
    """One position per call in random order: exact in continuous time (Zheng et al. 2024)."""

    kind: Literal["first_hitting"] = "first_hitting"

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.reveal import RandomOrder, RevealSampler

        return RevealSampler(RandomOrder(0), continuous_time=True)


class RandomGroups(MaskSamplerConfig):
    """Random positions, several per call."""

    kind: Literal["random"] = "random"
    num_calls: _Calls = 16
    """Network calls; 0 is one per position."""
    buckets: Literal["equal", "independent"] = "equal"
    """Groups of equal size, or each position's call drawn on its own: the law of the chain with that many equal steps."""

    @model_validator(mode="after")
    def _buckets_need_calls(self) -> RandomGroups:
        if self.buckets == "independent" and self.num_calls == 0:
            raise ValueError("buckets = 'independent' needs num_calls >= 1")
        return self

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.reveal import (
            IndependentBuckets,
            RandomOrder,
            RevealSampler,
        )

        independent = self.buckets == "independent"
        rule = IndependentBuckets(self.num_calls) if independent else RandomOrder(self.num_calls)
        return RevealSampler(rule)


class LeftToRight(MaskSamplerConfig):
    """Positions from left to right, several per call."""

    kind: Literal["left_to_right"] = "left_to_right"
    num_calls: _Calls = 0
    """Network calls; 0 is one per position."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.reveal import LeftToRightOrder, RevealSampler

        return RevealSampler(LeftToRightOrder(self.num_calls))


class Confidence(MaskSamplerConfig):
    """The tokens the model is surest of first (MaskGIT, GenMol): not the model's law, but better samples."""

    kind: Literal["confidence"] = "confidence"
    temperature: Annotated[float, Field(ge=0, le=10)] = 0.8
    """Temperature of token draws; 1 is the model's own law, 0 takes the likeliest token."""
    num_calls: _Calls = 0
    """Network calls; 0 is one per position."""
    randomness: Annotated[float, Field(ge=0, le=100)] = 0.5
    """Gumbel noise on the log-confidence, falling to 0 over the calls. Confidence is the untempered probability."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.reveal import RevealSampler, Surest

        return RevealSampler(Surest("confidence", self.num_calls, self.randomness))


class Margin(MaskSamplerConfig):
    """Positions first where the best token leads the second by most (Kim et al. 2025)."""

    kind: Literal["margin"] = "margin"
    num_calls: _Calls = 0
    """Network calls; 0 is one per position."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.reveal import RevealSampler, Surest

        return RevealSampler(Surest("margin", self.num_calls, 0.0))


class LowEntropy(MaskSamplerConfig):
    """Positions of lowest entropy first."""

    kind: Literal["entropy"] = "entropy"
    num_calls: _Calls = 0
    """Network calls; 0 is one per position."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.reveal import RevealSampler, Surest

        return RevealSampler(Surest("entropy", self.num_calls, 0.0))


class EntropyBound(MaskSamplerConfig):
    """As many low-entropy positions per call as keep the joint error bounded (EB sampler, Ben-Hamu et al. 2025)."""

    kind: Literal["entropy_bound"] = "entropy_bound"
    bound: Annotated[float, Field(ge=0)] = 0.5
    """Sum of the entropies of a group without its largest [nats]."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.reveal import BoundedEntropy, RevealSampler

        return RevealSampler(BoundedEntropy(self.bound))


class Threshold(MaskSamplerConfig):
    """Every position whose drawn token is likelier than a threshold, at least one (Fast-dLLM, Wu et al. 2025)."""

    kind: Literal["threshold"] = "threshold"
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Probability above which a token is accepted."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.reveal import AboveThreshold, RevealSampler

        return RevealSampler(AboveThreshold(self.threshold))


class SemiAutoregressive(MaskSamplerConfig):
    """Blocks from left to right, inside a block the surest tokens first (SSD-LM, LLaDA)."""

    kind: Literal["semi_autoregressive"] = "semi_autoregressive"
    block_size: Annotated[int, Field(ge=1)] = 8
    """Positions of a block."""
    calls_per_block: Annotated[int, Field(ge=1)] = 8
    """Network calls for a whole block."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.reveal import Blocks, RevealSampler

        return RevealSampler(Blocks(self.block_size, self.calls_per_block))


class Remdm(MaskSamplerConfig):
    """The chain with tokens masked again on the way, marginals kept (ReMDM, Wang et al. 2025)."""

    kind: Literal["remdm"] = "remdm"
    num_steps: _Steps = 128
    """Steps of the grid."""
    variant: Literal["cap", "rescale", "confidence", "loop"] = "cap"
    """How the remasking probability follows its largest allowed value."""
    eta: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Strength: the cap, or the factor of rescale, confidence and loop; 0 is ancestral."""
    loop_alpha: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Signal at which `loop` stays while it remasks."""
    loop_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the steps that `loop` stays."""
    grid: _Grid = "schedule"
    """Signal along the grid."""

    @model_validator(mode="after")
    def _loop_has_three_phases(self) -> Remdm:
        if self.variant == "loop" and self.num_steps < 3:
            raise ValueError(
                f"variant = 'loop' has three phases and needs num_steps >= 3, not {self.num_steps}"
            )
        return self

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.chain import ChainSampler
        from taskloom_diffusion.samplers.remask import Remasking

        loop = (self.loop_alpha, self.loop_share) if self.variant == "loop" else None
        remasking = Remasking(self.variant, self.eta)
        return ChainSampler(self.num_steps, self.grid, remasking=remasking, loop=loop)


class ForwardBackward(MaskSamplerConfig):
    """The chain where every step masks again what the forward process would (Campbell et al. 2022's corrector)."""

    kind: Literal["forward_backward"] = "forward_backward"
    num_steps: _Steps = 128
    """Steps of the grid."""
    grid: _Grid = "schedule"
    """Signal along the grid."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.chain import ChainSampler
        from taskloom_diffusion.samplers.remask import Remasking

        return ChainSampler(self.num_steps, self.grid, remasking=Remasking("forward_backward", 1.0))


class GreedyTail(SamplerConfig):
    """The chain whose last steps take the likeliest token (Duo, Sahoo et al. 2025)."""

    kind: Literal["greedy_tail"] = "greedy_tail"
    num_steps: _Steps = 128
    """Steps of the grid."""
    tail: Annotated[int, Field(ge=1)] = 1
    """Steps at the end that are greedy."""
    grid: _Grid = "schedule"
    """Signal along the grid."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.chain import ChainSampler

        return ChainSampler(self.num_steps, self.grid, greedy_tail=self.tail)


class Polydiff(MaskSamplerConfig):
    """PolyDiff's loop, for comparison only: every position is redrawn at every step, so the law is that of one step."""

    kind: Literal["polydiff"] = "polydiff"
    num_steps: _Steps = 1000
    """Iterations; the law does not depend on them."""

    def build(self) -> Sampler:
        from taskloom_diffusion.samplers.compatibility import RedrawEverything

        return RedrawEverything(self.num_steps)
