"""autograder.judging.hidden"""
