"""autograder.judging"""
