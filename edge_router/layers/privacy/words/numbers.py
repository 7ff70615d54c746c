"""Numbers in words, as people say a phone number, by language: as they are counted, then others."""

from __future__ import annotations

__all__ = ["SPOKEN"]

SPOKEN: dict[str, str] = {
    "en": (
        r"zero oh o nought one two three four five six seven eight nine ten eleven"
        r" twelve \w{3,5}teen (?:twen|thir|for|fif|six|seven|eigh|nine)ty double triple"
    ),
    "de": (
        r"null eins? zwei zwo drei vier fünf sechs sieben acht neun zehn elf zwölf"
        r" \w{3,5}zehn \w{0,11}(?:zwan|vier|fünf|sech|sieb|acht|neun)zig \w{0,11}dreißig"
        r" doppel\w{3,6}"
    ),
    "fr": (
        r"zéro une? deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze"
        r" quinze seize vingts? trente quarante cinquante soixante et double"
    ),
    "es": (
        r"cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce"
        r" quince dieci\w{3,5} veinte veinti\w{3,6} treinta cuarenta cincuenta sesenta setenta"
        r" ochenta noventa y doble"
    ),
    "pt": (
        r"zero uma? dois duas três quatro cinco seis meia sete oito nove dez onze doze treze"
        r" quatorze catorze quinze deze\w{4,5} vinte trinta quarenta cinquenta sessenta setenta"
        r" oitenta noventa e"
    ),
    "it": (
        r"zero uno due tre quattro cinque sei sette otto nove dieci undici dodici"
        r" \w{3,7}dici venti\w{0,7} trenta\w{0,7} quaranta\w{0,7} cinquanta\w{0,7} sessanta\w{0,7}"
        r" settanta\w{0,7} ottanta\w{0,7} novanta\w{0,7} doppio"
    ),
    "nl": (
        r"nul een één twee drie vier vijf zes zeven acht negen tien elf twaalf \w{3,5}tien"
        r" \w{0,9}tig dubbel"
    ),
    "sv": "noll nolla ett två tre fyra fem sex sju åtta nio tio dubbel",
    "pl": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć",
    "ru": "ноль нуль один два три четыре пять шесть семь восемь девять",
    "tr": "sıfır bir iki üç dört beş altı yedi sekiz dokuz",
}
