"""autograder.workers"""
