"""Draw from the model in this folder: python sample.py [NUMBER] [SEED] [--tokens]. It needs onnxruntime and numpy."""

import json
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime import InferenceSession as Session

WORD, PLACES, GOLDEN, U = 0xFFFFFFFF, 2.0**53, (5**0.5 - 1) / 2, np.uint64
Array = np.ndarray


def uniform(seed: int, draw: int, rows: np.ndarray, width: int, block: int = 0) -> np.ndarray:
    """Return Philox4x32-10 at (position // 2, row, draw, block) as variates (R, width) in [0, 1)."""
    words = [np.arange((width + 1) // 2)[None], rows[:, None], np.array(draw), np.array(block)]
    a, b, c, d = (part.astype(U) for part in np.broadcast_arrays(*words))
    low, high = seed & WORD, seed >> 32 & WORD
    for turn in range(10):
        if turn:
            low, high = low + 0x9E3779B9 & WORD, high + 0xBB67AE85 & WORD
        first, second = a * U(0xD2511F53), c * U(0xCD9E8D57)
        a, b = (second >> U(32)) ^ b ^ U(low), second & U(WORD)
        c, d = (first >> U(32)) ^ d ^ U(high), first & U(WORD)
    pairs = [(x >> U(5)) * 2.0**26 + (y >> U(6)) for x, y in ((a, b), (c, d))]
    return (np.stack(pairs, -1) / PLACES).reshape(len(rows), -1)[:, :width]


def law_of(log_x: np.ndarray, rule: dict[str, Any]) -> np.ndarray:
    """Return the probabilities that tokens are drawn from: tempered, then cut to the nucleus."""
    heat = rule["temperature"]
    p = np.exp(log_x / heat) if heat else np.eye(log_x.shape[-1])[log_x.argmax(-1)]
    p = p if heat in (0, 1) else p / p.sum(-1, keepdims=True)
    order = np.argsort(-p, axis=-1, kind="stable")
    ordered = np.take_along_axis(p, order, -1)
    kept = np.where(ordered.cumsum(-1) - ordered < rule["top_p"], ordered, 0.0)
    cut = np.take_along_axis(kept / kept.sum(-1, keepdims=True), np.argsort(order, axis=-1), -1)
    return p if rule["top_p"] >= 1 else cut


def score_of(kind: str, log_x: Array, drawn: Array, noise: Array, cooling: Array) -> Array:
    """Return how early each position is revealed (R, L)."""
    if kind == "confidence":
        gumbel = -np.log(-np.log(np.maximum(noise, 1e-300)))
        own = np.take_along_axis(log_x, drawn[..., None], -1)[..., 0]
        return np.asarray(own + cooling[:, None] * gumbel)
    if kind == "margin":
        return np.asarray(np.diff(np.sort(np.exp(log_x), axis=-1)[..., -2:])[..., 0])
    if kind == "entropy":
        return np.asarray((np.exp(log_x) * np.maximum(log_x, -1e300)).sum(-1))
    return noise * 0 if kind == "left_to_right" else noise


def sample(model: dict[str, Any], ask: Session, rows: Array, sizes: Array, seed: int) -> Array:
    """Return tokens (R, L) of some rows, each a function of the seed and its number."""
    rule, width, step = model["sampler"], int(sizes.max()), 0
    masked = inside = np.arange(width) < sizes[:, None]
    z = np.where(inside, model["mask"], model["pad"])
    never = ~np.isin(np.arange(len(model["tokens"])), model["allowed"])
    calls = rule.get("num_calls", 0)
    planned = sizes * 0 + calls if calls else sizes
    while masked.any():
        noise, word = (uniform(seed, 2 + 2 * step + i, rows, width) for i in (0, 1))
        count = masked.sum(1)
        asked = {"tokens": z, "maskable": inside, "noise": np.float32(count / (sizes + 1))}
        logits = np.asarray(ask.run(None, {i.name: asked[i.name] for i in ask.get_inputs()})[0])
        logits = np.where(never, -np.inf, logits - logits.max(-1, keepdims=True))
        log_x = logits - np.log(np.exp(logits, dtype=np.float64).sum(-1, keepdims=True))
        total = law_of(log_x, rule).cumsum(-1)
        drawn = (total <= word[..., None] * total[..., -1:]).sum(-1).clip(max=len(never) - 1)
        cooling = rule.get("randomness", 0) * np.maximum(1 - step / planned, 0)
        score = score_of(rule["kind"], log_x, drawn, noise, cooling)
        order = np.argsort(np.where(masked, -score, np.inf), axis=1, kind="stable")
        quota = -(-count // max(calls - step, 1)) if calls else 1 + 0 * count
        chosen = masked & (np.argsort(order, axis=1) < quota[:, None])
        z, masked, step = np.where(chosen, drawn, z), masked & ~chosen, step + 1
    return np.asarray(z)


def main(words: list[str]) -> None:
    """Print samples, a line each: as text, or with --tokens as lists of token ids."""
    folder, numbers = Path(__file__).parent, [int(word) for word in words if word.isdigit()]
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    session = Session(folder / "model.onnx")
    number, seed = (numbers + [10, 0][len(numbers) :])[:2]
    shares = np.cumsum(model["lengths"]) / sum(model["lengths"])
    points = (uniform(seed, 0, np.zeros(1, int), 1, WORD) + np.arange(number) * GOLDEN) % 1.0
    sizes = np.searchsorted(shares, points[0], side="right")
    for rows in np.split(np.arange(number), range(250, number, 250)):
        tokens = sample(model, session, rows, sizes[rows], seed).tolist()
        for ids, size in zip(tokens, sizes[rows].tolist(), strict=True):
            data = takewhile(model["end"].__ne__, ids[:size])
            text = model["join"].join(model["tokens"][i] for i in data)
            sys.stdout.write(f"{ids[:size] if '--tokens' in words else text}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
