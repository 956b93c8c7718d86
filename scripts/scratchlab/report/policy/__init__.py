"""What may change in a container: a file of rules (`file`), and what each allows (`rule`)."""
