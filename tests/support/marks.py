"""Constants that several test files use."""

# Exercises whose tests, hidden and visible, train models: seconds a hand-in.
TRAINING = ("transformer-encoder", "encoder-decoder", "bert-finetuning")
