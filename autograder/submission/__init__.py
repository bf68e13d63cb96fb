"""autograder.submission"""
