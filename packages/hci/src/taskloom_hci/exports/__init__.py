"""The games for learners: gymnasium, PettingZoo and Stable-Baselines3."""
