"""Learning platforms: fills marks and feedback into their files, and writes quizzes in formats that they import."""
