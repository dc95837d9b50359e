"""The MJCF models of the shipped tasks, and MuJoCo models by name."""
