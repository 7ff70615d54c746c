"""Private data that a user writes over two turns: numbers with a checksum, and no others."""

from __future__ import annotations

import pytest

from edge_router.chat.message import Message
from edge_router.chat.private_data import PrivateKind
from edge_router.chat.request import ChatRequest
from edge_router.layers.privacy.detectors import Detectors
from edge_router.layers.privacy.placeholders import Conversations
from edge_router.layers.privacy.search import redacted, search
from edge_router.settings.privacy_config import PrivacyConfig

DETECTORS = Detectors(PrivacyConfig())


def talk(*turns: str) -> ChatRequest:
    """A conversation: the user's turns, each answered but the last."""
    answers = [Message("assistant", "Go on.")] * len(turns)
    pairs = zip((Message("user", turn) for turn in turns), answers, strict=True)
    return ChatRequest([message for pair in pairs for message in pair][:-1])


@pytest.mark.parametrize(
    ("turns", "kind"),
    [
        (("my card is 4111 1111", "1111 1111, thanks"), PrivateKind.CARD),
        (("Hi", "41111111", "11111111"), PrivateKind.CARD),
        (("Card starts 4242 4242.", "and ends 4242 4242, till 12/29. A Visa?"), PrivateKind.CARD),
        (("my card: 4111", "1111", "1111", "1111"), PrivateKind.CARD),
        (("It is DE89 3704 0044", " 0532 0130 00"), PrivateKind.IBAN),
    ],
)
def test_a_number_over_two_turns_counts(turns: tuple[str, ...], kind: PrivateKind) -> None:
    """No placeholder could stand in both, so the request is not redacted but withheld."""
    private = search(talk(*turns), DETECTORS, media=False)
    assert kind in private.kinds
    assert redacted(talk(*turns), private, DETECTORS, Conversations()) is None


@pytest.mark.parametrize(
    "turns",
    [
        ("What is 4111 1111", "and 1111 1112?"),
        ("Add 123 456", "7890"),
        ("a", "b"),
        ("4111 1111:", "1111 1111"),
        ("4111 1111 is one", "1111 1111 the other"),
    ],
)
def test_other_numbers_side_by_side_do_not(turns: tuple[str, ...]) -> None:
    """Without a checksum any two would look like a phone number."""
    assert not search(talk(*turns), DETECTORS, media=False)


def test_a_finding_within_a_turn_is_still_redacted() -> None:
    """The turn after it changes nothing."""
    request = talk("My card is 4111 1111 1111 1111", "2 questions about it")
    private = search(request, DETECTORS, media=False)
    clean = redacted(request, private, DETECTORS, Conversations())
    assert clean is not None
    assert "4111" not in clean.request.messages[0].text
