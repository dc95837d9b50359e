"""Trained models as files that other programs run: torch.export, ONNX, and Hugging Face folders."""
