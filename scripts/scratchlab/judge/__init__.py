"""Judge: from evidence to findings. Nothing in this package reads files, engines or clocks."""

from scratchlab.judge.judgement import Judgement, is_doubtful, judge

__all__ = ["Judgement", "is_doubtful", "judge"]
