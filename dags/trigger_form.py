"""The form in Airflow's UI that starts a run: typed parameters, their defaults taken from the configuration.

A field left empty keeps the profile's value. The names are those of `Parameters` in `tasks/settings/request.py`.
"""

from airflow.sdk import Param

from tasks.settings.addresses import MAX_ADDRESS
from tasks.settings.loading import Configuration
from tasks.settings.request import MAX_BUDGETS
from tasks.settings.training import MAX_REPLICATES
from tasks.settings.values import MAX_BUDGET, MAX_COUNT, MIN_BUDGET
from tasks.settings.workflow import REUSED_STAGES

MORE = "More"  # the section of what most runs leave alone; a field without a section is open from the start
BRIEF = 200  # characters of why something cannot be used


def trigger_form(config: Configuration) -> dict[str, Param]:
    """The form's fields, in the order in which they are shown."""
    return _usual(config) | _more()


def _usual(config: Configuration) -> dict[str, Param]:
    budgets = ", ".join(f"{dataset.title}: {dataset.budget:,}" for dataset in config.datasets.values())
    return {
        "profile": Param(
            config.orchestration.scheduled_profile,
            title="Profile",
            description="The size of the run. Every other field that is empty takes its value from here.",
            type="string",
            enum=list(config.profiles),
        ),
        "datasets": several(config, "datasets", "The datasets to compare on."),
        "families": several(config, "families", "The kinds of model to compare."),
        "budgets": Param(
            None,
            title="Parameter budgets",
            description="A list for every dataset of this run, as [30000, 120000]; several make the report draw the "
            f"frontier. Empty keeps each dataset's own ({budgets}).",
            type=["null", "array"],
            items={"type": "integer", "minimum": MIN_BUDGET, "maximum": MAX_BUDGET},
            maxItems=MAX_BUDGETS,
            uniqueItems=True,
        ),
    }


def _more() -> dict[str, Param]:
    return {
        "trials": _count("Trials", "Hyper-parameter sets tried for each family."),
        "epochs": _count("Epochs", "Passes over the training part for each final model."),
        "replicates": _count(
            "Replicates", "Trainings of the best configuration, each under its own seed.", MAX_REPLICATES
        ),
        "mirror": Param(
            None,
            section=MORE,
            title="Mirror",
            description="An http(s):// or s3:// address used in place of the official download sites. A folder, or a "
            "server of a private network, has to be in `allowed_addresses` of config/workflow.toml.",
            type=["null", "string"],
            maxLength=MAX_ADDRESS,
            pattern=r"^(https?://|s3://|file:///|/)[^\x00-\x1f\x7f]*$",
        ),
        "force": Param(
            None,
            section=MORE,
            title="Do again",
            description="Stages to do again in this run, although the store has their results. Empty reuses what the "
            "store has.",
            type=["null", "array", "boolean"],  # the first that is not null is what the form draws
            examples=list(REUSED_STAGES),
            items={"type": "string", "enum": list(REUSED_STAGES)},
            uniqueItems=True,
        ),
    }


def several(config: Configuration, kind: str, description: str) -> Param:
    """A choice among what the configuration has of a kind; the description says what cannot be used, and why."""
    names = list(getattr(config, kind))
    unusable = (f"{name} cannot be used: {_brief(reason)}" for name, reason in config.unusable.get(kind, {}).items())
    # `examples` draws the multi-select; only `items` refuses a name that is not among them.
    return Param(
        names,
        title=kind.capitalize(),
        description=" ".join([description, *unusable]),
        type="array",
        examples=names,
        items={"type": "string", "enum": names},
        minItems=min(1, len(names)),  # a scheduled DAG needs valid defaults; `plan` refuses a run of nothing
        uniqueItems=True,
    )


def _brief(reason: str) -> str:
    """The first of several errors; `plan` says them all to whoever asks for what has them."""
    first, *others = reason.splitlines()
    return f"{first[:BRIEF]} (and {len(others)} more)." if others else f"{first[:BRIEF]}."


def _count(title: str, description: str, maximum: int = MAX_COUNT) -> Param:
    return Param(
        None,
        section=MORE,
        title=title,
        description=description,
        type=["null", "integer"],
        minimum=1,
        maximum=maximum,
    )
