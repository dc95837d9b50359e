"""Numbers of a comparison of runs: variants over seeds, differences in pairs, and the set not told apart from the best."""
