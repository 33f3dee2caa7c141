"""Which keys hold secrets: ``password``, ``dbPassword``, ``X-Api-Key``; not ``tokenizer_name`` or ``session_count``.

A key is read as words: ``userIBAN``, ``user-iban`` and ``USER_IBAN2`` are all ``user_iban``. A key is secret when its
words hold a secret word or a secret pair of words, or a word that ends with one of the strong stems (``authtoken``,
``dbpassword``), unless its last word says that the value only describes the secret (``token_count``,
``session_expires_at``) or its first word says that it is a yes or no (``has_password``) or a number of
language-model tokens (``max_tokens``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

LONGEST_KEY: Final = 512
"""Characters of a key that are looked at."""
_REMEMBERED: Final = 4_096

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD: Final = re.compile(r"[\W\d_]+")

_SECRET: Final = re.compile(
    r"_(?:"
    r"[a-z]*(?:password|passwd|passphrase|passcode|pwd|secret|token|credential|apikey|cookie|jwt)s?"
    r"|[a-z]*(?:private|secret|access|auth|session|signing|encryption|master|client|account)keys?"
    r"|[a-z]*(?:auth|session)id"
    r"|authorization|authorisation|bearer|creds?|sessions?|csrf|xsrf|csrfmiddlewaretoken|cvv2?|cvc2?"
    r"|(?:api|private|secret|access|auth|signing|encryption|decryption|master|ssh|pgp|gpg|storage|account|shared)_keys?"
    r"|pass_(?:word|phrase|code)s?"
    r")(?=_)"
    r"|^_(?:(?:db|database|user|usr|smtp|mail|email|ftp|ssh|admin|root|redis|mysql|pg|http|proxy|auth|login|my)_?)?pass_$"
    r"|^_(?:[a-z_]+_)?auth_$"
)
_ONLY_DESCRIBES: Final = re.compile(
    r"_(?:count|counts|length|len|size|type|kind|name|names|limit|expires|expire|expiry|expiration|expired|ttl|age|at|date"
    r"|timeout|lifetime|duration|enabled|required|valid|status|state|policy|strength|field|fields|index|total|used|usage"
    r"|version|algorithm|alg|format|changed|reset|in|error|errors|endpoint|provider|max|min|per_[a-z]+)_$"
    r"|^_(?:is|has|had|needs|requires|use|uses|with|without|no|num|n)_"
    r"|^_(?:max|min|num|n|total|prompt|completion|input|output|cached|reasoning|remaining|used|new|max_new)(?:_[a-z]+)?_tokens_$"
)
STEMS: Final = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "cred",
    "cookie",
    "auth",
    "bearer",
    "session",
    "jwt",
    "csrf",
    "xsrf",
    "cvv",
    "cvc",
)
"""In each secret key, in lower case, there is at least one of these: a text without any is quickly passed."""
_STEM: Final = re.compile("|".join(STEMS), re.IGNORECASE)


def as_words(key: str) -> str:
    """``userIBAN-2`` as ``_user_iban_``."""
    words = _NO_WORD.sub("_", _CAMEL.sub("_", key)).lower().strip("_")
    return f"_{words}_"


class SecretKeys:
    """The keys whose values are masked: the built-in ones and ``patterns``, matched to whole words."""

    def __init__(self, patterns: Sequence[str] = (), *, builtins: bool = True) -> None:
        self._builtins = builtins
        self._own = [re.compile(rf"(?<=_)(?:{pattern})(?=_)") for pattern in patterns]
        self._known: dict[str, bool] = {}

    def __contains__(self, key: str) -> bool:
        if len(key) > LONGEST_KEY:
            key = key[:LONGEST_KEY]
        known = self._known.get(key)
        if known is None:
            known = self._look(key)
            if len(self._known) < _REMEMBERED:
                self._known[key] = known
        return known

    def may_be_in(self, text: str) -> bool:
        """False when no secret key can be in this text."""
        if self._own:
            return True
        if not self._builtins:
            return False
        lowered = text.lower()
        for stem in STEMS:  # noqa: SIM110 - on every task's path: any() takes twice as long
            if stem in lowered:
                return True
        return False

    def may_end(self, text: str) -> bool:
        """False when the key at the end of this short text cannot be a secret one."""
        return bool(self._own) or (self._builtins and _STEM.search(text) is not None)

    def _look(self, key: str) -> bool:
        words = as_words(key)
        if self._builtins and _SECRET.search(words) and not _ONLY_DESCRIBES.search(words):
            return True
        return any(pattern.search(words) for pattern in self._own)
