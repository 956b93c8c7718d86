"""The entries of a report, made once from the findings.

Making a finding costs ten times what reading it back does, and file and page iterate all of them;
summary, table and exit status need little more than those that are not plain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from scratchlab.judge.weight import Scale
from scratchlab.ledger import HistoryReader
from scratchlab.model import Finding, Origin, Status
from scratchlab.report.convert import drift_section, entry_section
from scratchlab.report.document import Sorted
from scratchlab.report.sections import EntrySection
from scratchlab.report.spool import SectionSpool
from scratchlab.report.verdict import DRIFT, is_plain, trouble_of


class EntrySpool(SectionSpool):
    """The findings as sections, in their order, and what the summary counts of them."""

    def __init__(
        self,
        findings: Iterable[Finding],
        histories: HistoryReader,
        scale: Scale,
        mark: Callable[[Finding, EntrySection], None],
    ) -> None:
        """``histories`` are those of the image; ``scale`` weighs what changed since the start.
        ``mark`` is called with each finding that is not plain, and its section, before that is
        kept.
        """
        super().__init__()
        self.explained = self.unexplained = self.missing = self.altered = 0
        self.rules: set[str] = set()  # ids of the rules that the findings cite
        self._remarkable = SectionSpool()
        self._plain: Counter[str] = Counter()
        self._examples: dict[str, EntrySection] = {}  # of the plain ones, by prediction
        for finding in findings:
            self._count(finding)
            section = entry_section(finding, histories.at(finding.path))
            if is_plain(section):
                self._plain[section["origin"]] += 1
                self._examples.setdefault(section["prediction"], section)
            else:
                _weigh(finding, section, scale)
                mark(finding, section)
                self._remarkable.add(section)
            self.add(section)

    @property
    def sorted(self) -> Sorted:
        """The entries, sorted."""
        return Sorted(self._remarkable, self._plain)

    def deciding(self) -> Iterator[EntrySection]:
        """The entries on which a verdict depends: without those that say the same as another."""
        yield from self._examples.values()
        yield from self._remarkable

    def _count(self, finding: Finding) -> None:
        self.missing += finding.status is Status.MISSING
        self.altered += finding.status is Status.ALTERED
        if finding.rule:
            self.rules.add(finding.rule)
        if finding.live is not None:
            unknown = finding.origin is Origin.UNEXPLAINED
            self.unexplained += unknown
            self.explained += not unknown


def _weigh(finding: Finding, section: EntrySection, scale: Scale) -> None:
    """Add the weight of ``finding`` to its ``section``, if it changed since the start."""
    if (trouble := trouble_of(section)) in DRIFT:
        mounted = trouble == "mounted"
        weighed = scale.weigh(finding.path, finding.live, finding.image, mounted=mounted)
        section["drift"] = drift_section(weighed)
