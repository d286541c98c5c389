"""What a report says of what the run was asked."""

import shlex

from tasks.settings.request import Request


def public(request: Request) -> Request:
    """The request without the places that its data came from: an address may hold a password."""
    return request.model_copy(update={"mirror": None, "allowed_addresses": ()})


def command(request: Request) -> str:
    """The command that asks for the same run again."""
    names = ",".join(dataset.name for dataset in request.datasets)
    budgets = f" BUDGETS={','.join(map(str, request.budgets))}" if request.budgets else ""
    return f"make run PROFILE={shlex.quote(request.profile)} DATASETS={shlex.quote(names)}{budgets}"
