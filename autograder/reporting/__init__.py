"""autograder.reporting"""
