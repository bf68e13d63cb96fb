"""Learning platforms: marks and feedback into the files that they gave, and quizzes in the forms that they import."""
