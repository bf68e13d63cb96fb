"""autograder.authoring"""
