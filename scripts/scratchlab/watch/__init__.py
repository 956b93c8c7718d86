"""Look at a room while a lesson runs: one connection a machine, one small answer a look."""
