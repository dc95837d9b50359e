"""Episodes on counted seeds: measurements, paired comparisons and tuning."""
