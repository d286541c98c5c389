"""What changed since another run, in one sentence: first what was done differently, then what that did."""

from calendar import month_name
from collections.abc import Sequence

from tasks.comparison.schema.since import Change, Shift
from tasks.comparison.words.wording import enumeration, family_title, percent, plural, points

NAMED = 4  # things that the sentence names before it counts the others
ALIKE = 2  # results that are told one by one, although they say the same
SAME, WITHIN, UNTOLD = "the same models", "within the noise", "one seed cannot tell"
UNTESTED = {
    "same models": SAME,
    "other classes": "not compared, as the classes are others",
}


def day(moment: str, beside: str = "") -> str:
    """A moment in ISO 8601 as "2 November 2026"; without the year where the moment `beside` it is of the same year."""
    year, month, number = moment[:10].split("-")
    return f"{int(number)} {month_name[int(month)]}" + ("" if beside.startswith(year) else f" {year}")


def since_line(run: str, created: str, now: str, changes: Sequence[Change], shifts: Sequence[Shift]) -> str:
    """The sentence about a report made `now`, and the one of `run` before it."""
    said = [change.phrase for change in changes[:NAMED]]
    if (more := len(changes) - NAMED) > 0:
        said.append(plural(more, "more change"))
    parts = [enumeration(said) if said else "nothing was changed", *results(shifts)]
    return f"Since run {run} of {day(created, now)}: {'; '.join(parts)}."


def results(shifts: Sequence[Shift]) -> list[str]:
    """The shifts in words: what exceeds the noise, and what was lost or won, one by one; many that are alike in one."""
    groups: dict[str, list[Shift]] = {"": [], WITHIN: [], UNTOLD: []}
    for shift in shifts:
        is_alone = shift.exceeds_noise or shift.relation == "no result"
        groups.setdefault("" if is_alone else outcome(shift), []).append(shift)
    if shifts and len(groups.get(SAME, ())) == len(shifts):
        return ["every model is the same"]
    said = [placed(shift) for shift in groups.pop("")]
    for conclusion, alike in sorted(groups.items(), key=lambda group: group[0] == SAME):
        few = len(alike) <= ALIKE and conclusion != SAME
        said += [placed(shift) for shift in alike] if few else [_together(alike, conclusion)]
    return said


def placed(shift: Shift) -> str:
    """ "CNN on CIFAR-10 84.6 % after 84.1 %: within the noise"."""
    start = f"{family_title(shift.family)} on {shift.title}"
    if shift.relation == "no result":
        return f"{start} {outcome(shift)}"
    return f"{start} {percent(shift.after)} after {percent(shift.before)}: {outcome(shift)}"


def outcome(shift: Shift) -> str:
    """What the difference is worth, in words."""
    if shift.relation == "no result":
        return _without(shift)
    if shift.relation == "same training":
        return _grown(shift)
    if shift.relation in UNTESTED:
        return UNTESTED[shift.relation]
    if not shift.exceeds_noise:
        return UNTOLD if shift.exceeds_noise is None else WITHIN
    gain = shift.estimate or 0.0
    return f"{'better' if gain > 0 else 'worse'} by {points(abs(gain))} points"


def _grown(shift: Shift) -> str:
    more = shift.seeds - shift.seeds_before
    if not more:
        return "the same training under other seeds"
    return f"the same training under {plural(abs(more), 'more seed' if more > 0 else 'fewer seed')}"


def _without(shift: Shift) -> str:
    if shift.after is None:
        return "has no result" + (", as before" if shift.before is None else f" after {percent(shift.before)}")
    return f"reaches {percent(shift.after)}, and had no result before"


def _together(shifts: Sequence[Shift], conclusion: str) -> str:
    """Several results that are alike: "ANN and CNN on CIFAR-10 and CNN on Shapes: within the noise"."""
    by_dataset: dict[str, list[str]] = {}
    for shift in shifts:
        by_dataset.setdefault(shift.title, []).append(family_title(shift.family))
    named = [f"{enumeration(list(dict.fromkeys(families)))} on {title}" for title, families in by_dataset.items()]
    if len(named) > NAMED:
        named = [f"all {plural(len(shifts), 'result')} of {plural(len(named), 'dataset')}"]
    return f"{enumeration(named)}: {conclusion}"
