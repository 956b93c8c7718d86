"""A room of machines: their reports read with suspicion, compared, and shown on one page."""
