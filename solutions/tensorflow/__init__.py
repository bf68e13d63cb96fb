"""solutions.tensorflow"""
