"""One handle over networks of every framework: flax linen, flax nnx, torch."""
