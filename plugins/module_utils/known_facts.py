"""Facts of the module lab_machine that hold for a part of a run only."""

# What a module that changed the engine, Go, an image or a container returns as facts: of images and
# containers nothing is known any more, so the next module that is about them asks the engine.
FORGOTTEN = {"lab_images": {}, "lab_containers": {}}
