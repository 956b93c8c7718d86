"""``./lab reproduce``: the lab on two fresh machines, and whether they give one answer.

``compare`` is pure; ``page`` writes the page; ``__main__`` makes machines and runs the lab.
"""
