"""A task in one file: `python one_file_task.py`, or `tasks run one_file_task.py:Coin --p=0.3`."""

import taskloom as tl
from taskloom import Config, Result, RunContext


class CoinConfig(Config):
    """A coin that is thrown."""

    p: float = 0.5
    """Probability of heads."""
    throws: int = 1000
    """Number of throws."""


class Coin:
    """Throws a coin and counts heads."""

    def __init__(self, config: CoinConfig) -> None:
        self.config = config

    def run(self, ctx: RunContext) -> Result:
        """Throw."""
        import random

        rng = random.Random(ctx.seed("throws"))
        heads = sum(rng.random() < self.config.p for _ in range(self.config.throws))
        return Result({"heads": float(heads)}, summary=f"{heads} heads")


if __name__ == "__main__":
    study = tl.study(
        Coin,
        {"p": [0.5, 0.6]},
        range(4),
        metric="heads",
        count_of="throws",
        options=tl.RunOptions(executor="inline"),
    )
    print(study)
