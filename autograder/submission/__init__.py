"""Submissions: finds the files that students handed in and their owners, reads them, and matches their cells."""
