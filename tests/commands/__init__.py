"""The commands that the documents print: where each one is run, and the stage that runs most."""
