"""Secrets are masked, what only looks like one is not, and hostile texts cost no time."""

from __future__ import annotations

import time

import pytest

from otel_taskmon.payload.redaction import Redactor
from otel_taskmon.payload.secret_texts import is_card_number
from otel_taskmon.settings import Settings

REDACTOR = Redactor(Settings())

SECRET_KEYS = [
    "password", "Password", "PASSWORD", "passwd", "pwd", "db_pwd", "dbPassword", "userpassword", "old_passwords",
    "password2", "passphrase", "secret", "client_secret", "clientSecret", "secretKey", "token", "access_token",
    "accesstoken", "refreshToken", "tokens", "api_key", "apikey", "api-key", "APIKey", "X-Api-Key", "api key",
    "authorization", "Authorization", "HTTP_AUTHORIZATION", "Proxy-Authorization", "cookie", "Set-Cookie", "cookies",
    "session", "session_id", "sessionid", "sessionKey", "credential", "credentials", "aws_credentials", "private_key",
    "privateKey", "ssh_private_key", "encryption_key", "signing_key", "AWS_SECRET_ACCESS_KEY", "aws_access_key_id",
    "basic_auth", "auth", "jwt", "csrf_token", "cvv", "db_pass", "pass", "passcode",
]  # fmt: skip
OTHER_KEYS = [
    "tokenizer_name", "tokenizer", "session_count", "session_timeout", "sessions_per_user", "secretary", "author",
    "authors", "key", "keyboard", "monkey", "order_key", "passenger", "passed", "compass", "bypass", "max_tokens",
    "prompt_tokens", "total_tokens", "token_count", "token_type", "password_changed_at", "has_password",
    "is_secret", "cookie_policy", "authority", "user", "email", "order_id", "", "…", "пароль",
]  # fmt: skip


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_secret_key(key: str) -> None:
    assert REDACTOR.is_secret_key(key)


@pytest.mark.parametrize("key", OTHER_KEYS)
def test_not_a_secret_key(key: str) -> None:
    assert not REDACTOR.is_secret_key(key)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        # keys and values inside a text
        ("password=hunter2", "password=***"),
        ("password = hunter2 and more", "password = *** and more"),
        ("login failed: password: hunter2", "login failed: password: ***"),
        ('{"password": "hunter2", "a": 1}', '{"password": "***", "a": 1}'),
        ('{"password":"say \\"hi\\" hunter2","a":1}', '{"password":"***","a":1}'),
        ("{'api_key': 'abc', 'x': 2}", "{'api_key': '***', 'x': 2}"),
        ("{'token': b'abc'}", "{'token': b'***'}"),
        ('{\\"password\\": \\"abc\\", \\"b\\": 1}', '{\\"password\\": \\"***\\", \\"b\\": 1}'),
        ("f(password='''a'b''')", "f(password='''***''')"),
        ("{'secrets': ['a', 'b'], 'c': 1}", "{'secrets': ***, 'c': 1}"),
        ("{'credentials': {'user': 'bob', 'x': ['y']}}", "{'credentials': ***}"),
        ("token=abc, other=1", "token=***, other=1"),
        ("login(password=abc, x=1)", "login(password=***, x=1)"),
        ("https://host/path?token=abc&x=1", "https://host/path?token=***&x=1"),
        ("password=a&b<c&x=1", "password=***&x=1"),
        ("<b>password=a</b>", "<b>password=***</b>"),
        ("next=%2Fa%3Ftoken%3Dabc", "next=%2Fa%3Ftoken%3D***"),
        ("private key: abc", "private key: ***"),
        ("Authorization: Bearer abcdef123456", "Authorization: ***"),
        ("{'Authorization': 'Token abc def'}", "{'Authorization': '***'}"),
        ("Cookie: a=b; c=d\nHost: x", "Cookie: ***\nHost: x"),
        ("run --password hunter2 --verbose", "run --password *** --verbose"),
        ("run --api-key=hunter2", "run --api-key=***"),
        ("<login><password>hunter2</password></login>", "<login><password>***</password></login>"),
        ("password: 'never ends", "password: '***"),
        ("DB_PASSWORD=a", "DB_PASSWORD=***"),
        # told by their own look
        ("postgres://bob:hunter2@db:5432/x", "postgres://***@db:5432/x"),
        ("redis://:hunter2@cache", "redis://***@cache"),
        ("amqp://bob:p@ss@host//", "amqp://***@host//"),
        ("redis://:pa/ss@host:1/0", "redis://***@host:1/0"),
        ("https://ghtoken@host/x", "https://***@host/x"),
        ("sent Bearer abcdef-123456", "sent Bearer ***"),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln here", "got *** here"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", "***\nrest"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", "***"),
        ("card 4111 1111 1111 1111.", "card ***."),
        ("4111-1111-1111-1111", "***"),
        ("card_378282246310005", "card_***"),
        ("\\n4242424242424242", "\\n***"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("sk_live_abcdefghij1234", "***"),
    ],
)
def test_masked(text: str, masked: str) -> None:
    assert REDACTOR.mask(text) == (masked, True)
    assert REDACTOR.mask(masked)[0] == masked, "masking again changes nothing"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "alice@example.com",
        "KeyError: 'password'",
        "Missing bearer token in header",
        "basic information about the order",
        "https://host:8080/@user/x",
        "https://medium.com/@user",
        "max_tokens=100, session_count: 4",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "4111111111111112",  # fails Luhn
        "00000000-1234-1234-1234-446655440000",
        "1764000000000",  # a time in ms; passes no check by chance
        "1764000000005",
        "eyJ is how they begin",
        "2026-11-22T10:00:00+00:00",
        "0.4111111111111111",
    ],
)
def test_not_masked(text: str) -> None:
    assert REDACTOR.mask(text) == (text, False)


def test_card_numbers() -> None:
    for number in (
        "4111111111111111",
        "5555555555554444",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
    ):
        assert is_card_number(number), number
        assert not is_card_number(number[:-1] + str((int(number[-1]) + 1) % 10)), number
    assert not is_card_number("0" * 16)
    # every time in ms of one second: by Luhn alone a tenth of them would be card numbers
    assert not any(is_card_number(str(1_764_000_000_000 + ms)) for ms in range(1_000))


def test_own_patterns_are_added_to_the_built_in_ones() -> None:
    redactor = Redactor(Settings(redact_keys=("iban", "tax_.*"), redact_values=(r"ORD-\d+",)))
    assert redactor.is_secret_key("userIBAN-2")
    assert redactor.is_secret_key("tax_number")
    assert not redactor.is_secret_key("ibantine")
    assert redactor.is_secret_key("password")
    assert redactor.mask("ORD-17 iban=DE12 password=x")[0] == "*** iban=*** password=***"


def test_own_patterns_can_replace_the_built_in_ones() -> None:
    redactor = Redactor(Settings(redact_keys=("iban",), redact_values=(r"ORD-\d+",), redact_builtins=False))
    assert not redactor.is_secret_key("password")
    text = "ORD-17 iban=DE12 password=x Bearer abcdef123 4111111111111111"
    assert redactor.mask(text)[0] == "*** iban=*** password=x Bearer abcdef123 4111111111111111"


def test_redaction_can_be_switched_off() -> None:
    redactor = Redactor(Settings(redact=False, redact_keys=("iban",), redact_values=("x",)))
    assert redactor.mask("password=x iban=y 4111111111111111")[1] is False
    assert not redactor.is_secret_key("password")


def test_overlapping_secrets_are_one() -> None:
    assert REDACTOR.mask("token=https://bob:hunter2@host/x?password=y z")[0] == "token=*** z"


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "unit",
    [
        "password", "password=", "a=token", "://", "://a:", "eyJ", "bearer ", "Basic ", "1", "1 ", "4111 ", "a.",
        "a ", " ",
        "-----BEGIN PRIVATE KEY-----", "password='", 'password=\\"', "password=(", 'password="""', "--password ",
        "<password>", "gh", "xox-", "sk-", "SG.", "key: ", "'", "\\", "token%3D", "-", "password: a ", "ab-", "=:",
    ],
)  # fmt: skip
def test_a_megabyte_of_hostile_text_takes_bounded_time(unit: str) -> None:
    text = unit * (MEGABYTE // len(unit)) + "@</password:"
    started = time.thread_time()
    REDACTOR.mask(text)
    # 0.01 to 0.8 s on a slow core; what is not linear takes minutes
    assert time.thread_time() - started < 8
