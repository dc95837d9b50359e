"""Networks by name, each in flax linen, flax nnx or torch."""
