"""The ladder and the time-lapse: build a root filesystem step by step to show who makes an entry.

``observe`` starts the root filesystem on every rung and follows one container through its
lifecycle; ``judge`` is pure; ``shapes`` makes the sections of report.json.
"""
