"""Secrets are masked, what only looks like one is not, and hostile texts cost no time."""

from __future__ import annotations

import json
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
        ("<password><![CDATA[hunter2]]></password>", "<password><![CDATA[***</password>"),
        ("password: 'never ends", "password: '***"),
        ("DB_PASSWORD=a", "DB_PASSWORD=***"),
        ('Cookie: sid="hunter2"; a=b\nHost: x', "Cookie: ***\nHost: x"),
        ('Authorization: Digest username="u", response="0a1b"', "Authorization: ***"),
        ("{'h': 'Cookie: sid=\"hunter2\"; a=b', 'x': 1}", "{'h': 'Cookie: ***', 'x': 1}"),
        ('{"h": "Cookie: sid=\\"hunter2\\"; a=b", "x": 1}', '{"h": "Cookie: ***", "x": 1}'),
        ("password=pa'ss\"word x", "password=*** x"),
        ("'password=pass','x'", "'password=***','x'"),
        ("assert password != 'hunter2'", "assert password != '***'"),
        ("password += 'hunter2'", "password += '***'"),
        (
            '{\\"password\\": \\"it\'s \\\\\\"x\\\\\\" hunter2\\", \\"b\\": 1}',
            '{\\"password\\": \\"***\\", \\"b\\": 1}',
        ),
        ('\'{"password": "it\\\'s \\\\"x\\\\" hunter2", "b": 1}\'', '\'{"password": "***", "b": 1}\''),
        ("password:" + " " * 60 + "hunter2\nx", "password:" + " " * 60 + "***\nx"),
        ('{"password":\n   "hunter2"}', '{"password":\n   "***"}'),
        ("passwords[]=hunter2&x=1", "passwords[]=***&x=1"),
        ("user%5Bpassword%5D=hunter2&x=1", "user%5Bpassword%5D=***&x=1"),
        ("%7B%22password%22%3A%22hunter2%22%7D", "%7B%22password%22%3A***"),
        ("{&quot;password&quot;: &quot;hunter2&quot;}", "{&quot;password&quot;: ***;}"),
        # told by their own look
        ("postgres://bob:hunter2@db:5432/x", "postgres://***@db:5432/x"),
        ("redis://:hunter2@cache", "redis://***@cache"),
        ("amqp://bob:p@ss@host//", "amqp://***@host//"),
        ("redis://:pa/ss@host:1/0", "redis://***@host:1/0"),
        ("https://ghtoken@host/x", "https://***@host/x"),
        ("redis://:pa'ss@host:1/0", "redis://***@host:1/0"),
        ("'redis://bob:hunter2'x@host:1/0'", "'redis://***@host:1/0'"),
        ("sent Bearer abcdef-123456", "sent Bearer ***"),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        ("sent Basic dXNlcjpwYXNz. Refused", "sent Basic *** Refused"),
        ("Basic dXNlcjo-Pz8_", "Basic ***"),
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
        "('http://host','me@example.com')",
        "see 'https://host:80' or 'me@example.com'",
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


KEY_OF_A_SERVICE = "AKIAIOSFODNN7EXAMPLE"


@pytest.mark.parametrize(
    "secret",
    [
        "api_key=hunter2",
        "authorization: hunter2",
        "session=hunter2",
        "cvv=98765",
        "Bearer abcdef-123456",
        "Basic dXNlcjpwYXNz",
        "--api-key hunter2",
        KEY_OF_A_SERVICE,
        "4111111111111111",
    ],
)
@pytest.mark.parametrize("before", ["\n", "\r\n", "\t", "\0", "\x1b", "\xff"])
def test_a_secret_that_follows_an_escape(secret: str, before: str) -> None:
    """Of a ``repr``, of JSON, of JSON in a ``repr``: the letter of the escape is no part of what follows it."""
    held = secret.rpartition("=")[2].rpartition(" ")[2]
    text = f"x{before}{secret}"
    for shown in (
        repr(text),
        repr(text.encode("latin-1")),
        json.dumps(text),
        repr(json.dumps(text)),
        json.dumps(json.dumps(text)),
    ):
        if before == "\xff" and before in shown:  # a letter, shown as it is
            continue
        masked, found = REDACTOR.mask(shown)
        assert found, shown
        assert held not in masked
        assert REDACTOR.mask(masked)[0] == masked, "masking again changes nothing"


def test_a_pattern_of_ones_own_finds_what_follows_an_escape() -> None:
    redactor = Redactor(Settings(redact_values=(r"\bORD-\d+",)))
    assert redactor.mask(repr("a\nORD-17")) == ("'a\\n***'", True)


def test_a_backslash_of_a_path_hides_no_secret() -> None:
    """Only a search beside the first one: what seems an escape may be none."""
    assert REDACTOR.mask(r"C:\api\token=hunter2")[0] == r"C:\api\token=***"
    assert REDACTOR.mask(r"\\nas\auth\bearer: hunter2")[0] == r"\\nas\auth\bearer: ***"


def test_a_key_and_its_value_as_a_pair() -> None:
    """How older versions of Python show an ``OrderedDict``, and libraries their headers."""
    for text, masked in (
        (repr(("password", "hunter2")), "('password', '***')"),
        ("OrderedDict([('password', 'hunter2'), ('a', 1)])", "OrderedDict([('password', '***'), ('a', 1)])"),
        ("[(b'authorization', b'Basic x'), (b'a', b'b')]", "[(b'authorization', b'***'), (b'a', b'b')]"),
        ('[["X-Api-Key","hunter2"],["a","b"]]', '[["X-Api-Key","***"],["a","b"]]'),
        (
            json.dumps(json.dumps([["token", "it's hunter2"]])),
            json.dumps(json.dumps([["token", "***"]])),
        ),
        ("os.environ.get('DB_PASSWORD', 'hunter2')", "os.environ.get('DB_PASSWORD', '***')"),
    ):
        assert REDACTOR.mask(text) == (masked, True)
        assert REDACTOR.mask(masked)[0] == masked
    for text in (
        "missing: ['user', 'password', 'email']",
        "('password', 12, 'x')",
        "['password', 'email', 'x']",
        "('author', 'Bob')",
    ):
        assert REDACTOR.mask(text) == (text, False)


def test_a_value_that_is_named_beside_it() -> None:
    """As in the environment of a container, or in the cookies of a browser."""
    for text, masked in (
        (
            "{'name': 'DB_PASSWORD', 'value': 'hunter2', 'x': 1}",
            "{'name': 'DB_PASSWORD', 'value': '***', 'x': 1}",
        ),
        ('{"Key":"api_key","Value":17}', '{"Key":"api_key","Value":***}'),
        (
            json.dumps(json.dumps({"name": "sessionid", "value": 'a"b'})),
            json.dumps(json.dumps({"name": "sessionid", "value": "***"})),
        ),
    ):
        assert REDACTOR.mask(text) == (masked, True)
        assert REDACTOR.mask(masked)[0] == masked
    text = "{'name': 'author', 'value': 'Bob'}, {'name': 'password', 'label': 'x'}"
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


@pytest.mark.parametrize("before", ["cookies=", "'session': ", "--auth "])
def test_a_large_container_under_a_secret_key_is_masked_to_its_end(before: str) -> None:
    jar = {f"sid{number}": "x" * 40 for number in range(150)}
    assert REDACTOR.mask(f"{before}{jar} and more") == (f"{before}*** and more", True)
    # a bracket in a source line is closed on a line that the traceback does not show
    line = "  auth=(\n" + '  File "a.py", line 1, in f\n' * 400
    assert len(REDACTOR.mask(line)[0]) > len(line) - 5_000


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
        "--password ['", "cookies=['", "'name': 'token', 'value': ", "'name':", "'key': 'a', ", "value\\\\'",
        "\\n", "\\x00", "('key',", "('password','", "['token', '", '("token",\\\'', "(\\", 'cookie: a="', "cookie: =\\",
        "://'a", "password=a'b", 'password=\\"a\\\\',
    ],
)  # fmt: skip
def test_a_megabyte_of_hostile_text_takes_bounded_time(unit: str) -> None:
    text = unit * (MEGABYTE // len(unit)) + "@</password:"
    started = time.thread_time()
    REDACTOR.mask(text)
    # 0.01 to 0.8 s on a slow core; what is not linear takes minutes
    assert time.thread_time() - started < 8
