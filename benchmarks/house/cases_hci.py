"""Runs of hci for `same_bits.py`: every user, assistant and game that can play, by every backend."""

from __future__ import annotations

from cases import Command, Entry, Stopped, Sweep, component, kinds

_BIG = component("assistant", "big")
_MAP = component("assistant", "map", on_zero="uniform")
_ROLLOUT = component("assistant", "rollout", rounds=4)
_USERS = {
    **kinds("user", "careful", "boltzmann", "optimal", "random"),
    "careful-often-wrong": component("user", "careful", error_rate=0.3),
    "boltzmann-calm": component("user", "boltzmann", rationality=0.5),
    "optimal-gain": {
        **component("user", "optimal", gain=3),
        **component("assistant", "gain", gain=3),
    },
    "learned": component("user", "learned", file="{files}/user.zip"),
    "learned-drawn": component("user", "learned", file="{files}/user.zip", deterministic=False),
    "seed": {"seed": 7},
    "small": {"cells": 9, "targets": 3, "max_rounds": 5},
}
_ASSISTANTS = {
    "none": {"assistant": "none"},
    **kinds("assistant", "random", "gain", "big", "map"),
    "gain-2": component("assistant", "gain", gain=2),
    "big-cost": component("assistant", "big", cost=0.05, threshold=0.6),
    "big-highest": component("assistant", "big", tie="highest"),
    "big-mistaken": component("assistant", "big", assumed_error_rate=0.2, on_zero="uniform"),
    "big-boltzmann": {**_BIG, "user.kind": "boltzmann"},
    "map-boltzmann": {**_MAP, "user.kind": "boltzmann"},
    "rollout": {**_ROLLOUT, "episodes": 3},
    "rollout-samples": {**component("assistant", "rollout", rounds=4, samples=5), "episodes": 3},
    "learned": {
        **component("assistant", "learned", file="{files}/assistant.zip"),
        "cells": 9,
        "targets": 3,
    },
}
_BACKENDS = ("loop", "numpy", "numba")


def _by_backend() -> tuple[Entry, ...]:
    """Return the games that every backend plays."""
    found: list[Entry] = []
    for backend in _BACKENDS:
        shared = {"backend": backend, "episodes": 40}
        pointing = {
            **kinds("assistant", "gain", "big"),
            "map": _MAP,
            "none": {"assistant": "none"},
            "boltzmann": {**_BIG, "user.kind": "boltzmann"},
            "optimal": component("user", "optimal"),
        }
        found += [
            Sweep(f"pointing-{backend}", "pointing", pointing, shared),
            Sweep(
                f"pointing-2d-{backend}", "pointing_2d", kinds("assistant", "gain", "big"), shared
            ),
            Sweep(
                f"control-{backend}",
                "classic_control",
                kinds("user", "lqg", *(("lqr",) if backend == "loop" else ())),
                {"backend": backend, "episodes": 20},
            ),
        ]
    found.append(Sweep("example-loop", "example", {"loop": {}}, {"backend": "loop"}))
    return tuple(found)


ENTRIES: tuple[Entry, ...] = (
    Sweep("users", "pointing", _USERS, {"episodes": 60, "jsonl": True}),
    Sweep("assistants", "pointing", _ASSISTANTS, {"episodes": 60}),
    Sweep(
        "replayed",
        "pointing",
        {"replay": component("user", "replay", file="{run:users/careful}/artifacts/episodes.npz")},
        {"episodes": 20},
    ),
    *_by_backend(),
    Sweep("example", "example", {"default": {}, "none": {"assistant": "none"}}, {"episodes": 200}),
    Sweep(
        "coordinated",
        "coordinated",
        {
            "default": {},
            "predict-wrong": component("assistant", "predict", p1=4),
            "predict": component("assistant", "predict"),
            "rollout": {**component("assistant", "rollout"), "episodes": 2},
        },
        {"episodes": 50},
    ),
    Sweep(
        "pointing-2d",
        "pointing_2d",
        {
            "default": {},
            "big": _BIG,
            "map": _MAP,
            "none": {"assistant": "none"},
            "boltzmann": {"user.kind": "boltzmann"},
        },
        {"episodes": 50},
    ),
    Sweep(
        "control",
        "classic_control",
        {
            "default": {},
            "lqr": component("user", "lqr"),
            "lqr-quiet": {**component("user", "lqr"), "noise": False},
            "lqg-sure": component("user", "lqg", noise=False),
            "lqg-effort": {**component("user", "lqg", effort=0.01), "control_noise": 0.0},
            "step": {"timestep": 0.02, "max_rounds": 40},
        },
        {"episodes": 30},
    ),
    Sweep(
        "gaze",
        "gaze",
        {
            "default": {},
            "sd": component("user", "gaze", noise_law="sd"),
            "wide": {"width": 0.1, "distance": 0.5, "threshold": 0.1},
            "blurred": component("user", "gaze", perceptual_noise=0.2, oculomotor_noise=0.0),
        },
        {"episodes": 50},
    ),
    Sweep(
        "teaching",
        "teaching",
        {
            "default": {},
            **kinds("assistant", "myopic", "conservative", "random"),
            "forgetful": component("user", "memory", forgetting=0.03, repetition=0.5),
        },
        {"episodes": 4, "items": 8, "trials": 30},
    ),
    Sweep("pipe", "pipe", {"default": {}}, {"episodes": 5}),
    Stopped(
        "stopped",
        "pointing",
        {
            "assistant": "rollout",
            "assistant.rounds": 6,
            "episodes": 12,
            "chunk": 2,
            "backend": "loop",
        },
    ),
    Command("play", ("hci", "play", "pointing", "--seed=1"), typed="1\n1\n0\nq\n"),
    Command(
        "sample",
        ("hci", "sample", "pointing", "30", "--out={dir}/a.npz", "--param", "assistant=big"),
    ),
    Command(
        "sample-lines", ("hci", "sample", "coordinated", "10", "--out={dir}/a.jsonl", "--seed=3")
    ),
    Command("replay", ("hci", "replay", "{run:assistants/big}", "--backend=loop"), stored=True),
)
