"""Numbers of a comparison of runs: variants over seeds, differences in pairs, and the set not shown to differ from the best."""
