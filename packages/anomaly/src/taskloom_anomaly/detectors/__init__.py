"""Detectors: from the activations of a network to one anomaly score a sample and layer; higher is more anomalous.

`config/` holds one light pydantic class a detector; the sibling of the same name here holds its arithmetic.
"""
