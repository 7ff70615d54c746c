"""Kinds of private data that a text may hold, with their words."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["PrivateKind"]


class PrivateKind(StrEnum):
    """What a detector looks for, and what a reason names; never the data itself."""

    EMAIL = "email"
    PHONE = "phone"
    IBAN = "iban"
    CARD = "card"
    NATIONAL_ID = "national_id"
    SECRET = "secret"  # noqa: S105 - a kind, no password
    NETWORK = "network"
    PATH = "path"
    NAME = "name"
    MARKED = "marked"
    PATTERN = "pattern"
    MEDIA = "media"

    @property
    def words(self) -> str:
        """As a sentence names it: "an e-mail address"."""
        return WORDS[self]


WORDS = {
    PrivateKind.EMAIL: "an e-mail address",
    PrivateKind.PHONE: "a phone number",
    PrivateKind.IBAN: "a bank account",
    PrivateKind.CARD: "a card number",
    PrivateKind.NATIONAL_ID: "a national id",
    PrivateKind.SECRET: "a key or a password",
    PrivateKind.NETWORK: "an address of a private network",
    PrivateKind.PATH: "a user's home folder",
    PrivateKind.NAME: "a person's name",
    PrivateKind.MARKED: "a text that is marked as confidential",
    PrivateKind.PATTERN: "a text of the user's own patterns",
    PrivateKind.MEDIA: "an image, a sound or a file, which is not searched",
}
