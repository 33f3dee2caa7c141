"""The colours of the viewer can be read: contrasts after WCAG 2.2, 1.4.3 (texts) and 1.4.11 (signs and lines)."""

from __future__ import annotations

import pytest

from taskmon_viewer import theme

FADED = 0.6
"""Share of the text's colour in what Streamlit fades: captions, placeholders, axes."""
BACKGROUNDS = (
    "backgroundColor",
    "secondaryBackgroundColor",
    "codeBackgroundColor",
    "sidebar.backgroundColor",
    "sidebar.secondaryBackgroundColor",
)


def channels(color: str) -> list[int]:
    return [int(color[place : place + 2], 16) for place in (1, 3, 5)]


def luminance(color: list[float]) -> float:
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(color: str, background: str, share: float = 1.0) -> float:
    below = channels(background)
    mixed = [share * c + (1 - share) * b for c, b in zip(channels(color), below, strict=True)]
    high, low = sorted((luminance(mixed), luminance([*map(float, below)])), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measure_itself() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", BACKGROUNDS)
def test_texts_and_links_are_read_on_every_background(scheme: str, name: str) -> None:
    config = theme.theme_config()
    background = config[f"theme.{scheme}.{name}"]
    text, link = config[f"theme.{scheme}.textColor"], config[f"theme.{scheme}.linkColor"]
    assert contrast(text, background) >= 7
    assert contrast(text, background, FADED) >= 4.5
    assert contrast(link, background) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", theme.STATE_LOOKS)
def test_states_are_seen_and_so_is_the_sign_on_them(scheme: str, state: str) -> None:
    background = theme.theme_config()[f"theme.{scheme}.backgroundColor"]
    color = theme.look(state).color
    assert contrast(color, background) >= 3
    assert contrast("#ffffff", color) >= 3


def test_the_focus_is_seen() -> None:
    config = theme.theme_config()
    for scheme in ("light", "dark"):
        for name in BACKGROUNDS:
            assert contrast(config[f"theme.{scheme}.primaryColor"], config[f"theme.{scheme}.{name}"]) >= 3


def test_values_in_pictures_have_the_texts_colour() -> None:
    config = theme.theme_config()
    assert theme.text_color(dark=False) == config["theme.light.textColor"]
    assert theme.text_color(dark=True) == config["theme.dark.textColor"]
