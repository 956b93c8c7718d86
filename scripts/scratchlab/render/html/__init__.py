"""Pages and sheets in HTML: one file each that needs nothing else."""
