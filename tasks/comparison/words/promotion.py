"""What the gate says of a candidate: the decision and its reasons, then what a reader must know of them."""

from collections.abc import Sequence
from typing import NamedTuple

from tasks.comparison.schema.differences import ClassDifference
from tasks.comparison.schema.promotion import PASSED, POINT, REFUSED, Findings, Floor, Hurdle, Lead
from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.words.verdict import ONE_SEED
from tasks.comparison.words.wording import (
    confidence,
    count,
    enumeration,
    percent,
    plural,
    points,
    quoted,
    some,
    the_family,
    times,
)
from tasks.settings.promotion import Promotion

RULED_OUT = {True: "ruled out", False: "not ruled out"}
UNDECIDED = {"better": "is not significantly better than", "not_worse": "does not differ significantly from"}
WORK = {"prediction": "a prediction", "training": "a training"}


class Words(NamedTuple):
    """What the sentence says beside the numbers.

    Attributes:
        fewest_seeds: of a side that was compared.
        candidate: as `title` names it; champion: the same, also where it cannot answer; None where there is none.
        absent: why the champion cannot answer: "its images were 28 x 28 x 1, and are 32 x 32 x 3 now".
        is_sample: whether the test part is that of a run with a sample of the images.
        is_elsewhere: whether the champion's report was made on another kind of machine than the candidate's.
    """

    fewest_seeds: int
    candidate: str
    champion: str | None = None
    absent: str | None = None
    is_sample: bool = False
    is_elsewhere: bool = False


def title(family: str, run: str) -> str:
    """A family's models of one run: "the CNN of run full-2"."""
    return f"{the_family(family)} of run {run}"


def sentence(findings: Findings, words: Words) -> str:
    """The decision with its reasons in one sentence, and a sentence for each thing that a reader must know."""
    notes = [
        _no_champion(words) if findings.floor else "",
        _unknown_cost(findings.rules) if findings.lead and findings.cost_ratio is None else "",
        _other_machine(findings.rules) if findings.cost_ratio is not None and words.is_elsewhere else "",
        ONE_SEED if words.fewest_seeds == 1 and "seeds" not in findings.hurdles else "",
        f"This was measured on a sample of {count(findings.examples)} test images." if words.is_sample else "",
        _looks(findings.looks) if findings.looks > 1 else "",
    ]
    return " ".join([f"{_decision(findings, words)}.", *filter(None, notes)])


def _decision(findings: Findings, words: Words) -> str:
    opening = REFUSED if findings.hurdles else PASSED
    if findings.lead is None:
        return f"{opening}{_against_floor(findings, findings.floor or Floor(majority=0.0), words)}"
    compared = _compared(findings.lead, findings, words)
    others = [_reason(hurdle, findings) for hurdle in findings.hurdles if hurdle != "lead"]
    if "lead" in findings.hurdles:
        return f"{opening}{'; '.join([compared, *others])}"
    return f"{opening}{'; '.join(others)}, although {compared}" if others else f"{opening}{compared}"


def _against_floor(findings: Findings, floor: Floor, words: Words) -> str:
    """The candidate beside what needs no training; where it is refused, beside what it does not clearly exceed."""
    lines = {"always answering the largest class": floor.majority, "the nearest centroid": floor.nearest_centroid}
    known = {name: share for name, share in lines.items() if share is not None}
    if findings.hurdles:
        known = {name: share for name, share in known.items() if findings.interval.low <= share}
    named = enumeration([f"{name} ({percent(share)})" for name, share in known.items()])
    low, high = (percent(bound) for bound in (findings.interval.low, findings.interval.high))
    reached = f"an accuracy of {percent(findings.accuracy)} ({confidence(ALPHA)} interval {low} to {high})"
    more = "not significantly more than" if findings.hurdles else "significantly more than"
    return f"{words.candidate} reaches {reached}, {more} {named}"


def _compared(lead: Lead, findings: Findings, words: Words) -> str:
    """The candidate beside the champion, and what the rule makes of it."""
    is_short, is_ahead = "lead" in findings.hurdles, lead.low > 0
    margin = f"{points(POINT * findings.rules.margin)} points"
    compared = _beside(lead, words, UNDECIDED[findings.rules.rule])
    if findings.rules.rule == "better":
        wanted = f", but the rules ask for significantly more than {margin}" if is_short and is_ahead else ""
        return f"{compared}{wanted}"
    return compared if is_ahead else f"{compared}: a loss of more than {margin} is {RULED_OUT[not is_short]}"


def _beside(lead: Lead, words: Words, undecided: str) -> str:
    champion = f"the champion, {words.champion}"
    if lead.low <= 0 <= lead.high:
        return f"{words.candidate} {undecided} {champion} ({_difference(lead)})"
    low, high = (points(bound) for bound in sorted((abs(lead.low), abs(lead.high))))
    size = f"{points(abs(lead.estimate))} points ({confidence(ALPHA)} interval {low} to {high})"
    return f"{words.candidate} is {'better' if lead.low > 0 else 'worse'} than {champion}, by {size}"


def _difference(lead: Lead) -> str:
    sign = "+" if lead.estimate > 0 else ""
    interval = f"{confidence(ALPHA)} interval {points(lead.low)} to {points(lead.high)}"
    return f"{sign}{points(lead.estimate)} points, {interval}"


def _reason(hurdle: Hurdle, findings: Findings) -> str:
    """Why a candidate is refused beside its accuracy."""
    if hurdle == "seeds":
        return "candidate and champion have one seed each, so nobody knows how much another training would differ"
    return _dear(findings) if hurdle == "cost" else _lost(findings.lost_classes, findings.rules)


def _lost(lost: Sequence[ClassDifference], rules: Promotion) -> str:
    allowed = f"the {points(POINT * (rules.max_class_drop or 0.0))} points that the rules allow"
    if len(lost) > 1:
        named = some([f"{quoted(each.name)} {points(-each.estimate)}" for each in lost])
        return f"{plural(len(lost), 'class')} lose significantly more recall than {allowed}: {named}"
    only = lost[0]
    interval = f"simultaneous {confidence(ALPHA)} interval {points(-only.high)} to {points(-only.low)}"
    loss = f"class {quoted(only.name)} loses {points(-only.estimate)} points of recall ({interval})"
    return f"{loss}, significantly more than {allowed}"


def _dear(findings: Findings) -> str:
    taken, allowed = (times(ratio or 0.0) for ratio in (findings.cost_ratio, findings.rules.max_cost_ratio))
    work = WORK[findings.rules.cost]
    return f"{work} takes {taken} times as long as with the champion, and the rules allow {allowed} times"


def _looks(number: int) -> str:
    return f"{count(number)} candidates were judged on this test part so far, this one included."


def _no_champion(words: Words) -> str:
    if words.champion is None:
        return "There is no champion yet."
    return (
        f"The champion, {words.champion}, cannot classify the present test images: {words.absent}. "
        "So the candidate is judged like a first one."
    )


def _unknown_cost(rules: Promotion) -> str:
    if rules.max_cost_ratio is None:
        return ""
    return f"The time of {WORK[rules.cost]} is not known for both models, so it was not compared."


def _other_machine(rules: Promotion) -> str:
    if rules.max_cost_ratio is None:
        return ""
    return "The two reports were made on different kinds of machines, so their times may not be comparable."
