"""The reference implementations, a folder per exercise with a module per track. Notebooks, judge and CI use them."""
