"""A noise schedule of your own: two formulas in an object, into a run and back."""

import taskloom as tl
from taskloom_diffusion import own


class Root:
    """alpha = 1 - t^power."""

    def __init__(self, power=0.5):
        self.power = power

    def alpha(self, t):
        return 1 - t**self.power

    def dalpha(self, t):
        return -self.power * t ** (self.power - 1)


brief = {
    "train.steps": 40,
    "num_sequences": 300,
    "evaluate.num_samples": 50,
    "time_sampler": "uniform",
}
for power in (0.5, 1.0):
    run = tl.run("diffusion/toy", {**brief, "schedule": own(Root(power))})
    print(f"power {power}: {run.metrics['nelbo/nats_per_token']:.3f} nats per token")
