"""Fresh machines for scenarios and benchmarks, made from Debian packages alone."""
