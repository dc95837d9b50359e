import random

from taskloom import Config, Result, RunContext


class Coin(Config):
    tosses: int = 100
    """How often the coin is tossed."""

    def run(self, ctx: RunContext) -> Result:
        coin = random.Random(ctx.seed("coin"))
        heads = sum(coin.random() < 0.5 for _ in range(self.tosses))
        ctx.log(self.tosses, heads=heads)
        return Result({"heads": heads / self.tosses}, summary=f"{heads} heads")
