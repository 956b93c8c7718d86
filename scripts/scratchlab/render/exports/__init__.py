"""Forms that other programs read: JSON, TAP, JUnit XML, CSV, mtree."""
