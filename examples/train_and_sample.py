"""Train a small diffusion model of two-letter words, load it from its run, and look at what it learned."""

import taskloom as tl

run = tl.run("diffusion/toy", {"train.steps": 60, "num_sequences": 500})
print(run.summary)
print("nats per token", round(run.metrics["nelbo/nats_per_token"], 4))

model = run.load("model")
print(type(model).__name__, sum(p.numel() for p in model.parameters()), "parameters")
