"""What strokes tell beside labels: weights that explain them, which look wrong, where one more would help."""
