"""Who looks alike: the answers of a class compared part by part, with what independent right answers look like.

Nothing of it is a verdict, nothing is run, and nothing leaves the machine.
"""
