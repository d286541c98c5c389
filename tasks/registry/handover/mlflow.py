"""A run as runs of MLflow: one for the whole, below it one for each family, and below that one for each seed.

Every one of them has the tag `like_for_like.run`. That of the whole gets its tag `like_for_like.complete`, the digest
of the bundle, last of all. So a second hand-over finds it and does nothing. One that was killed, or that handed over
another report of this run, leaves runs without this tag: the next one moves them to MLflow's trash and begins again.

MLflow has nothing that makes a run once. So two hand-overs at once may both make it. Whoever is done looks for others
with the tag: the one with the first id stays, which is the same to all. What another one is making is left alone then.
A run in the trash takes nothing more, so a hand-over learns at its end, or before, that another one has put it there.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tasks.errors import RequestError, redacted
from tasks.registry.handover.bundle import Bundle
from tasks.registry.handover.content import PREFIX, BranchRun, Content, SeedRun, Values, content
from tasks.registry.packages import require

RUN, COMPLETE = f"{PREFIX}run", f"{PREFIX}complete"
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"  # MLflow's own tags: its pages show both
NUMBERS_AT_ONCE = 1_000  # of one request; MLflow takes no more
TOLD = 4_900  # characters of a tag, and 500 of a parameter: older servers take no more
TOLD_OF_A_PARAMETER = 500
PAGE = 1_000


def hand_over(bundle: Bundle, uri: str, experiment: str) -> str:
    """Bring the run to the MLflow server, or the place, at `uri`, and say what was done.

    Raises:
        RequestError: MLflow is not installed, or refuses what it was asked.
        ConnectionError: the server cannot be reached, or fails; a retry may help.
    """
    require(("mlflow",))
    from mlflow import MlflowClient
    from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT

    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.set(True)  # the address may hold a password
    with _in_our_words(uri):
        return _Transfer(MlflowClient(tracking_uri=uri), experiment, bundle, redacted(uri)).bring()


@contextmanager
def _in_our_words(uri: str) -> Iterator[None]:
    """What MLflow and its HTTP client raise, as errors of this project. Their messages may hold the address."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        yield
    except MlflowException as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        said = f"{uri}: expected MLflow to take the run, received: {reason}"
        if 400 <= error.get_http_status_code() < 500:
            raise RequestError(f"{said}; mend that, or name another place (--to)") from None
        raise ConnectionError(redacted(f"{said}; try again when the server is well")) from None
    except RequestException as error:
        received = type(error).__name__
        raise ConnectionError(redacted(f"{uri}: expected an MLflow server, received: {received}; try again")) from None


class _Transfer:
    """One run on its way to MLflow."""

    def __init__(self, client: Any, experiment: str, bundle: Bundle, where: str):
        self._client, self._bundle, self._where = client, bundle, where
        self._run: Content = content(bundle.comparison)
        self._experiment = self._experiment_named(experiment)
        self._moment = round(1000 * self._run.created)  # MLflow counts milliseconds
        self._own: list[str] = []  # ids of the runs that this hand-over began, that of the whole first

    def _experiment_named(self, name: str) -> str:
        """The id of the experiment, which is made where there is none."""
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:
                found = self._client.get_experiment_by_name(name)  # another hand-over may have made it meanwhile
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            wanted = "restore it in MLflow, or name another one (MLFLOW_EXPERIMENT_NAME)"
            raise RequestError(f"{self._where}: expected an active experiment {name!r}, found a deleted one; {wanted}")
        return str(found.experiment_id)

    def bring(self) -> str:
        """Bring all of it, unless it is there.

        Raises:
            ConnectionError: another hand-over of this run is at work.
        """
        from mlflow.exceptions import MlflowException

        trees = self._trees()
        whole = self._whole(trees)
        self._discard(run for top, runs in trees.items() if top not in whole[:1] for run in runs)
        if self._whole(self._trees()):  # asked again: what was discarded may have become the whole one meanwhile
            return f"{self._where}: run {self._run.run} is there already, nothing was done"
        try:
            self._bring_whole()
        except MlflowException:
            if not self._is_overtaken():
                raise
            self._discard(self._client.get_run(run) for run in self._own)
        trees = self._trees()
        self._discard(run for top in self._whole(trees)[1:] for run in trees[top])
        if not self._whole(self._trees()):
            other = f"another hand-over of run {self._run.run} is at work"
            raise ConnectionError(f"{self._where}: {other}; wait for its end, and try again")
        seeds = sum(len(branch.seeds) for branch in self._run.branches)
        return f"{self._where}: run {self._run.run}, {len(self._run.branches)} families' results and {seeds} seeds"

    def _bring_whole(self) -> None:
        whole = self._begun(self._run.run, self._run.tags | {NOTE: "\n\n".join(self._run.verdicts)}, None)
        self._log(whole, self._run.parameters, [])
        for path in self._bundle.documents:
            self._client.log_artifact(whole, str(path))
        for branch in self._run.branches:
            self._bring_branch(branch, whole)
        self._client.set_terminated(whole, "FINISHED", self._moment)
        self._client.set_tag(whole, COMPLETE, self._bundle.digest)

    def _is_overtaken(self) -> bool:
        """Whether somebody put into the trash what this hand-over is making."""
        return bool(self._own) and self._client.get_run(self._own[0]).info.lifecycle_stage != "active"

    def _trees(self) -> dict[str, list[Any]]:
        """All runs of this run that MLflow has, by the id of the one at the top."""
        there = self._there()
        parents = {run.info.run_id: run.data.tags.get(PARENT) for run in there}

        def top(run: str) -> str:
            parent = parents.get(run)
            return top(parent) if parent else run

        trees: dict[str, list[Any]] = {}
        for run in there:
            trees.setdefault(top(run.info.run_id), []).append(run)
        return trees

    def _whole(self, trees: dict[str, list[Any]]) -> list[str]:
        """The ids of those that are whole, in order: the first one stays."""
        runs = (run for each in trees.values() for run in each)
        return sorted(run.info.run_id for run in runs if run.data.tags.get(COMPLETE) == self._bundle.digest)

    def _discard(self, runs: Iterable[Any]) -> None:
        """Move them to the trash, first those of a whole, so that whoever makes one learns of it at once."""
        for run in sorted(runs, key=lambda run: PARENT in run.data.tags):
            self._client.delete_run(run.info.run_id)

    def _there(self) -> list[Any]:
        """All runs of this run that MLflow has, whole or not."""
        asked, found, token = f"tags.`{RUN}` = '{self._run.run}'", [], None
        while True:
            page = self._client.search_runs([self._experiment], asked, max_results=PAGE, page_token=token)
            found += page
            if not (token := page.token):
                return found

    def _bring_branch(self, branch: BranchRun, whole: str) -> None:
        note = {NOTE: branch.error} if branch.error else {}
        run = self._begun(branch.place, branch.tags | note, whole)
        self._log(run, branch.parameters, self._numbers(branch.numbers, 0, 0.0))
        for seed in branch.seeds:
            self._bring_seed(seed, run)
        self._client.set_terminated(run, "FAILED" if branch.error else "FINISHED", self._moment)

    def _bring_seed(self, seed: SeedRun, parent: str) -> None:
        run = self._begun(seed.place, seed.tags, parent)
        numbers = [n for each in seed.moments for n in self._numbers(each.numbers, each.epoch, each.after)]
        last = seed.moments[-1] if seed.moments else None
        step, after = (last.epoch, last.after) if last else (0, 0.0)
        self._log(run, seed.parameters, numbers + self._numbers(seed.final, step, after))
        self._client.log_artifact(run, str(self._bundle.folder / seed.predictions), "predictions")
        self._client.set_terminated(run, "FINISHED", self._moment + round(1000 * after))

    def _begun(self, name: str, tags: dict[str, str], parent: str | None) -> str:
        """The id of a new run."""
        known = {key: value[:TOLD] for key, value in tags.items()} | ({PARENT: parent} if parent else {})
        made = self._client.create_run(self._experiment, self._moment, known, name)
        self._own.append(str(made.info.run_id))
        return self._own[-1]

    def _numbers(self, numbers: dict[str, float], step: int, after: float) -> list[Any]:
        from mlflow.entities import Metric

        moment = self._moment + round(1000 * after)
        return [Metric(name, float(number), moment, step) for name, number in numbers.items()]

    def _log(self, run: str, parameters: Values, numbers: Sequence[Any]) -> None:
        from mlflow.entities import Param

        told = [Param(name, str(value)[:TOLD_OF_A_PARAMETER]) for name, value in parameters.items()]
        self._client.log_batch(run, params=told)
        for start in range(0, len(numbers), NUMBERS_AT_ONCE):
            self._client.log_batch(run, metrics=numbers[start : start + NUMBERS_AT_ONCE])
