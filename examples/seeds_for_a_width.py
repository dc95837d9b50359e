"""Number of seeds for a narrow interval, from a pilot of six, and how sure that number is."""

import random

import taskloom as tl


def train(config: dict) -> dict:
    """Stand in for a training: an effect, a part that all variants of a seed share, and noise."""
    shared = random.Random(config["seed"]).gauss(0, 1)
    own = random.Random(f"{config['seed']} {config['loss']}").gauss(0, 0.3)
    return {"accuracy": shared + own + (0.4 if config["loss"] == "focal" else 0.0)}


pilot = tl.study(None, {"loss": ["focal", "plain"]}, range(6), metric="accuracy", runner=train)
print(pilot)
size = pilot.required(half_width=0.1)["focal - plain"]
print(f"half width 0.1: {size.n} seeds, {size.cautious_n} if the spread is at its upper bound")

study = tl.study(None, {"loss": ["focal", "plain"]}, range(size.n), metric="accuracy", runner=train)
print(f"reached {study.differences[0].interval.half_width:.3f} with {size.n}")
