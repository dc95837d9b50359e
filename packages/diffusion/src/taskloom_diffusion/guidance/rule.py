"""A constraint as a rule of token draws: every draw is of a whole completion that is accepted, and a part of it is kept.

One step from noise to data has the law of the prediction given that it is accepted. More steps have another law than
p(x | accepted): the prediction is a product, and its chance of being accepted is not the model's. Particles mend that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from taskloom_diffusion.guidance.automaton import Automaton
from taskloom_diffusion.guidance.messages import BackwardMessages, states_after, worth_of_rest
from taskloom_diffusion.model.protocols import NoisingProcess
from taskloom_diffusion.samplers.draws import draw_categorical
from taskloom_diffusion.samplers.generation import Generation


@dataclass(frozen=True)
class AutomatonRule:
    """A constraint on the sequences of a batch.

    Attributes:
        automaton: The constraint.
        process: The noising process.
        frequencies: Share of each token (V,), float64, by which the rest behind a block is judged.
        start: States before the first position (B,); None is the automaton's own.
        terminal: Worth of each state behind the last position (B, Q); None is 1 where it accepts.
    """

    automaton: Automaton
    process: NoisingProcess
    frequencies: Tensor
    start: Tensor | None = None
    terminal: Tensor | None = None

    def messages(
        self, law: Tensor, z: Tensor, maskable: Tensor, *, known: bool
    ) -> BackwardMessages:
        """Return the messages under laws of the positions.

        Args:
            law: Probabilities (B, L, V).
            z: Tokens (B, L).
            maskable: Positions of the sequences (B, L).
            known: Whether tokens of z that are no mask are certain.
        """
        if known:
            law = certain(law, z, z != self.process.vocabulary.mask_id)
        return BackwardMessages(self.automaton, law, maskable, self.start, self.terminal)

    def draw(self, law: Tensor, z: Tensor, maskable: Tensor, noise: Tensor) -> Tensor:
        """Return a completion of each row (B, L) that is accepted."""
        return self.messages(law, z, maskable, known=True).draw(noise)

    def move(
        self,
        generation: Generation,
        log_x: Tensor,
        z: Tensor,
        signals: tuple[Tensor, Tensor],
        noise: Tensor,
    ) -> Tensor:
        """Return the next state of other noise: clean tokens that are accepted, and noise put back on each of them."""
        law = clean_law(generation, log_x, z, signals[0])
        clean = self.messages(law, z, generation.maskable, known=False).draw(noise)
        return noised_back(generation, clean, z, signals)

    def of_block(self, z: Tensor, maskable: Tensor, span: slice) -> AutomatonRule:
        """Return the rule of a block: it begins in the state after the prefix, and the rest is judged by frequencies."""
        before = states_after(self.automaton, z[:, : span.start], maskable[:, : span.start])
        left = maskable[:, span.stop :].sum(1)
        terminal = worth_of_rest(self.automaton, self.frequencies, left)
        return replace(self, start=before, terminal=terminal)

    def accepted(self, z: Tensor, maskable: Tensor) -> Tensor:
        """Return which whole sequences (B, L) are accepted (B,)."""
        state = states_after(self.automaton, z, maskable)
        accept = torch.from_numpy(self.automaton.accept)
        return (state >= 0) & accept[state.clamp_min(0)]

    def of_rows(self, rows: Tensor) -> AutomatonRule:
        """Return the rule of some rows."""
        start = None if self.start is None else self.start[rows]
        terminal = None if self.terminal is None else self.terminal[rows]
        return replace(self, start=start, terminal=terminal)


def certain(law: Tensor, z: Tensor, known: Tensor) -> Tensor:
    """Return laws (B, L, V) that are certain of known tokens."""
    sure = torch.zeros_like(law).scatter(-1, z[..., None], 1.0)
    return torch.where(known[..., None], sure, law)


def clean_law(generation: Generation, log_x: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
    """Return p(x_l | z) (B, L, V): the prediction leaves position l out, and its own evidence is put back in."""
    joint = generation.token_law(log_x) * generation.process.likelihood(z, alpha)
    law = joint / joint.sum(-1, keepdim=True).clamp_min(1e-300)
    # Clamped tokens are clean, whatever is thought of them.
    return certain(law, z, ~generation.free)


def noised_back(
    generation: Generation, clean: Tensor, z: Tensor, signals: tuple[Tensor, Tensor]
) -> Tensor:
    """Return z_s (B, L) drawn from q(z_s | z_t, x) of clean tokens x."""
    now, later = signals
    size = generation.process.vocabulary.size
    corners = torch.nn.functional.one_hot(clean, size).double()
    law = generation.process.posterior(corners, z, later, now)
    # A variate of its own: the one that drew x has nothing left to decide with.
    return draw_categorical(law, generation.noise.uniform())


def moved_laws(
    generation: Generation, law: Tensor, z: Tensor, moved: Tensor, signals: tuple[Tensor, Tensor]
) -> Tensor:
    """Return pi_l(v) q(z_s^l | z_t^l, v) (B, L, V) of a next state `moved` (B, L) and the laws pi of clean tokens."""
    now, later = signals
    size = generation.process.vocabulary.size
    parts = []
    for token in range(size):
        # One token at a time: all pairs of tokens at once would be a tensor of V^2.
        corner = torch.zeros(size, dtype=torch.float64)
        corner[token] = 1.0
        chance = generation.process.posterior(corner.expand(*z.shape, size), z, later, now)
        parts.append(chance.gather(-1, moved[..., None])[..., 0])
    chances = torch.stack(parts, dim=-1).nan_to_num(0.0)
    # Clamped positions do not move.
    return torch.where(generation.free[..., None], law * chances, law)
