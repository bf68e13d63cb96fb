"""autograder.grading"""
