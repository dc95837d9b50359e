"""Hugging Face's BERT body as a denoiser."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel
from transformers.models.bert.modeling_bert import BertPreTrainedModel

from taskloom_diffusion.model.condition import Condition, ConditionEmbedding


class BertDiffusionModel(BertPreTrainedModel):  # type: ignore[no-untyped-call]  # transformers leaves its hook untyped
    """BERT without a pooler whose embeddings, or last hidden state, are shifted by an embedding of the time.

    Args:
        config: Hugging Face's config.
        add_time_to: `input` lets time reach every layer; `output` is PolyDiff's, which shifts all positions alike.
    """

    def __init__(self, config: BertConfig, add_time_to: str = "input") -> None:
        super().__init__(config)
        self.add_time_to = add_time_to
        # The pooler would never get a gradient, which distributed training refuses.
        self.bert = BertModel(config, add_pooling_layer=False)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers leaves it untyped

    def get_embedding_layer(self) -> nn.Module:
        """Return the embeddings module."""
        embeddings: nn.Module = self.bert.embeddings
        return embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        timestep_embeds: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **options: Any,  # noqa: ANN401 -- passed on to the body as they are
    ) -> Any:  # noqa: ANN401 -- the body's output object
        """Return the body's output with `last_hidden_state` (B, L, H).

        Args:
            input_ids: (B, L).
            attention_mask: (B, L).
            timestep_embeds: (B, H).
            inputs_embeds: (B, L, H), instead of `input_ids`.
            **options: Passed on to Hugging Face's `BertModel`.
        """
        early = timestep_embeds is not None and self.add_time_to == "input"
        if early and timestep_embeds is not None:
            words: Any = self.bert.embeddings.word_embeddings
            embedded: Tensor = words(input_ids) if inputs_embeds is None else inputs_embeds
            inputs_embeds = embedded + timestep_embeds[:, None]
            input_ids = None
        output = self.bert(
            input_ids=input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            **{**options, "return_dict": True},
        )
        if timestep_embeds is not None and not early:
            output.last_hidden_state = output.last_hidden_state + timestep_embeds[:, None]
        return output


class BERTNetwork(nn.Module):
    """The body with an embedding of the noise level and a projection onto the vocabulary."""

    def __init__(
        self,
        vocab_size: int,
        max_length: int,
        *,
        width: int,
        num_layers: int,
        num_heads: int,
        feed_forward: int,
        dropout: float,
        num_timesteps: int,
        time_conditioning: str,
    ) -> None:
        super().__init__()
        self.num_timesteps = num_timesteps
        body = BertConfig(
            vocab_size=vocab_size,
            hidden_size=width,
            num_hidden_layers=num_layers,
            num_attention_heads=num_heads,
            intermediate_size=feed_forward,
            max_position_embeddings=max_length,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
        add_to = "output" if time_conditioning == "output_add" else "input"
        self.body = BertDiffusionModel(body, add_to)
        self.timestep_embedding = (
            None if time_conditioning == "none" else nn.Embedding(num_timesteps, width)
        )
        self.output_projection = nn.Linear(width, vocab_size)
        if self.timestep_embedding is not None:
            nn.init.normal_(self.timestep_embedding.weight, std=0.02)
        self.condition: ConditionEmbedding | None = None

    def take_conditions(self, numbers: int, sizes: tuple[int, ...]) -> None:
        """Let conditions enter where the time does."""
        width = self.output_projection.in_features
        self.condition = ConditionEmbedding(numbers, sizes, width)

    @property
    def uses_time(self) -> bool:
        return self.timestep_embedding is not None

    def forward(
        self, z: Tensor, noise: Tensor, maskable: Tensor, *, condition: Condition | None = None
    ) -> Tensor:
        time = None
        if self.timestep_embedding is not None:
            row = (noise * (self.num_timesteps - 1)).round().long().clamp(0, self.num_timesteps - 1)
            time = self.timestep_embedding(row)
        if self.condition is not None:
            told = self.condition(condition, len(z))
            time = told if time is None else time + told
        with torch.autocast("cpu", enabled=False):
            hidden = self.body(
                input_ids=z, attention_mask=maskable.long(), timestep_embeds=time
            ).last_hidden_state
        logits: Tensor = self.output_projection(hidden)
        return logits
