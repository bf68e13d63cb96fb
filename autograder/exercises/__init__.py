"""What the judge knows of each exercise: hidden tests, known mistakes, stand-ins. Nothing here is ever released."""
