"""Detectors: from the activations of a network to one anomaly score a sample and layer; higher is more anomalous.

`base` has the base class and the records, one file each has a detector, and `layerwise`, `gaussian`, `by_class` and `sampled` have
the forms that several of them share.
"""
