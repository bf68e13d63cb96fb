"""The settings of a course, `course.toml` in its folder: what they are, how they are read, changed, and applied."""
