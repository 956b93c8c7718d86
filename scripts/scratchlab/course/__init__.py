"""Worksheets and exercises for students, graded against the live machine."""
