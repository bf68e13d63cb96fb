"""Training data of the exercises: generated from a seed, or read from the files of the real data set."""
