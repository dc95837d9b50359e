"""Training: the Lightning module, its batches, optimizer, callbacks and checkpoints."""
