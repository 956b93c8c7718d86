"""The command line (``commands``), and what other programs of the lab do in the same way.

Those need no click, so this module imports nothing.
"""
