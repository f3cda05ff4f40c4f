"""E-mail addresses: when two are one to the API. The same in Python and in SQL.

Surely it ignores the case of ASCII letters; of all others nobody says, nor of accents that are written as one
letter or as two. So here they are one: rather somebody is asked for once too often than taken for somebody else,
and what is really done is told by ids. Left out is what depends on the place in a word or on a language: a final
sigma is a sigma, and the Turkish dotted capital is an i.
"""

import unicodedata

_DOTTED, _DOT, _SIGMA, _FINAL_SIGMA = "\u0130", "\u0307", "\u03c3", "\u03c2"


def folded(address: str) -> str:
    """What is the same for all spellings of an address."""
    text = address.strip(" ")
    if text.isascii():
        return text.lower()
    composed = unicodedata.normalize("NFC", text)
    # Letter by letter: str.lower() of a whole word looks at the neighbours of a sigma, SQL does not.
    lower = "".join("i" if letter == _DOTTED else letter.lower() for letter in composed)
    return unicodedata.normalize("NFC", lower).replace(f"i{_DOT}", "i").replace(_FINAL_SIGMA, _SIGMA)


def folded_sql(expression: str) -> str:
    """The same of an SQL expression, for DuckDB."""
    lower = f"nfc_normalize(lower(nfc_normalize(trim({expression}, ' '))))"
    return f"replace(replace({lower}, 'i' || chr({ord(_DOT)}), 'i'), '{_FINAL_SIGMA}', '{_SIGMA}')"
