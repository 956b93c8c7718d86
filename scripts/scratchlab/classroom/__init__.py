"""The machines of a class: their reports read with suspicion, compared and graded."""
