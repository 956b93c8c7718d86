"""The file of a policy: YAML, read strictly, with the line in every error."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scratchlab.errors import LabError
from scratchlab.model import Kind, Origin
from scratchlab.report.policy.rule import Change, ChangeKind, Rule
from scratchlab.text import visible

MOST_BYTES = 1 << 20
KEYS = ("path", "change", "origin", "kind", "mode", "owner", "max_size", "capabilities")
_ALLOW = "allow"
_MODE = re.compile(r"[0-7]{3,4}")
_OWNER = re.compile(r"(\d{1,10})(?::(\d{1,10}))?")
_SIZE = re.compile(r"(\d{1,18}) ?(B|KiB|MiB|GiB)?")
_UNITS = {None: 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
# Directories that most roots have: a pattern that matches all of them, or all below them, would
# allow whatever happens.
_TOP = ("bin", "dev", "etc", "home", "lib", "opt", "proc", "root", "run", "sbin", "srv", "sys",
        "tmp", "usr", "var")  # fmt: skip
_BELOW = ("", "q7/", "q7/_Zx/", "q7/_Zx/.0/", "q7/_Zx/.0/k/")
_E = TypeVar("_E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one file. ``name`` is the file's, without its directory."""

    name: str
    sha256: str
    rules: tuple[Rule, ...]

    def judge(self, change: Change) -> tuple[Rule | None, list[tuple[Rule, str]]]:
        """The first rule that allows ``change``, None without one; and the rules before it whose
        patterns match, each with why it does not allow it.
        """
        refused: list[tuple[Rule, str]] = []
        for rule in self.rules:
            if rule.matches(change):
                reason = rule.refusal(change)
                if reason is None:
                    return rule, refused
                refused.append((rule, reason))
        return None, refused


def read(path: str) -> Policy:
    """Read the policy in the file ``path``. Raises LabError, with the line of a fault."""
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        remedy = "write one: scratchlab expect CONTAINER > FILE"
        raise LabError(f"cannot read {path}: {error.strerror}", remedy) from error
    if len(data) > MOST_BYTES:
        raise LabError(f"{path} is larger than {MOST_BYTES} bytes", "name a file of rules")
    return parse(data, path)


def parse(data: bytes, path: str) -> Policy:
    """The policy in ``data``, the content of the file ``path``. Raises LabError."""
    reader = _Reader(path)
    rules = tuple(reader.rules(_loaded(data, reader)))
    return Policy(os.path.basename(path), hashlib.sha256(data).hexdigest(), rules)


def _loaded(data: bytes, reader: _Reader) -> Any:
    try:
        return YAML(typ="rt", pure=True).load(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise reader.error(None, "it is not UTF-8 text") from error
    except DuplicateKeyError as error:
        key = str(error.problem).partition('"')[2].partition('"')[0]
        line = error.problem_mark.line + 1
        raise reader.error(line, f"the key {key} stands twice") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        problem = str(error.problem or error.context)
        if "alias" in problem:
            problem += " (a pattern that begins with * needs quotes)"
        raise reader.error(line, f"not YAML: {problem}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise reader.error(None, f"not YAML: {reason.splitlines()[0]}") from error


class _Reader:
    def __init__(self, path: str) -> None:
        self._path = path

    def error(self, line: int | None, what: str) -> LabError:
        where = self._path if line is None else f"{self._path}:{line}"
        return LabError(f"{where}: {what}", "see: scratchlab expect --help")

    def rules(self, document: Any) -> Iterator[Rule]:
        if not isinstance(document, CommentedMap):
            raise self.error(None, f"a policy is a mapping with the key {_ALLOW}")
        for key in document:
            if key != _ALLOW:
                raise self._unknown(document.lc.key(key)[0] + 1, key, (_ALLOW,))
        if _ALLOW not in document:
            raise self.error(None, f"the key {_ALLOW} is missing")
        items = document[_ALLOW]
        if not isinstance(items, CommentedSeq):
            raise self.error(document.lc.key(_ALLOW)[0] + 1, f"{_ALLOW} must be a list of rules")
        for number, item in enumerate(items):
            line = items.lc.item(number)[0] + 1
            if not isinstance(item, CommentedMap):
                raise self.error(line, "a rule is a mapping with the key path")
            yield self._rule(item, line)

    def _rule(self, item: CommentedMap, line: int) -> Rule:
        for key in item:
            if key not in KEYS:
                raise self._unknown(self._line(item, key), key, KEYS)
        if "path" not in item:
            raise self.error(line, "the rule has no path")
        patterns = self._texts(item, "path")
        return Rule(
            line=line,
            patterns=patterns,
            spec=self._spec(patterns, self._line(item, "path")),
            changes=self._enums(item, "change", ChangeKind) or frozenset({ChangeKind.ADDED}),
            origins=self._enums(item, "origin", Origin),
            kinds=self._enums(item, "kind", Kind),
            mode=self._mode(item),
            owner=self._owner(item),
            max_size=self._size(item),
            capabilities=self._flag(item, "capabilities"),
        )

    def _spec(self, patterns: Sequence[str], line: int) -> GitIgnoreSpec:
        for pattern in patterns:
            try:
                spec = GitIgnoreSpec.from_lines([pattern])
            except (GitIgnorePatternError, re.error) as error:
                raise self.error(line, f"not a pattern: {visible(pattern)!r}") from error
            if "\n" in pattern or not any(part.include is not None for part in spec.patterns):
                raise self.error(line, f"a pattern that matches nothing: {visible(pattern)!r}")
            if _matches_all(spec):
                raise self.error(line, f"{visible(pattern)} matches every top-level name")
        whole = GitIgnoreSpec.from_lines(patterns)
        if _matches_all(whole):
            raise self.error(line, "together, the patterns match every top-level name")
        return whole

    def _texts(self, item: CommentedMap, key: str) -> tuple[str, ...]:
        value = item[key]
        values = list(value) if isinstance(value, list) else [value]
        if not values or not all(isinstance(text, str) and text for text in values):
            raise self.error(self._line(item, key), f"{key} must be a text, or a list of texts")
        return tuple(map(str, values))

    def _enums(self, item: CommentedMap, key: str, kind: type[_E]) -> frozenset[_E] | None:
        if key not in item:
            return None
        texts = self._texts(item, key)
        known = [str(member) for member in kind]
        for text in texts:
            if text not in known:
                raise self._unknown(self._line(item, key), text, known, f"{key} ")
        return frozenset(map(kind, texts))

    def _mode(self, item: CommentedMap) -> int | None:
        if "mode" not in item:
            return None
        value = item["mode"]
        if not isinstance(value, str) or not _MODE.fullmatch(value):
            line = self._line(item, "mode")
            raise self.error(line, 'mode must be octal digits in quotes, such as "0644"')
        return int(value, 8)

    def _owner(self, item: CommentedMap) -> tuple[int, int | None] | None:
        if "owner" not in item:
            return None
        value = item["owner"]
        number = isinstance(value, int) and not isinstance(value, bool)
        match = _OWNER.fullmatch(str(value) if number or isinstance(value, str) else "")
        if match is None:
            line = self._line(item, "owner")
            raise self.error(line, 'owner must be a user id, or UID:GID in quotes, such as "0:0"')
        return int(match[1]), None if match[2] is None else int(match[2])

    def _size(self, item: CommentedMap) -> int | None:
        if "max_size" not in item:
            return None
        value = item["max_size"]
        match = None if isinstance(value, bool) else _SIZE.fullmatch(str(value))
        if match is None:
            line = self._line(item, "max_size")
            raise self.error(line, "max_size must be a number of bytes, or one with KiB, MiB, GiB")
        return int(match[1]) * _UNITS[match[2]]

    def _flag(self, item: CommentedMap, key: str) -> bool:
        value = item.get(key, False)
        if not isinstance(value, bool):
            raise self.error(self._line(item, key), f"{key} must be true or false")
        return value

    def _unknown(
        self, line: int, name: object, known: Sequence[str], what: str = "key "
    ) -> LabError:
        text = visible(str(name))
        close = difflib.get_close_matches(text, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}"
        return self.error(line, f"unknown {what}{text}: {hint}")

    def _line(self, item: Mapping[str, Any], key: str) -> int:
        assert isinstance(item, CommentedMap)  # noqa: S101 - for the type checker
        return int(item.lc.key(key)[0]) + 1


def _matches_all(spec: GitIgnoreSpec) -> bool:
    return any(all(spec.match_file(f"{name}/{below}") for name in _TOP) for below in _BELOW)
