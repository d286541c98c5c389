"""What the store keeps of a dataset's champions: entries of the ledger, decisions, and the answers to them.

Every document is written once. `champions/DATASET/NNNN.json` is an entry, and the highest number is the present
champion. `champions/DATASET/decisions/ASKED.json` is what the gate decided when the run ASKED of `promote_champion`, or
a person, asked it. `champions/DATASET/decisions/ASKED.answer.json` is what became of it.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tasks.comparison.schema.promotion import Judgement
from tasks.comparison.schema.values import Count
from tasks.settings.values import Frozen, Name


def _in_utc(text: str) -> str:
    if datetime.fromisoformat(text).utcoffset() != timedelta(0):
        raise ValueError("expected a moment in UTC")
    return text


Moment = Annotated[str, AfterValidator(_in_utc)]  # ISO 8601
Outcome = Literal["promoted", "rejected", "unanswered", "superseded", "overtaken"]
Needed = Literal["human", "automatic", "never"]


class NamedModel(Frozen):
    """A family's models of one run, all that is needed to find them in the store.

    Attributes:
        run: the run whose report has its result.
        budget: its parameters, as asked for.
        version: that of the data that it learned from; null where its sources are pinned.
        test_part: a digest of the test part that its run measured it on.
        seeds: of all its replicates.
        replicate: the seed of the one that `predict` uses: the best on the validation part, the earlier one of equals.
        artifacts: keys by stage, and by seed where there is one for each: `normalize`, `evaluate`, `train/seed-0`.
    """

    run: str
    dataset: Name
    family: Name
    budget: Count
    version: str | None = None
    test_part: str
    seeds: tuple[int, ...]
    replicate: int
    artifacts: dict[str, str]


class Entry(Frozen):
    """One entry of a dataset's ledger.

    Attributes:
        number: from 1; the highest is the present champion.
        export: the key of the artifact with the exported model and its card; null where none could be made.
        restores: the number of the entry that a rollback brings back.
        decision: the name ASKED of the decision that led to it; null for a rollback.
        who: the person's name in Airflow, or on this machine; `automatic` where nobody was asked.
    """

    number: Count
    kind: Literal["promotion", "rollback"]
    model: NamedModel
    export: str | None = None
    restores: Count | None = None
    decision: str | None = None
    who: str
    when: Moment
    why: str


class Decision(Frozen):
    """What the gate decided.

    Attributes:
        asked: its name: the run of `promote_champion` made safe for keys, or a name that begins with `by-hand-`.
        test_part: a digest of the test part that it was decided on: the present one at that moment.
        champion: the number of the entry that the candidate was compared with; null where there was none.
        predictions: keys of predictions on the present test part, where a model had to be measured again, by
            `candidate` and `champion`.
        code: a digest of the code that judged, which may word the same judgement otherwise in another release.
        approval: what is still needed where the candidate passed: a person's answer, nothing, or more than there can
            be, as the rules never promote.
    """

    asked: str
    test_part: str
    candidate: NamedModel
    champion: Count | None = None
    predictions: dict[str, str] = Field(default_factory=dict)
    judgement: Judgement
    code: str
    approval: Needed
    when: Moment

    @property
    def number(self) -> int:
        """The number of the entry that its candidate may get: the one after the champion's."""
        return (self.champion or 0) + 1


class Answer(Frozen):
    """What became of a candidate that passed: promoted as the entry `number`, or why it was not."""

    asked: str
    answer: Outcome
    number: Count | None = None
    who: str | None = None
    when: Moment
    sentence: str
