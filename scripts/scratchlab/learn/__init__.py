"""The guided path: a student does the article's experiments by hand, step by step.

``path/`` has one file for each step: its texts, its hints, and the name of the check that judges
it. ``checks`` judge the live system. ``store`` keeps what a student reached, in their own home.
"""
