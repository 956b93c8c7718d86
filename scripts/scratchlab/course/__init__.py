"""Learning: worksheets and exercises drawn per student, graded against the live machine."""
