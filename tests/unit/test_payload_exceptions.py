"""Exceptions: type, message, traceback with causes, fingerprint; masked and bounded, whatever the exception does."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

import pytest
from billiard.einfo import ExceptionInfo, RemoteTraceback
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_taskmon.payload import ExceptionRecord, PayloadEncoder, describe_exception
from otel_taskmon.payload.tracebacks import LONGEST_READY_TEXT
from otel_taskmon.settings import Settings

ENCODER = PayloadEncoder(Settings())
CANARY = "cAnArY"


class ShopError(Exception):
    pass


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        if cause is not None:
            raise error from cause
        raise error
    except BaseException as caught:
        return caught


def describe(error: BaseException, encoder: PayloadEncoder = ENCODER, text: str = "") -> ExceptionRecord:
    return describe_exception(error, encoder, text)


def test_type_message_and_traceback() -> None:
    found = describe(raised(ShopError("no stock")))
    assert found.type == f"{__name__}.ShopError"
    assert found.message == "no stock"
    assert found.stacktrace.startswith("Traceback (most recent call last):\n")
    assert "in raised" in found.stacktrace
    assert found.stacktrace.endswith(f"{__name__}.ShopError: no stock\n")
    assert found.notes == ()
    assert describe(ValueError()).type == "ValueError"
    assert describe(ValueError()).stacktrace == "ValueError\n"


def chained() -> None:
    try:
        try:
            raise KeyError("zeroth")
        except KeyError as missing:
            raise ValueError("first") from missing
    except ValueError:
        raise ShopError("second")  # noqa: B904 - the context is the subject


def suppressed() -> None:
    try:
        raise ValueError("first")
    except ValueError:
        raise KeyError("second") from None


@pytest.mark.parametrize("call", [chained, suppressed])
def test_the_traceback_is_what_python_prints(call: Callable[[], None]) -> None:
    with pytest.raises((ShopError, KeyError)) as caught:
        call()
    caught.value.add_note("a note")
    assert describe(caught.value).stacktrace == "".join(traceback.format_exception(caught.value))


def test_a_chain_of_200_causes_is_cut_and_says_so() -> None:
    error = raised(ShopError("cause 0"))
    for number in range(1, 201):
        error = raised(ShopError(f"cause {number}"), error)
    found = describe(error, PayloadEncoder(Settings(exception_max_bytes=200_000)))
    assert found.message == "cause 200"
    assert found.stacktrace.startswith("… 180 more causes\n")
    assert "cause 180\n" in found.stacktrace
    assert "cause 179\n" not in found.stacktrace


def test_a_chain_that_is_a_circle_ends() -> None:
    first, second = raised(ShopError("first")), raised(ShopError("second"))
    first.__cause__, second.__cause__ = second, first
    assert describe(first).stacktrace.count("first\n") == 1


def test_a_deep_recursion_is_cut_and_says_so() -> None:
    def recurse(depth: int) -> None:
        if depth:
            recurse(depth - 1)
        raise ShopError("deep")

    with pytest.raises(ShopError) as caught:
        recurse(500)
    found = describe(caught.value)
    assert "more frames\n" in found.stacktrace
    assert len(found.stacktrace) < 12_000


def test_a_group_shows_its_parts() -> None:
    group = ExceptionGroup("both", [ShopError(f"password={CANARY}"), ExceptionGroup("in", [ValueError("x")])])
    found = describe(raised(group))
    assert found.type == "ExceptionGroup"
    assert "  | " + f"{__name__}.ShopError: password=***\n" in found.stacktrace
    assert "ValueError: x" in found.stacktrace
    many = describe(ExceptionGroup("many", [ValueError(str(number)) for number in range(500)]))
    assert "more exceptions\n" in many.stacktrace


# ---- secrets ------------------------------------------------------------------------------------------------


def test_no_secret_of_a_message_a_cause_a_note_or_a_source_line_is_in_the_record() -> None:
    cause = raised(ShopError(f"Authorization: Bearer {CANARY}"))
    error = raised(ValueError(f"login(password='{CANARY}')"), cause)
    error.add_note(f"postgres://bob:{CANARY}@host/db")
    error.__context__ = raised(KeyError(f"token={CANARY}"))
    found = describe(error)
    assert CANARY not in "".join(map(str, found))
    assert "password='***'" in found.message
    assert found.notes == ("exception:redacted",)
    with pytest.raises(ShopError) as from_source:
        raise ShopError("x") if "password='in-the-source'" else ValueError
    assert "in-the-source" not in describe(from_source.value).stacktrace


@settings(max_examples=100, deadline=None)
@given(
    before=st.text(st.sampled_from("ab .,\n"), max_size=3_000),
    form=st.sampled_from(
        ["password={}", "{{'api_key': '{}'}}", "https://bob:{}@host/", "Bearer {}-123", '"token": "{}"']
    ),
    after=st.text(st.sampled_from("ab .,\n"), max_size=3_000),
)
def test_a_canary_in_a_secret_is_never_in_the_record(before: str, form: str, after: str) -> None:
    text = before + " " + form.format(CANARY) + " " + after
    error = raised(ValueError(text), raised(ShopError(text)))
    encoder = PayloadEncoder(Settings(exception_max_bytes=1_024))
    found = describe(error, encoder)
    assert CANARY not in "".join(map(str, found))
    assert len(found.stacktrace.encode()) <= 1_024
    assert len(found.message.encode()) <= 256
    ready = describe(ShopError(text), encoder, "".join(traceback.format_exception(error)))
    assert CANARY not in "".join(map(str, ready))


# ---- bounds -------------------------------------------------------------------------------------------------


def test_a_long_message_is_cut_and_says_so() -> None:
    found = describe(raised(ShopError("é" * 1_000_000)))
    assert len(found.message.encode()) <= 32_768 // 4
    assert found.message.endswith("more characters")
    assert len(found.stacktrace.encode()) <= 32_768
    assert found.notes == ("exception:truncated",)


def test_a_long_traceback_keeps_its_start_and_its_end() -> None:
    text = "Traceback (most recent call last):\n" + "  line\n" * 50_000 + "ShopError: last words\n"
    found = describe(ShopError("last words"), ENCODER, text)
    assert len(found.stacktrace.encode()) <= 32_768
    assert found.stacktrace.startswith("Traceback")
    assert "more characters" in found.stacktrace
    assert found.notes == ("exception:truncated",)


# ---- exceptions that misbehave ------------------------------------------------------------------------------


class Counting(Exception):
    calls = 0

    def __str__(self) -> str:
        type(self).calls += 1
        return "counted"


def test_str_is_called_once() -> None:
    Counting.calls = 0
    found = describe(raised(ShopError("x"), raised(Counting())))
    assert "Counting: counted" in found.stacktrace
    assert Counting.calls == 1


class Raising(Exception):
    def __str__(self) -> str:
        raise ValueError(CANARY)


class GivingBytes(Exception):
    def __str__(self) -> str:
        return b"bytes"  # type: ignore[return-value]  # wrong on purpose


class Odd(Exception):
    __cause__ = __context__ = __traceback__ = __notes__ = property(lambda _: 1 / 0)
    __dict__ = property(lambda _: 1 / 0)
    __class__ = property(lambda _: 1 / 0)

    def __bool__(self) -> bool:
        raise ValueError


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Raising, "<no message: __str__ raised ValueError>"),
        (GivingBytes, "<no message: __str__ raised TypeError>"),
        (Odd, ""),
        (lambda: ShopError("a\ud800b"), "a\ufffdb"),
    ],
)
def test_exceptions_that_misbehave(make: Callable[[], Exception], message: str) -> None:
    error = make()
    try:
        raise error
    except Exception:
        found = describe(error)
    assert found.message == message
    assert found.type.startswith(__name__)
    assert CANARY not in found.stacktrace
    found.stacktrace.encode()


# ---- from other processes -----------------------------------------------------------------------------------


def test_billiards_wrapper_is_taken_off() -> None:
    try:
        raise ShopError("from the pool")
    except ShopError:
        einfo = ExceptionInfo()
    found = describe(einfo.exception)
    assert (found.type, found.message) == (f"{__name__}.ShopError", "from the pool")
    assert "in test_billiards_wrapper" in found.stacktrace
    einfo.exception.exc.__traceback__ = None
    again = describe(einfo.exception)
    assert again.stacktrace == einfo.traceback
    assert describe(einfo.exception.exc, text=einfo.traceback).stacktrace == einfo.traceback


def test_a_remote_traceback_stands_for_the_one_that_did_not_travel() -> None:
    error = ShopError("from the pool")
    error.__cause__ = RemoteTraceback(
        f'\n"""\nTraceback (most recent call last):\npassword={CANARY}\nShopError: x\n"""'
    )
    found = describe(error)
    assert found.stacktrace == "Traceback (most recent call last):\npassword=***\nShopError: x\n"


@pytest.mark.parametrize("half", range(5, 40, 3))
def test_no_half_of_a_secret_is_left_where_a_ready_text_is_cut(half: int) -> None:
    secret = f"redis://shop:{CANARY}@host/0"
    text = "Traceback (most recent call last):\n" + "y" * LONGEST_READY_TEXT
    text = text[: LONGEST_READY_TEXT - half] + secret + " and more" * 10
    remote = ShopError("from elsewhere")
    remote.__cause__ = RemoteTraceback(text)
    for found in (describe(ShopError("x"), text=text), describe(remote)):
        assert CANARY[:2] not in found.stacktrace
        assert "exception:truncated" in found.notes


def test_a_remote_traceback_of_any_length_takes_bounded_time() -> None:
    error = ShopError("from elsewhere")
    error.__cause__ = RemoteTraceback("a=token: b " * 3_000_000)
    started = time.thread_time()
    describe(error)
    # 0.2 s on a slow core; all of it would take 20
    assert time.thread_time() - started < 5


# ---- fingerprint --------------------------------------------------------------------------------------------


def fails(message: str) -> None:
    raise ShopError(message)


def fails_elsewhere(message: str) -> None:
    raise ShopError(message)


def fails_after(depth: int) -> None:
    if depth:
        fails_after(depth - 1)
    fails("x")


def mark(call: Callable[..., None], *args: object) -> str:
    with pytest.raises(ShopError) as caught:
        call(*args)
    return describe(caught.value).fingerprint


def test_the_fingerprint_is_of_the_place_not_of_the_message() -> None:
    one = mark(fails, "a")
    assert len(one) == 16
    int(one, 16)
    assert one == mark(fails, "b")
    assert one != mark(fails_elsewhere, "a")
    assert describe(raised(ShopError("x"))).fingerprint == describe(raised(ShopError("y"))).fingerprint
    assert describe(raised(ShopError("x"))).fingerprint != describe(raised(KeyError("x"))).fingerprint


def test_recursion_does_not_change_the_fingerprint() -> None:
    assert len({mark(fails_after, depth) for depth in (1, 5, 200)}) == 1


def test_a_ready_text_has_a_fingerprint_of_its_places() -> None:
    text = 'Traceback (most recent call last):\n  File "/a/shop/tasks.py", line 7, in pay\n    x\nShopError: {}\n'
    error = ShopError("x")
    assert (
        describe(error, text=text.format("a")).fingerprint
        == describe(error, text=text.format("b")).fingerprint
    )
    assert (
        describe(error, text=text).fingerprint
        != describe(error, text=text.replace("pay", "ship")).fingerprint
    )
    moved = text.replace("/a/", "/another/place/")
    assert describe(error, text=text).fingerprint == describe(error, text=moved).fingerprint


def test_plain_texts() -> None:
    assert ENCODER.text(f"retry: token={CANARY}") == ("retry: token=***", ("exception:redacted",))
    cut = ENCODER.text("é" * 100, "exception", max_bytes=60)
    assert len(cut.text.encode()) <= 60
    assert cut.text.endswith("more characters")
    assert cut.notes == ("exception:truncated",)
    assert ENCODER.text("") == ("", ())
