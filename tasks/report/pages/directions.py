"""Names that are written from right to left, within text that is written from left to right."""

import re

LETTERS = (
    "[\N{HEBREW ACCENT ETNAHTA}-\N{ARABIC SMALL HIGH WAW}"
    "\N{HEBREW LETTER YOD WITH HIRIQ}-\ufdff\N{ARABIC FATHATAN ISOLATED FORM}-\ufefc"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
NAME = re.compile(rf"{LETTERS}+(?:[ '._-]+{LETTERS}+)*")
OPEN, CLOSE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


def isolated(text: str) -> str:
    """`text`, in which Hebrew, Arabic and the like move no number and no comma beside them to their other side.

    Characters do that, and not <bdi>, because attributes and Markdown have no elements.
    Source: https://www.unicode.org/reports/tr9/#Explicit_Directional_Isolates
    """
    return NAME.sub(rf"{OPEN}\g<0>{CLOSE}", text)
