"""Data that the exercises learn from: made by rule with a seed, or read from the files of the real data set."""
