"""Hand-tuned attention: speed only, never a second meaning."""
