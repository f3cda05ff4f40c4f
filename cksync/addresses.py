"""Email addresses: which spellings the API may treat as equal. The same rule in Python and in SQL.

The API ignores the case of ASCII letters. It is undocumented whether it also ignores the case of other letters, or
treats composed and decomposed accents as equal. Here all of these are equal: an unnecessary lookup is better than
mistaking one person for another, and the final decision rests on ids. Rules that depend on position or language are
left out: a final sigma is a sigma, and the Turkish dotted capital I is an i.
"""

import unicodedata

_DOTTED, _DOT, _SIGMA, _FINAL_SIGMA = "\u0130", "\u0307", "\u03c3", "\u03c2"


def folded(address: str) -> str:
    """The form shared by all equal spellings of an address."""
    text = address.strip(" ")
    if text.isascii():
        return text.lower()
    composed = unicodedata.normalize("NFC", text)
    # Letter by letter: str.lower() of a whole word depends on the neighbours of a sigma, in SQL it does not.
    lower = "".join("i" if letter == _DOTTED else letter.lower() for letter in composed)
    return unicodedata.normalize("NFC", lower).replace(f"i{_DOT}", "i").replace(_FINAL_SIGMA, _SIGMA)


def folded_sql(expression: str) -> str:
    """The same for an SQL expression, in DuckDB."""
    lower = f"nfc_normalize(lower(nfc_normalize(trim({expression}, ' '))))"
    return f"replace(replace({lower}, 'i' || chr({ord(_DOT)}), 'i'), '{_FINAL_SIGMA}', '{_SIGMA}')"
