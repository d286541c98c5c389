"""What a model takes for what, and which mistakes of one family another one does not make, in words."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.models import Cells, Model
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.wording import count, percent, quoted, starting, the_family

PAIRS = 3  # of each family
LEAST = 5  # mistakes of a pair, over all seeds: fewer are told of no pair


class _Pair(NamedTuple):
    """Two classes that are confused: `there`, `back` and `total` are answers of all seeds."""

    first: int
    second: int
    there: int
    back: int

    @property
    def total(self) -> int:
        """Both ways."""
        return self.there + self.back


def confusions_in_words(dataset: DatasetComparison) -> list[str]:
    """Sentences on the pairs of classes that each family confuses most, and on the mistakes that one mends."""
    done = [model for model in dataset.models if model.status == "done"]
    said = [sentence for model in done for sentence in _of_model(model, dataset.classes)]
    return said + [mended for each in dataset.differences if (mended := mended_in_words(each))]


def _of_model(model: Model, names: Sequence[str]) -> list[str]:
    family, pairs = the_family(model.family), _pairs(model.confusion)
    mistakes = sum(pair.total for pair in pairs)
    if not mistakes:
        return [starting(f"{family} makes no mistake on the test part.")]
    told = [pair for pair in pairs if pair.total >= LEAST][:PAIRS]
    if not told:
        most = f"{pairs[0].total} times" if pairs[0].total > 1 else "once"
        return [starting(f"{family} confuses no two classes more than {most}, over all seeds.")]
    support = _support(model.confusion)
    return [starting(f"{family} {_pair(pair, names, support, mistakes)}") for pair in told]


def _pairs(cells: Cells) -> list[_Pair]:
    """The pairs of classes that are confused, the most mistakes first. The first class of each has more of them."""
    numbers = {(true, predicted): number for true, predicted, number in cells if true != predicted}
    pairs = set()
    for (true, predicted), there in numbers.items():
        back = numbers.get((predicted, true), 0)
        if there > back or (there == back and true < predicted):
            pairs.add(_Pair(true, predicted, there, back))
    return sorted(pairs, key=lambda pair: (-pair.total, pair.first, pair.second))


def _support(cells: Cells) -> Counter[int]:
    """The answers of all seeds by the true class."""
    totals: Counter[int] = Counter()
    for true, _, number in cells:
        totals[true] += number
    return totals


def _pair(pair: _Pair, names: Sequence[str], support: Counter[int], mistakes: int) -> str:
    first, second = quoted(names[pair.first]), quoted(names[pair.second])
    there = f"takes {first} for {second} in {percent(pair.there / support[pair.first])} of cases"
    whole = "all" if pair.total == mistakes else percent(pair.total / mistakes, 0 if 10 * pair.total > mistakes else 1)
    share = f"confusing these two makes up {whole} of its mistakes"
    if not support[pair.second]:  # no test example of it
        return f"{there}: that makes up {whole} of its mistakes."
    if not pair.back:
        return f"{there}, and never the other way round: {share}."
    return f"{there}, and the other way round in {percent(pair.back / support[pair.second])}: {share}."


def mended_in_words(difference: Difference) -> str:
    """How many mistakes of the reference the family does not make, and how many it adds; empty without mistakes."""
    seeds = len(difference.seeds)
    mistakes = round(sum(test.both_wrong + test.only_family for test in difference.seeds) / seeds)
    mended = round(sum(test.only_family for test in difference.seeds) / seeds)
    added = round(sum(test.only_reference for test in difference.seeds) / seeds)
    if not mistakes:
        return ""
    reference, family = the_family(difference.reference), the_family(difference.family)
    per_seed = " per seed" if seeds > 1 else ""
    return (
        f"Of the {count(mistakes)} mistakes that {reference} makes{per_seed}, {family} gets {count(mended)} right; "
        f"{count(mistakes - mended)} stay, and {count(added)} are new."
    )
