"""How a text runs: what stays on one line, and names that are written from right to left within it."""

import re

from tasks.comparison.words.wording import MINUS

NO_BREAK = "\N{NO-BREAK SPACE}"
UNITS = r"%|points?|seeds?|s|min|h|[mµ]s|[kMG]B|J|Wh"
# A space after a number and before its unit; after a sign; between the parts of a duration.
GAP = re.compile(
    rf"(?<=\d) (?=(?:{UNITS})(?!\w))|(?<=[=<>±]) (?=[\d{MINUS}])|(?<=\bp) (?=[=<])|(?<=\d h) (?=\d)|(?<=\d min) (?=\d)"
)
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


def unbroken(value: object) -> object:
    """A text in which no line ends between a number and its unit, or between a sign and its number.

    Names that are written from right to left are `isolated`. What is no text stays as it is.
    """
    return isolated(GAP.sub(NO_BREAK, value)) if type(value) is str else value
