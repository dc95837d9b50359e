"""The transformer `dit` as a masked language model of Hugging Face; it needs torch and transformers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import MaskedLMOutput

from taskloom_diffusion.exports.plain_dit import PlainDiT


class TaskloomDiTConfig(PretrainedConfig):  # type: ignore[no-untyped-call]  # transformers leaves its hook untyped
    """Fields of the network, and under `taskloom` everything else of the diffusion model.

    Args:
        vocab_size: Tokens.
        max_length: Longest sequence [tokens].
        network: Fields of `dit`.
        taskloom: Arguments and facts of the model.
        **others: Of Hugging Face.
    """

    model_type = "taskloom_dit"

    def __init__(
        self,
        vocab_size: int = 4,
        max_length: int = 2,
        network: dict[str, Any] | None = None,
        taskloom: dict[str, Any] | None = None,
        **others: Any,  # noqa: ANN401 -- Hugging Face's own
    ) -> None:
        self.vocab_size = vocab_size
        self.longest = max_length
        self.network = network or {}
        self.taskloom = taskloom or {}
        super().__init__(**others)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, as `config.json` has them."""
        found: dict[str, Any] = super().to_dict()
        found["max_length"] = found.pop("longest")
        return found


class TaskloomDiTForMaskedLM(PreTrainedModel):  # type: ignore[no-untyped-call]  # transformers leaves its hook untyped
    """The network.

    Args:
        config: Its fields.
    """

    config_class = TaskloomDiTConfig

    def __init__(self, config: TaskloomDiTConfig) -> None:
        super().__init__(config)
        self.network = PlainDiT(config.vocab_size, config.longest, **config.network)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers leaves it untyped

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        noise: Tensor | None = None,
        labels: Tensor | None = None,
        **others: Any,  # noqa: ANN401 -- of pipelines, such as token types
    ) -> MaskedLMOutput:
        """Return logits (B, L, V), and the mean cross-entropy of labels that are not -100.

        Args:
            input_ids: Tokens (B, L), masks among them.
            attention_mask: Positions of the sequences (B, L).
            noise: Noise level of each row (B,), for a network that is told it.
            labels: Clean tokens (B, L).
            **others: Not looked at.
        """
        del others
        inside = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        logits = self.network(input_ids, inside.bool(), noise)
        loss = None
        if labels is not None:
            loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels)
        return MaskedLMOutput(loss=loss, logits=logits)
