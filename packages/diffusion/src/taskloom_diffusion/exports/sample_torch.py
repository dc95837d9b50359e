"""Draw from the model in this folder: python sample.py [NUMBER] [SEED] [--tokens]. It needs torch and nothing else."""

import json
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

WORD, PLACES, GOLDEN = 0xFFFFFFFF, 2.0**53, (5**0.5 - 1) / 2


def uniform(seed: int, draw: int, rows: Tensor, width: int, block: int = 0) -> Tensor:
    """Return Philox4x32-10 at (position // 2, row, draw, block) as variates (R, width) in [0, 1)."""
    calls = torch.arange((width + 1) // 2)
    zero = 0 * (rows[:, None] + calls)
    a, b, c, d = zero + calls, zero + rows[:, None], zero + draw, zero + block
    low, high = seed & WORD, seed >> 32 & WORD
    for turn in range(10):
        if turn:
            low, high = low + 0x9E3779B9 & WORD, high + 0xBB67AE85 & WORD
        first, second = a * 0xD2511F53, c * 0xCD9E8D57
        a, b = (second >> 32 & WORD) ^ b ^ low, second & WORD
        c, d = (first >> 32 & WORD) ^ d ^ high, first & WORD
    pairs = [(x >> 5).double() * 2**26 + (y >> 6).double() for x, y in ((a, b), (c, d))]
    return (torch.stack(pairs, -1) / PLACES).flatten(1)[:, :width]


def law_of(log_x: Tensor, rule: dict[str, Any]) -> Tensor:
    """Return the probabilities that tokens are drawn from: tempered, then cut to the nucleus."""
    best, heat = log_x.argmax(-1, keepdim=True), rule["temperature"]
    p = log_x.exp() if heat == 1 else (log_x / (heat or 1)).softmax(-1)
    p = p if heat else torch.zeros_like(log_x).scatter(-1, best, 1.0)
    ordered, order = p.sort(dim=-1, descending=True)
    kept = ordered.where(ordered.cumsum(-1) - ordered < rule["top_p"], 0.0)
    cut = torch.zeros_like(p).scatter(-1, order, kept / kept.sum(-1, keepdim=True))
    return p if rule["top_p"] >= 1 else cut


def score_of(kind: str, log_x: Tensor, drawn: Tensor, noise: Tensor, cooling: Tensor) -> Tensor:
    """Return how early each position is revealed (R, L)."""
    if kind == "confidence":
        gumbel = -(-(noise.clamp_min(1e-300)).log()).log()
        return log_x.gather(-1, drawn[..., None])[..., 0] + cooling[:, None] * gumbel
    best = log_x.exp().topk(2, dim=-1).values
    if kind == "margin":
        return best[..., 0] - best[..., 1]
    if kind == "entropy":
        return (log_x.exp() * log_x).where(log_x.exp() > 0, 0.0).sum(-1)
    return noise * 0 if kind == "left_to_right" else noise


def sample(model: dict[str, Any], ask: nn.Module, rows: Tensor, sizes: Tensor, seed: int) -> Tensor:
    """Return tokens (R, L) of some rows, each a function of the seed and its number."""
    rule, width, step = model["sampler"], int(sizes.max()), 0
    masked = inside = torch.arange(width) < sizes[:, None]
    z = torch.where(inside, model["mask"], model["pad"])
    never = torch.ones(len(model["tokens"]), dtype=torch.bool)
    never[model["allowed"]] = False
    calls = rule.get("num_calls", 0)
    planned = sizes * 0 + calls if calls else sizes
    while bool(masked.any()):
        noise, word = (uniform(seed, 2 + 2 * step + i, rows, width) for i in (0, 1))
        count = masked.sum(1)
        told = [(count / (sizes + 1)).float()] * model["uses_time"]
        logits = ask(z, inside, *told).masked_fill(never, -torch.inf)
        log_x = logits.log_softmax(-1).double()
        total = law_of(log_x, rule).cumsum(-1)
        drawn = (total <= word[..., None] * total[..., -1:]).sum(-1).clamp_max(len(never) - 1)
        cooling = rule.get("randomness", 0) * (1 - step / planned).clamp_min(0)
        score = score_of(rule["kind"], log_x, drawn, noise, cooling).where(masked, -torch.inf)
        rank = score.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        quota = -(-count // max(calls - step, 1)) if calls else 1 + 0 * count
        chosen = masked & (rank < quota[:, None])
        z, masked, step = torch.where(chosen, drawn, z), masked & ~chosen, step + 1
    return z


def main(words: list[str]) -> None:
    """Print samples, a line each: as text, or with --tokens as lists of token ids."""
    folder, numbers = Path(__file__).parent, [int(word) for word in words if word.isdigit()]
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    network = torch.export.load(folder / "model.pt2").module()
    number, seed = (numbers + [10, 0][len(numbers) :])[:2]
    shift = float(uniform(seed, 0, torch.zeros(1, dtype=torch.long), 1, WORD))
    shares = torch.tensor(model["lengths"]).double().cumsum(0)
    points = (shift + torch.arange(number).double() * GOLDEN) % 1.0
    sizes = torch.searchsorted(shares / shares[-1], points, right=True)
    for rows in (torch.arange(i, min(i + 250, number)) for i in range(0, number, 250)):
        tokens = sample(model, network, rows, sizes[rows], seed).tolist()
        for ids, size in zip(tokens, sizes[rows].tolist(), strict=True):
            data = takewhile(model["end"].__ne__, ids[:size])
            text = model["join"].join(model["tokens"][i] for i in data)
            sys.stdout.write(f"{ids[:size] if '--tokens' in words else text}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
