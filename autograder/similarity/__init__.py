"""Similarity: compares the answers of a class part by part, on a scale of independent right answers.

It gives no verdict, runs no student code, and sends nothing to another machine.
"""
