"""What a model must show before it becomes the champion of its dataset."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from tasks.settings.values import Frozen, Number

Points = Annotated[Number, Field(ge=0, le=100)]


class Promotion(Frozen):
    """The rule of the gate between a candidate and the champion of its dataset.

    Attributes:
        rule: the whole interval of the candidate's accuracy minus the champion's lies above `margin` ("better"), or
            above minus `margin` ("not_worse").
        margin: percentage points.
        max_cost_ratio: the candidate may cost so many times what the champion does; None: it may cost anything.
        cost: what is compared: the time of a prediction, or that of a training.
        max_class_drop: no class may lose more than so many percentage points of recall, noise considered; None: any.
        approval: who decides where the gate lets a candidate pass: a person, nobody ("automatic"), or the gate alone
            reports and nothing is promoted ("never"). The first model of a dataset replaces none, and is not asked for.
        patience_hours: how long an approval is waited for; then the candidate is not promoted.
    """

    rule: Literal["better", "not_worse"] = "better"
    margin: Points = 0.0
    max_cost_ratio: Annotated[Number, Field(gt=0, le=1_000_000)] | None = None
    cost: Literal["prediction", "training"] = "prediction"
    max_class_drop: Points | None = 5.0
    approval: Literal["human", "automatic", "never"] = "human"
    patience_hours: Annotated[Number, Field(gt=0, le=8760)] = 72.0

    @property
    def gate(self) -> tuple[object, ...]:
        """What decides whether a candidate passes; the approval comes after that."""
        return self.rule, self.margin, self.max_cost_ratio, self.cost, self.max_class_drop

    @property
    def patience(self) -> timedelta:
        """How long an approval is waited for."""
        return timedelta(hours=self.patience_hours)
