"""Whatever the value is, its text is valid JSON, within its bounds, soon there, and holds no secret."""

from __future__ import annotations

import collections
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings

CANARY = "cAnArY"


def whole(**bounds: Any) -> PayloadEncoder:
    return PayloadEncoder(Settings(truncate_nested_data=False, **bounds))


def decoded(encoder: PayloadEncoder, value: object, part: str = "args") -> Any:
    return json.loads(encoder.encode(value, part).text)


# ---- what a cut looks like ----------------------------------------------------------------------------------


def test_a_long_string_says_how_much_is_left_out() -> None:
    encoder = whole(payload_max_string=16)
    assert decoded(encoder, ["a" * 12_361]) == ["a" * 16 + "… 12 345 more characters"]
    assert encoder.encode(["a" * 16]).text == f'["{"a" * 16}"]'
    assert encoder.encode(["a" * 17]).notes == ("args:truncated",)


def test_a_long_list_and_a_large_dict_say_how_much_is_left_out() -> None:
    encoder = whole(payload_max_items=2)
    assert decoded(encoder, [1, 2, 3, 4]) == [1, 2, "… 2 more items"]
    assert decoded(encoder, {"a": 1, "b": 2, "c": 3}, "kwargs") == {"a": 1, "b": 2, "…": "1 more items"}
    assert encoder.encode([1, 2]) == ("[1,2]", ())


def test_what_is_too_deep_says_how_much_it_holds() -> None:
    assert decoded(whole(payload_max_depth=2), [[[1, 2, 3]], {"a": {"b": 1}}]) == [
        ["… 3 items"],
        {"a": "… 1 items"},
    ]


def test_the_bytes_bound_cuts_inside_the_structure() -> None:
    encoder = whole(payload_max_bytes=256)
    encoded = encoder.encode(["x" * 100] * 5)
    assert json.loads(encoded.text) == ["x" * 100, "… 4 more items"]
    kept = json.loads(encoder.encode({"a": "y" * 1_000, "b": 1}, "kwargs").text)
    assert kept["a"].startswith("yyy")
    assert kept["a"].endswith("more characters")
    assert kept["…"] == "1 more items"
    assert len(encoder.encode("é" * 1_000, "result").text.encode()) <= 256
    assert len(encoder.encode("\0" * 1_000, "result").text.encode()) <= 256


def test_a_number_of_any_length() -> None:
    assert decoded(whole(), [10**100]) == [10**100]
    assert decoded(whole(), [1 << 100_000]) == ["… a number of 100 001 bits"]
    assert json.loads(whole(payload_max_bytes=256).encode(10**1_000, "result").text) == "<int object>"


def test_a_long_key_is_cut() -> None:
    (key,) = decoded(whole(), {"k" * 300: 1}, "kwargs")
    assert key == "k" * 256 + "… 44 more characters"


def test_long_bytes_say_how_much_is_left_out() -> None:
    (text,) = decoded(whole(payload_max_string=16), [b"x" * 50_000])
    assert text.startswith("b'xxxx")
    assert text.endswith("more characters")


# ---- secrets and cuts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        "password=hunter2hunter2",
        "'api_key': 'hunter2hunter2'",
        "postgres://bob:hunter2hunter2@host/db",
        "Bearer hunter2hunter2",
        "4111 1111 1111 1111",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.hunter2hunter2",
        "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----",
    ],
)
def test_a_secret_across_the_cut_is_masked_as_a_whole(secret: str) -> None:
    encoder = whole(payload_max_string=64)
    pieces = {
        secret[start : start + 4]
        for start in range(len(secret) - 3)
        if secret[start : start + 4] in "hunter2hunter2"
    }
    pieces |= {"4111", "1111"}
    for before in range(64):
        text = "." * before + " " + secret + " " + "." * 100
        kept = encoder.encode(text, "result").text
        assert not [piece for piece in pieces if piece in kept], kept


def test_secrets_under_keys_at_any_depth() -> None:
    value = {"a": [{"b": {"password": CANARY, "x": 1}}], "api_key": {"nested": CANARY}, "tokens": [CANARY]}
    encoded = whole().encode(value, "kwargs")
    assert json.loads(encoded.text) == {
        "a": [{"b": {"password": "***", "x": 1}}],
        "api_key": "***",
        "tokens": "***",
    }
    assert encoded.notes == ("kwargs:redacted",)
    assert decoded(PayloadEncoder(Settings()), {"password": CANARY}, "kwargs") == {"password": "***"}


def test_secrets_in_pairs_in_keys_in_numbers_and_in_bytes() -> None:
    assert decoded(whole(), [[("Authorization", CANARY), ("Host", "x")]]) == [
        [["Authorization", "***"], ["Host", "x"]]
    ]
    headers = [[(b"authorization", CANARY), (b"x", b"y"), (b"\xff", 1)]]
    assert decoded(whole(), headers) == [[["b'authorization'", "***"], ["b'x'", "b'y'"], ["b'\\xff'", 1]]]
    assert decoded(whole(), {"card 4111 1111 1111 1111": 1}, "kwargs") == {"card ***": 1}
    assert CANARY not in whole().encode({f"token={CANARY}": 1}, "kwargs").text
    assert decoded(whole(), [4111111111111111, 4111111111111112]) == ["***", 4111111111111112]
    assert decoded(whole(), [b"password=" + CANARY.encode()]) == ["b'password=***'"]
    assert decoded(whole(), [ValueError(f"password={CANARY}")]) == ["ValueError('password=***')"]


def test_nothing_under_a_secret_key_stays_nothing() -> None:
    assert decoded(whole(), {"password": None}, "kwargs") == {"password": None}


def test_a_value_that_is_named_beside_it() -> None:
    environment = [{"name": "DB_PASSWORD", "value": CANARY}, {"name": "LANG", "value": "C"}]
    assert decoded(whole(), [environment]) == [[{**environment[0], "value": "***"}, environment[1]]]
    assert decoded(PayloadEncoder(Settings()), {"key": "api-key", "Value": CANARY, "x": 1}, "kwargs") == {
        "key": "api-key",
        "Value": "***",
        "x": 1,
    }
    unnamed = {"name": "password", "value": None, "label": "x"}
    assert decoded(whole(), unnamed, "kwargs") == unnamed


def test_positional_args_are_masked_by_the_names_of_their_parameters() -> None:
    encoded = whole().encode(("bob", CANARY, 3), "args", names=("user", "password"))
    assert encoded == ('["bob","***",3]', ("args:redacted",))


# ---- any value ----------------------------------------------------------------------------------------------

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.text(st.sampled_from("a =:'\"\\/@-\n{}[]\ud800é😀"), max_size=200),
    st.binary(),
    st.decimals(),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.builds(object),
    st.complex_numbers(),
    st.just(range(5)),
)
KEYS = st.one_of(
    st.text(max_size=8),
    st.integers(),
    st.none(),
    st.booleans(),
    st.floats(),
    st.tuples(st.integers(), st.text()),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner),
        st.tuples(inner, inner),
        st.dictionaries(KEYS, inner),
        st.frozensets(st.integers() | st.text(max_size=3)),
        st.builds(collections.deque, st.lists(inner, max_size=3)),
    ),
    max_leaves=60,
)


def _depth(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 0


def _strict(text: str) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    def no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), "a key twice"
        return dict(pairs)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=no_doubles)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    value=VALUES,
    truncate=st.booleans(),
    max_bytes=st.integers(256, 1_000),
    max_items=st.integers(1, 20),
    max_depth=st.integers(1, 5),
    max_string=st.integers(16, 60),
    part=st.sampled_from(["args", "kwargs", "result"]),
)
def test_any_value_becomes_valid_json_within_its_bounds(
    value: object, truncate: bool, max_bytes: int, max_items: int, max_depth: int, max_string: int, part: str
) -> None:
    encoder = PayloadEncoder(
        Settings(
            truncate_nested_data=truncate,
            payload_max_bytes=max_bytes,
            payload_max_items=max_items,
            payload_max_depth=max_depth,
            payload_max_string=max_string,
        )
    )
    encoded = encoder.encode(value, part)
    assert len(encoded.text.encode()) <= max_bytes
    assert not [note for note in encoded.notes if note.endswith("dropped")]
    result = _strict(encoded.text)
    assert _depth(result) <= max_depth + 1

    def check(item: Any) -> None:
        if isinstance(item, str):
            assert len(item) <= max_string + 40 + 3 * max_string
        elif isinstance(item, list):
            assert len(item) <= max_items + 1
            for inner in item:
                check(inner)
        elif isinstance(item, dict):
            assert len(item) <= max_items + 1
            for inner in item.values():
                check(inner)

    check(result)


SECRET_KEYS = st.sampled_from(
    ["password", "API-Key", "accessToken", "Cookie", "session_id", "client_secret", "Authorization"]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(), truncate=st.booleans(), max_bytes=st.integers(256, 600), max_string=st.integers(16, 80)
)
def test_a_canary_under_a_secret_key_is_never_in_the_text(
    data: st.DataObject, truncate: bool, max_bytes: int, max_string: int
) -> None:
    secret = data.draw(
        st.sampled_from([CANARY, [CANARY], {"x": CANARY}, CANARY.encode(), (CANARY, 1), {"a": [CANARY]}])
    )
    holder: Any = {data.draw(SECRET_KEYS): secret, "other": data.draw(VALUES)}
    filler = data.draw(st.text(st.sampled_from("ab .,"), max_size=max_string))
    forms: list[Callable[[object], str]] = [json.dumps, repr, str]
    as_text = data.draw(st.sampled_from(forms))
    key = data.draw(SECRET_KEYS)
    text = filler + as_text({key: CANARY}) + filler
    for _ in range(data.draw(st.integers(0, 3))):
        holder = data.draw(st.sampled_from([[holder, text], {"k": holder, "t": text}, (text, holder)]))
    encoder = PayloadEncoder(
        Settings(truncate_nested_data=truncate, payload_max_bytes=max_bytes, payload_max_string=max_string)
    )
    for part in ("args", "kwargs", "result"):
        assert CANARY not in encoder.encode(holder, part).text
    assert CANARY not in encoder.text(text).text


# ---- time ---------------------------------------------------------------------------------------------------

MEGABYTES = 50_000_000


@pytest.mark.parametrize(
    "value",
    [
        [0] * (MEGABYTES // 8),
        "a " * (MEGABYTES // 2),
        b"x" * MEGABYTES,
        bytearray(MEGABYTES),
        dict.fromkeys(range(500_000)),
        set(range(500_000)),
        [["x" * 100] * 100] * 1_000,
        1 << (MEGABYTES * 8),
        ValueError("x" * MEGABYTES),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_huge_value_costs_no_more_than_what_is_kept_of_it(value: object) -> None:
    encoder = whole()
    times = []
    for _ in range(5):
        started = time.thread_time()
        text = encoder.encode([value]).text
        times.append(time.thread_time() - started)
        assert len(text.encode()) <= 16_384
    # 0.02 to 1.5 ms on a slow core; reading all of such a value takes at least 20
    assert min(times) < 0.005
