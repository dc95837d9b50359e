"""Old home of the detectors' parameters: the parent that `compat.moved` needs to find each of them under its old path."""
