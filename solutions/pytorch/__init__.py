"""solutions.pytorch"""
