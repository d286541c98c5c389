"""The form in Airflow's UI that starts a run: typed parameters, their defaults taken from the configuration.

A field left empty keeps the profile's value. The names are those of `Parameters` in `tasks/settings/request.py`.
"""

from typing import Any

from airflow.sdk import Param

from tasks.settings.addresses import MAX_ADDRESS
from tasks.settings.loading import Configuration
from tasks.settings.request import MAX_BUDGETS
from tasks.settings.training import MAX_REPLICATES
from tasks.settings.values import MAX_BUDGET, MAX_COUNT, MIN_BUDGET
from tasks.settings.workflow import REUSED_STAGES

COUNT_FIELD = {"type": ["null", "integer"], "minimum": 1, "maximum": MAX_COUNT}


def trigger_form(config: Configuration) -> dict[str, Param]:
    """The form's fields, in the order in which they are shown."""
    return _data(config) | _search(config) | _training() | _run()


def _data(config: Configuration) -> dict[str, Param]:
    budgets = ", ".join(f"{dataset.title}: {dataset.budget:,}" for dataset in config.datasets.values())
    return {
        "datasets": _several("Datasets", "The datasets to compare on.", tuple(config.datasets)),
        "families": _several("Families", "The kinds of model to compare.", config.families),
        "mirror": _field(
            "Data",
            "Mirror",
            "An http(s):// or s3:// address used in place of the official download sites. A folder, or a server of "
            "a private network, has to be in `allowed_addresses` of config/workflow.toml.",
            type=["null", "string"],
            maxLength=MAX_ADDRESS,
            pattern=r"^(https?://|s3://|file:///|/)[^\x00-\x1f\x7f]*$",
        ),
        "budgets": _field(
            "Data",
            "Parameter budgets",
            f"A list for every dataset of this run, as [30000, 120000]; several make the report draw the frontier. "
            f"Empty keeps each dataset's own ({budgets}).",
            type=["null", "array"],
            items={"type": "integer", "minimum": MIN_BUDGET, "maximum": MAX_BUDGET},
            maxItems=MAX_BUDGETS,
            uniqueItems=True,
        ),
    }


def _search(config: Configuration) -> dict[str, Param]:
    return {
        "profile": _field(
            "Search",
            "Profile",
            "The size of the run; every empty field below takes its value from here.",
            default=config.orchestration.scheduled_profile,
            type="string",
            enum=list(config.profiles),
        ),
        "trials": _field("Search", "Trials", "Hyper-parameter sets tried for each family.", **COUNT_FIELD),
    }


def _training() -> dict[str, Param]:
    return {
        "epochs": _field("Training", "Epochs", "Passes over the training part for each final model.", **COUNT_FIELD),
        "replicates": _field(
            "Training",
            "Replicates",
            "Trainings of the best configuration, each under its own seed.",
            **COUNT_FIELD | {"maximum": MAX_REPLICATES},
        ),
    }


def _run() -> dict[str, Param]:
    return {
        "force": _field(
            "Run",
            "Do again",
            "Stages to do again in this run, although the store has their results. Empty reuses what the store has.",
            type=["null", "array"],
            examples=list(REUSED_STAGES),
            items={"type": "string", "enum": list(REUSED_STAGES)},
            uniqueItems=True,
        )
    }


def _several(title: str, description: str, names: tuple[str, ...]) -> Param:
    # `examples` draws the multi-select; only `items` refuses a name that is not among them.
    return _field(
        "Data",
        title,
        description,
        default=list(names),
        type="array",
        examples=list(names),
        items={"type": "string", "enum": list(names)},
        minItems=1,
        uniqueItems=True,
    )


def _field(section: str, title: str, description: str, default: Any = None, **schema: Any) -> Param:
    return Param(default, section=section, title=title, description=description, **schema)
