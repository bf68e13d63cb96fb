"""Notebooks as the project writes them: their cells, lessons as cells, and their text in another language."""
