"""Adversarial attacks inside an L-infinity ball."""
