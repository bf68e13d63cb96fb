"""The judge's files of each exercise: hidden tests, known mistakes, stand-ins.

None of them is ever released to students.
"""
