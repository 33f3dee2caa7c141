"""ClickHouse's lexer, as far as needed to tell code from text, names and comments.

What a reading user may not do is partly decided on tokens (``access``), so this follows the engine's own lexer where
it is unusual: nested block comments, ``//`` and ``#!`` comments, heredocs, curly quotes, Unicode spaces. Where the
two could disagree it gives up with an error instead of guessing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from otel_taskmon.store.engine_errors import EngineError

SYNTAX_ERROR: Final = 62

Kind = Literal["word", "quoted", "string", "number", "sign"]


@dataclass(frozen=True, slots=True)
class Token:
    """One token. ``text`` is the name without quotes for ``quoted``, else as written; offsets are in bytes."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """The keyword this word may be; empty for everything else."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The name this word or quoted name stands for; empty for everything else."""
        return self.text if self.kind in ("word", "quoted") else ""


_CURLY: Final = {"‘".encode(): "’".encode(), "“".encode(): "”".encode()}
# Outside of quotes every other byte above ASCII is a Unicode space to the engine, or an error of its own.
_BLANK: Final = re.compile(rb"(?:[\x00-\x20\x7f]|(?!\xe2\x80[\x98\x9c])[\x80-\xff])+")
_LINE_COMMENT: Final = re.compile(rb"(?:--|//|\#[ !])[^\n]*\n?")
_COMMENT_EDGE: Final = re.compile(rb"/\*|\*/")
_WORD: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_$]*")
_NUMBER: Final = re.compile(rb"[0-9][A-Za-z0-9_]*(?:\.[0-9A-Za-z_]*)?")
_HEREDOC: Final = re.compile(rb"\$[A-Za-z0-9_]*\$")
_QUOTED: Final = {
    quote: re.compile(rb"%b(?:[^%b\\]++|\\.|%b%b)*+%b" % ((quote,) * 5), re.DOTALL)
    for quote in (b"'", b'"', b"`")
}


def tokens(sql: bytes) -> Iterator[Token]:
    """The tokens of ``sql`` without blanks and comments. Raises EngineError 62 for an unclosed quote or comment."""
    at = 0
    while at < len(sql):
        if blank := _BLANK.match(sql, at) or _LINE_COMMENT.match(sql, at):
            at = blank.end()
        elif sql.startswith(b"/*", at):
            at = _comment_end(sql, at)
        else:
            token = _token(sql, at)
            yield token
            at = token.end


def _token(sql: bytes, at: int) -> Token:
    if word := _WORD.match(sql, at):
        return Token("word", word[0].decode(), at, word.end())
    if number := _NUMBER.match(sql, at):
        return Token("number", number[0].decode(), at, number.end())
    first = sql[at : at + 1]
    if first in _QUOTED:
        found = _QUOTED[first].match(sql, at)
        if found is None:
            raise _unclosed(sql, at, "quote")
        return Token("string" if first == b"'" else "quoted", _inner(found[0], 1), at, found.end())
    if (curly := sql[at : at + 3]) in _CURLY:
        end = _end_of(sql, at, _CURLY[curly], at + 3, "quote")
        return Token("string" if curly == "‘".encode() else "quoted", _inner(sql[at:end], 3), at, end)
    if heredoc := _HEREDOC.match(sql, at):
        end = _end_of(sql, at, heredoc[0], heredoc.end(), "heredoc")
        return Token("string", _inner(sql[at:end], len(heredoc[0])), at, end)
    return Token("sign", first.decode("latin-1"), at, at + 1)


def _inner(text: bytes, quote: int) -> str:
    return text[quote:-quote].decode(errors="replace")


def _end_of(sql: bytes, start: int, closer: bytes, after: int, what: str) -> int:
    end = sql.find(closer, after)
    if end < 0:
        raise _unclosed(sql, start, what)
    return end + len(closer)


def _comment_end(sql: bytes, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == b"/*" else -1
        if depth == 0:
            return edge.end()
    raise _unclosed(sql, start, "comment")


def _unclosed(sql: bytes, at: int, what: str) -> EngineError:
    near = sql[at : at + 40].decode(errors="replace")
    return EngineError(
        SYNTAX_ERROR, f"Syntax error: a {what} is not closed at position {at + 1}: {near} (SYNTAX_ERROR)"
    )
