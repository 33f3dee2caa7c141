"""Secrets told by the key in front of them, inside a text: ``password=x``, ``"token": "x"``, ``--secret x`` …

Texts are not parsed: a log line, a query string, a piece of JSON, a ``repr`` and a source line are read alike, and
where it is unclear where a value ends, more is masked rather than less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from otel_taskmon.payload.secret_keys import SecretKeys
from otel_taskmon.payload.secret_texts import Span

LONGEST_KEY_IN_TEXT: Final = 64
LONGEST_GROUP: Final = 4_096
LONGEST_DATA: Final = 16_384
"""Characters of a group that shows data, and is no bracket of a source line: more than a text has by default."""
_SEPARATOR: Final = re.compile(r"[!+]?(?:=|:(?!//))++>?|%3[DdAa]")
# read backwards from the separator, so that it is anchored; past quotes and brackets, also as URLs and HTML have them;
# up to four words, so that "private key: x" is one key
_KEY_BACKWARDS: Final = re.compile(
    r"[ \t]*+(?:[\"'\\\[\])]|(?:[Dd]5|[27]2)%|;touq&)*+[ \t]*+([\w.\-]++(?: [\w.\-]++){0,3})"
)
# on the next line only what is quoted: else that may as well be the next key
_BLANKS: Final = re.compile(r"[ \t]{0,256}+(?:\r?\n[ \t]{0,256}+(?=['\"]))?")
_QUOTED: Final = re.compile(
    r"[bBrRuUfF]{0,2}(?:"
    r"'''([\s\S]*?)(?:'''|\Z)"
    r'|"""([\s\S]*?)(?:"""|\Z)'
    # its own quotes end it, with as many backslashes
    r"|(?P<quote>\\++['\"])((?:[^\\\n'\"]|(?!(?P=quote))\\++[^\\\n]|['\"])*+)"
    # of a text that was quoted twice a quote inside has two backslashes or more
    r"|'((?:[^'\\\n]|\\++[^\\\n])*+)"
    r'|"((?:[^"\\\n]|\\++[^\\\n])*+)'
    r")"
)
_PAIR: Final = re.compile(r"[(\[][bBuU]?(?P<quote>\\*+['\"])([\w.\- ]{1,64}+)(?P=quote),[ ]?")
_END_OF_PAIR: Final = re.compile(r"\\*+['\"][)\]]")
_NAMED: Final = re.compile(
    r"(?<!\\)(?P<quote>\\*+['\"])(?:name|key)(?P=quote):[ ]?(?P=quote)([\w.\- ]{1,64}+)(?P=quote),"
    r"[ ]?(?P=quote)value(?P=quote):",
    re.IGNORECASE,
)
# a "&" or "<" ends a value only where the next parameter or a closing tag begins, a quote only where no word goes on
_PLAIN: Final = re.compile(
    r"(?:(?:bearer|basic|token|digest|apikey|negotiate)[ \t]+)?"
    r"((?:[^\s\"'&<]|&(?!(?:amp;)?[\w.\-%\[\]]{1,64}=)|<(?!/)|['\"](?=\w))++)",
    re.IGNORECASE,
)
# with values in quotes, as ``sid="x"`` of a cookie
_REST_OF_LINE: Final = re.compile(r"(?:[^\n\"'=]|=(?:\\*+\"[^\n\"]*+\"?)?)++")
_HEADER: Final = re.compile(r"(?:authori[sz]ation|cookies?)\Z", re.IGNORECASE)
_OPTION: Final = re.compile(r"(?<![\w\-])--?([A-Za-z][\w\-]{0,63})[ \t]+(?![\-=:])")
_ELEMENT: Final = re.compile(r"<([A-Za-z][\w:.\-]{0,63})(?:\s[^<>]{0,256})?>(?:<!\[CDATA\[)?([^<]++)<")
_GROUP_ENDS: Final = {"(": ")", "[": "]", "{": "}"}
_TRAILING: Final = ")]},;.:>"


def may_be_in(text: str) -> bool:
    """False when no assignment of any kind can be in this text; much cheaper than looking for one."""
    return "=" in text or ":" in text or "-" in text or "</" in text or "%3" in text or "," in text


def find(text: str, keys: SecretKeys) -> list[Span]:
    """Every value that has a secret key in front of it; spans may overlap and are in no order."""
    found: list[Span] = []
    if "=" in text or ":" in text or "%3" in text:
        found += _after_separators(text, keys)
    if "-" in text and " " in text:
        found += _after_options(text, keys)
    if "," in text:
        found += _pairs(text, keys)
        found += _named(text, keys)
    if "</" in text:
        found += (match.span(2) for match in _ELEMENT.finditer(text) if match[1] in keys)
    return found


def _after_separators(text: str, keys: SecretKeys) -> Iterator[Span]:
    masked_until = 0
    for separator in _SEPARATOR.finditer(text):
        start = separator.start()
        if start < masked_until:
            continue
        before = text[max(0, start - LONGEST_KEY_IN_TEXT) : start]
        if not keys.may_end(before):
            continue
        backwards = _KEY_BACKWARDS.match(before[::-1])
        key = backwards[1][::-1] if backwards else ""
        if key not in keys:
            continue
        for span in _value(text, separator.end(), key):
            masked_until = span[1]
            yield span


def _after_options(text: str, keys: SecretKeys) -> Iterator[Span]:
    masked_until = 0
    for match in _OPTION.finditer(text):
        if match.start() >= masked_until and match[1] in keys:
            for span in _value(text, match.end(), match[1]):
                masked_until = span[1]
                yield span


def _pairs(text: str, keys: SecretKeys) -> Iterator[Span]:
    """``('password', 'x')``, ``["token","x"]``: a key, a text and nothing more."""
    for match in _PAIR.finditer(text):
        if match[2] in keys and (quoted := _QUOTED.match(text, match.end())):
            span = quoted.span(quoted.lastindex or 0)
            if span[1] > span[0] and _END_OF_PAIR.match(text, span[1]):
                yield span


def _named(text: str, keys: SecretKeys) -> Iterator[Span]:
    """``{"name": "DB_PASSWORD", "value": "x"}``."""
    masked_until = 0
    for match in _NAMED.finditer(text):
        if match.start() >= masked_until and match[2] in keys:
            for span in _value(text, match.end(), match[2]):
                masked_until = span[1]
                yield span


def _value(text: str, start: int, key: str) -> Iterator[Span]:
    blanks = _BLANKS.match(text, start)
    position = blanks.end() if blanks else start
    quoted = _QUOTED.match(text, position)
    if quoted:
        span = quoted.span(quoted.lastindex or 0)
    elif text[position : position + 1] in _GROUP_ENDS:
        span = (position, _end_of_group(text, position))
    elif _HEADER.search(key) and (line := _REST_OF_LINE.match(text, position)):
        span = line.span()
    elif plain := _PLAIN.match(text, position):
        end = plain.end(1)
        while end > plain.start(1) + 1 and text[end - 1] in _TRAILING:
            end -= 1
        span = (position, end)
    else:
        return
    if span[1] > span[0]:
        yield span


def _end_of_group(text: str, start: int) -> int:
    """Where the bracket at ``start`` is closed, else where looking for that was given up."""
    shows_data = text[start + 1 : start + 2] in ("'", '"', "(", "[", "{")
    stop = min(len(text), start + (LONGEST_DATA if shows_data else LONGEST_GROUP))
    open_brackets: list[str] = []
    for position in range(start, stop):
        character = text[position]
        if character in _GROUP_ENDS:
            open_brackets.append(_GROUP_ENDS[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                return position + 1
    return stop
