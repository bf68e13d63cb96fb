"""The settings of a course, `course.toml` in its folder: their types, and how they are read, changed and applied."""
