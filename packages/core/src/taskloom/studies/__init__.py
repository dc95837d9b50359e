"""Studies: factors x seeds, differences with intervals that cover, and the number of seeds that they need."""
