"""How the report writes numbers and names, in its sentences, tables and figures."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from tasks.comparison.statistics.level import ALPHA

UNKNOWN, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
ABBREVIATION = 4  # letters that a family's name has at most, to be one
MORE_DIGITS = 4  # of a number that would read as another one
ROUND = 0.9995  # and more is 1 with three digits
NAMED = 5  # things that are named before the others are counted


def percent(fraction: float | None, digits: int = 1) -> str:
    """0.9134 as "91.3 %"."""
    return UNKNOWN if fraction is None else f"{_signed(100 * fraction, digits)} %"


def confidence(level: float) -> str:
    """The confidence of an interval whose test has this level: 0.05 as "95 %", 0.0106 as "98.9 %"."""
    return f"{100 * (1 - level):.3g} %"


def points(difference: float, digits: int = 1) -> str:
    """A difference of two fractions in percentage points: 0.2134 as "21.3".

    A small one has more digits, 0.00021 as "0.02", so that what is not zero does not read as zero.
    """
    shown = (_signed(100 * difference, each) for each in range(digits, digits + MORE_DIGITS))
    return next((text for text in shown if float(text.replace(MINUS, "-"))), _signed(0.0, digits))


def fixed(number: float | None, digits: int = 3) -> str:
    """A number with `digits` digits after the point."""
    return UNKNOWN if number is None else _signed(number, digits)


def significant(number: float | None, digits: int = 3) -> str:
    """A number with `digits` significant digits, and with no power of ten: 0.0000213, 41.2, 1,230."""
    return UNKNOWN if number is None else f"{Decimal(f'{number:.{digits}g}'):,f}".replace("-", MINUS)


def count(number: int | None) -> str:
    """250000 as "250,000"."""
    return UNKNOWN if number is None else f"{number:,}"


def p_value(p: float) -> str:
    """ "p = 0.021", or "p < 0.001". One just below the level has more digits, so that it does not read as the level."""
    if p < 0.001:
        return "p < 0.001"
    shown = (f"{p:.{digits}f}" for digits in range(3, 3 + MORE_DIGITS))
    return next((f"p = {text}" for text in shown if (float(text) < ALPHA) == (p < ALPHA)), f"p < {ALPHA}")


def duration(seconds: float | None) -> str:
    """Seconds as "0.42 s", "9.3 s", "2 min 05 s" or "1 h 04 min"."""
    if seconds is None:
        return UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def rounded(seconds: float) -> str:
    """A duration as people say it: "10 s", "2 min", "1 h 20 min"; never less than 5 s, as something is left."""
    if seconds < 57.5:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {10 * (minutes % 60 // 10)} min"


def ratio(number: float) -> str:
    """6.234 as "6.2", 41.7 as "42"."""
    return f"{number:.1f}" if number < 9.95 else f"{number:,.0f}"


def times(number: float) -> str:
    """How many times as much: 2.94 as "2.9", 0.0421 as "0.042"."""
    return ratio(number) if number >= 1 else significant(number, 2)


def size(number: float | None) -> str:
    """Bytes as "1.04 MB" or "1.31 GB"."""
    if number is None:
        return UNKNOWN
    return f"{number / 1e6:.2f} MB" if number < 999.995e6 else f"{number / 1e9:.2f} GB"


def moment(seconds: float | None) -> str:
    """A short time as "41.2 µs" or "2.4 ms"; a longer one as any duration."""
    if seconds is None or seconds >= ROUND:
        return duration(seconds)
    return f"{significant(1e6 * seconds)} µs" if seconds < ROUND * 1e-3 else f"{significant(1e3 * seconds)} ms"


def operations(number: float | None) -> str:
    """Floating-point operations as "507 thousand", "26.4 million" or "1.2 billion"."""
    for limit, word in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if number is not None and number >= ROUND * limit:
            return f"{significant(number / limit)} {word}"
    return UNKNOWN if number is None else f"{number:.0f}"


def energy(joules: float | None) -> str:
    """Joules as "640 J" or "38.1 kJ"."""
    if joules is None:
        return UNKNOWN
    return f"{significant(joules)} J" if joules < 999.5 else f"{joules / 1e3:,.1f} kJ"


def money(amount: float | None, currency: str) -> str:
    """A price as "0.00213 USD" or "12.40 USD"."""
    if amount is None:
        return UNKNOWN
    return f"{significant(amount)} {currency}" if amount < ROUND else f"{amount:,.2f} {currency}"


def sample_notice(examples: int | None) -> str | None:
    """What a report of a sample says before anything else; nothing where all images were used."""
    if examples is None:
        return None
    return f"A sample of at most {count(examples)} images of each part was used: this is a smoke test, not a result."


def family_title(family: str) -> str:
    """A family's name in a table or a figure. Short names are abbreviations: "ann" as "ANN"; "mixer_net" stays."""
    return family.upper() if len(family) <= ABBREVIATION else family


def the_family(family: str) -> str:
    """A family in a sentence: "the ANN", but "mixer_net", because a whole name takes no article."""
    return f"the {family_title(family)}" if len(family) <= ABBREVIATION else family


def starting(sentence: str) -> str:
    """A sentence with a capital letter, unless it starts with a name."""
    return f"The {sentence.removeprefix('the ')}" if sentence.startswith("the ") else sentence


def enumeration(parts: list[str]) -> str:
    """ "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def some(names: Sequence[str]) -> str:
    """The first of many `names`, and how many more there are."""
    more = len(names) - NAMED
    return enumeration([*names[:NAMED], f"{count(more)} more"] if more > 0 else list(names))


def ranges(numbers: Sequence[int]) -> str:
    """Rising whole numbers in few words: "0 to 2 and 5"."""
    stretches: list[list[int]] = []
    for number in sorted(numbers):
        if stretches and number == stretches[-1][-1] + 1:
            stretches[-1].append(number)
        else:
            stretches.append([number])
    return enumeration([f"{s[0]} to {s[-1]}" if len(s) > 2 else enumeration([str(n) for n in s]) for s in stretches])


def quoted(name: str) -> str:
    """A name that a person chose, in quotation marks."""
    return f"\N{LEFT DOUBLE QUOTATION MARK}{name}\N{RIGHT DOUBLE QUOTATION MARK}"


def concluded(conclusion: str) -> str:
    """A conclusion as people read it: who is equal is equal in practice."""
    return conclusion.replace("equal", "practically equal")


def plural(number: int, noun: str) -> str:
    """ "1 seed", "3 seeds", "3 classes"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}"


def _signed(number: float, digits: int) -> str:
    """The number with a real minus sign, and without a sign when it rounds to zero."""
    text = f"{number:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", MINUS)


def tricks(settings: Mapping[str, bool | int | float | str]) -> str:
    """The tricks of a training that are on: "muon, whitening and averaging 0.99"."""
    active = {name.replace("_", " "): value for name, value in settings.items() if name != "optimizer" and value}
    words = [name if value is True else f"{name} {value}" for name, value in active.items()]
    return enumeration([str(settings["optimizer"]), *words])
