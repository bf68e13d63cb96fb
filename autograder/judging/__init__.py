"""The judge: runs hidden tests against a hand-in, names known mistakes, and marks each part."""
