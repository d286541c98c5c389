"""Names where there is little room: in figures, beside pictures, and around a matrix."""

from collections.abc import Mapping, Sequence

ROOM = 20  # characters beside an axis
CUT = "\N{HORIZONTAL ELLIPSIS}"


def labels(names: Sequence[str], room: int = ROOM) -> list[str]:
    """Each of the `names` in at most `room` characters; different names stay different. The tables have them whole.

    A long name loses its middle, because names often begin alike. Where that makes two alike, all get their number.
    """
    cut = [_cut(name, room) for name in names]
    if len({*cut}) == len({*names}):
        return cut
    numbers = {name: f"{number} " for number, name in enumerate(dict.fromkeys(names), 1)}
    return [numbers[name] + _cut(name, room - len(numbers[name])) for name in names]


def short_names(names: Sequence[str]) -> Mapping[str, str]:
    """The label of each of the `names`."""
    return dict(zip(names, labels(names), strict=True))


def _cut(name: str, room: int) -> str:
    if len(name) <= room:
        return name
    tail = (room - len(CUT)) // 2
    return f"{name[: room - len(CUT) - tail]}{CUT}{name[len(name) - tail :]}"
