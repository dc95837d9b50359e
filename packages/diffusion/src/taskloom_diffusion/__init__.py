"""Train and sample discrete diffusion models of sequences."""
