"""Secrets that can be told by their own look: where they are in a text, as ``(start, end)`` pairs of characters.

Each finder takes time linear in the text: repeats are possessive or bounded, and each begins at a literal that few
texts hold. Masked are: user and password of a URL (scheme and host stay), bearer and basic credentials, JSON web
tokens, private key blocks, the access keys of well-known services, and card numbers that pass Luhn's check.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

Span = tuple[int, int]

_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
)
_TOKEN: Final = re.compile(r"eyJ[\w\-]*+(?:\.[\w\-]++){0,4}+", re.ASCII)
_SCHEME: Final = re.compile(r"\b(bearer|basic)\b[\s:=]{1,8}([\w.~+/=\-]{6,}+)", re.IGNORECASE | re.ASCII)
_PROSE: Final = frozenset(
    (
        "access",
        "auth",
        "authentication",
        "authorization",
        "authorisation",
        "credentials",
        "credential",
        "failed",
        "format",
        "header",
        "headers",
        "invalid",
        "missing",
        "realm",
        "required",
        "scheme",
        "schema",
        "security",
        "string",
        "token",
        "tokens",
        "value",
        "values",
    )
)
# the second half is for passwords with a slash that nobody escaped; "host:80/" is no user and password
# an apostrophe may be in either, where it is not the end of a quoted text
_URL: Final = re.compile(
    r"://(?:([^\s/?#\"'<>\\]{1,512}(?:'\w[^\s/?#\"'<>\\]{0,256}){0,4})@"
    r"|([^\s/?#@\"'<>\\:]{0,256}:(?!\d{1,5}[/?#])[^\s@\"'<>\\]{1,256}+(?:'\w[^\s@\"'<>\\]{0,256}+){0,4}+)@)"
)
_URL_SAFE: Final = str.maketrans("-_", "+/")
_SERVICE_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|gh[pousr]_[A-Za-z0-9]{30,255}+|github_pat_[A-Za-z0-9_]{30,255}+|glpat-[\w\-]{20,255}+"
    r"|xox[abeoprs]-[A-Za-z0-9\-]{10,255}+|[sr]k_(?:live|test)_[A-Za-z0-9]{10,255}+|whsec_[A-Za-z0-9+/=]{16,255}+"
    r"|AIza[\w\-]{35}|sk-[A-Za-z0-9_\-]{20,255}+|npm_[A-Za-z0-9]{36}|pypi-[\w\-]{16,512}+|SG\.[\w\-]{16,64}+\.[\w\-]{16,64}+"
    r")",
    re.ASCII,
)
_SERVICE_HINTS: Final = ("A", "gh", "glpat-", "xox", "k_", "whsec_", "sk-", "npm_", "pypi-", "SG.")
# a UUID is taken first, so that the digits in it are not looked at
_NUMBER: Final = re.compile(
    r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])"
    r"|(?:(?<![0-9A-Za-z])|(?<=\\[nrt]))(?<![0-9][. \-])([0-9](?:[ \-]?[0-9]){12,18}+)(?![0-9A-Za-z]|[ \-.][0-9])"
)
_THIRTEEN_DIGITS: Final = re.compile(r"[0-9](?:[ \-]?[0-9]){12}")
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def find(text: str) -> list[Span]:
    """Every secret of these kinds; spans may overlap and are in no order."""
    found: list[Span] = []
    if "PRIVATE KEY" in text:
        found += (match.span() for match in _PRIVATE_KEY.finditer(text))
    if "://" in text and "@" in text:
        for match in _URL.finditer(text):
            found.append(match.span(match.lastindex or 0))
    if "eyJ" in text:
        for match in _TOKEN.finditer(text):
            if "." in match[0] and match.end() - match.start() >= 20:
                found.append(match.span())
    if "earer" in text or "asic" in text or "EARER" in text or "ASIC" in text:
        found += _credentials(text)
    length = len(text)
    if length >= 14:
        for hint in _SERVICE_HINTS:
            if hint in text:
                found += (match.span() for match in _SERVICE_KEY.finditer(text))
                break
    if length >= 13 and _THIRTEEN_DIGITS.search(text):
        found += _card_numbers(text)
    return found


def _credentials(text: str) -> Iterator[Span]:
    for match in _SCHEME.finditer(text):
        value = match[2]
        if match[1].lower() == "basic":
            try:
                value = value.rstrip(".~-").translate(_URL_SAFE)  # the end of a sentence
                decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
            except (binascii.Error, ValueError):
                continue
            if b":" in decoded:
                yield match.span(2)
        elif value.lower().strip(".") not in _PROSE:
            yield match.span(2)


def _card_numbers(text: str) -> Iterator[Span]:
    for match in _NUMBER.finditer(text):
        if match[1] is not None and is_card_number(match[1]):
            yield match.span(1)


def is_card_number(digits: str) -> bool:
    """13 to 19 digits, with spaces or dashes, that pass Luhn's check and are no time since the epoch.

    A time of 2014 to 2033 in ms, µs or ns has 13, 16 or 19 digits and begins with 14 to 19; no card's number does.
    """
    numbers = [ord(digit) - 48 for digit in digits if "0" <= digit <= "9"]
    if not 13 <= len(numbers) <= 19 or len(set(numbers)) == 1:
        return False
    if len(numbers) in (13, 16, 19) and numbers[0] == 1 and 4 <= numbers[1] <= 9:
        return False
    total = sum(numbers[-1::-2]) + sum(_DOUBLED[number] for number in numbers[-2::-2])
    return total % 10 == 0
