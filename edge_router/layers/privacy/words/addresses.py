"""How people say "@" and "." of a mail address, by language."""

from __future__ import annotations

__all__ = ["AT", "DOT"]

AT: dict[str, str] = {
    "en": "at", "es": "arroba", "fr": r"arobase arrobe", "de": "klammeraffe", "it": "chiocciola",
    "nl": "apenstaartje", "sv": r"snabel-a snabela", "no": r"krøllalfa alfakrøll", "pl": "małpa",
    "ru": "собака", "cs": "zavináč", "hu": "kukac", "fi": "miukumauku",
    "ja": "アットマーク アット", "ko": "골뱅이",
}  # fmt: skip
DOT: dict[str, str] = {
    "en": "dot", "es": "punto", "pt": "ponto", "fr": "point", "de": "punkt", "nl": "punt",
    "sv": "prick", "da": "prik", "pl": "kropka", "ru": "точка", "cs": "tečka", "hu": "pont",
    "fi": "piste", "tr": "nokta", "ja": "ドット", "ko": r"닷 점",
}  # fmt: skip
