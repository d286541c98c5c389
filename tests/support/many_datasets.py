"""A run of many datasets, from one real run of one: the records are copied, and all name the same artifacts."""

import json

from tasks.runs.order import run_number
from tasks.runs.records import Fields, newest_records
from tasks.runs.requests import read_request, write_request
from tasks.storage.contract import Store

OF_RUN = ("plan", "report")


def spread_out(store: Store, run: str, datasets: int) -> str:
    """A run of so many datasets, each with the records of the one of `run`, before its report; its name."""
    names = [f"set{number:03}" for number in range(datasets)]
    request = read_request(store, run)
    compared = [request.datasets[0].model_copy(update={"name": name, "title": name}) for name in names]
    many = request.model_copy(update={"run": f"{run}-{datasets}", "datasets": tuple(compared)})
    write_request(store, many)
    run_number(store, many.run)
    for record in (json.loads(store.read(key)) for key in newest_records(store, run)):
        for name in names if record["stage"] not in OF_RUN else ():
            fields = Fields.model_validate(record | {"run": many.run, "dataset": name})
            store.write(f"{fields.stem(many.run)}.json", fields.model_dump_json(indent=1).encode())
    return many.run
