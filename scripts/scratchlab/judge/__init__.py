"""Judge: from evidence to findings. Nothing in this package reads files, engines or clocks."""

from scratchlab.judge.judgement import Judgement, judge

__all__ = ["Judgement", "judge"]
