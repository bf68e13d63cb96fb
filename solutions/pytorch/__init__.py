"""The reference implementations in PyTorch."""
