"""autograder"""
