"""Judge: evidence in, findings out. No file, no engine, no clock is asked here."""

from scratchlab.judge.judgement import Judgement, judge

__all__ = ["Judgement", "judge"]
