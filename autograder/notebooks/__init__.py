"""The project's notebooks: cells, lessons read as cells, and text in another language."""
