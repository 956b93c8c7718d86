"""Other programs that read images, and whether they say what scratchlab says."""
