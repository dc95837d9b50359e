"""Plan with sampling-based model-predictive control on MuJoCo."""
