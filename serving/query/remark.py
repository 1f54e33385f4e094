"""What the language model may say in words of its own, of a picture: nothing that could be taken for a figure."""

import re
from typing import Final

from serving.query.numerals import numerals_in, plain

_LINK: Final = re.compile(r"(?:https?|ftp|data|javascript|file):|www\.|!?\[[^\]]*\]\(|<[a-z/!]", re.IGNORECASE)
_AMOUNT: Final = re.compile(
    r"\b(?:none|nothing|never|without any|all|every|most|many|few|several|fewer|majority|more|less)\b"
    r"|(?<![\w-])no (?!one\b)\w+",
    re.IGNORECASE,
)


def unfounded(remark: str) -> list[str]:
    """What in it could be taken for a figure, or leads elsewhere, in its own words; empty if nothing does."""
    text = plain(remark)
    found = [numeral.text for numeral in numerals_in(text)]
    return found + [match[0] for pattern in (_LINK, _AMOUNT) for match in pattern.finditer(text)]
