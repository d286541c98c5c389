"""Runs after the first, on a server that stays up: what they reuse, and what they do again."""

import shutil

from tests.workflow.conftest import SMALL


def test_a_second_run_reuses_every_stage(machine, first, up):
    """With nothing changed every keyed stage is cached, and the numbers are the same."""
    code, output, report = machine.run("--datasets", "cifar10", *SMALL)
    assert code == 0, output
    keyed = [stage for stage in report["stages"] if stage["stage"] not in ("plan", "report")]
    assert len(keyed) == 2 + 2 * 4
    assert all(stage["cached"] for stage in keyed), keyed
    assert accuracies(report) == accuracies(first[2])


def test_a_changed_setting_redoes_only_what_depends_on_it(machine, first, up):
    """Another number of epochs retrains and re-evaluates; data and searches are reused."""
    wish = ("--datasets", "cifar10", "--families", "ann", *SMALL)
    code, output, report = machine.run(*wish, "--epochs", "3")
    assert code == 0, output
    made = {stage["stage"] for stage in report["stages"] if not stage["cached"]} - {"plan", "report"}
    reused = {stage["stage"] for stage in report["stages"] if stage["cached"]}
    assert made == {"train", "evaluate"}
    assert reused == {"fetch", "normalize", "search", "choose"}


def test_a_broken_mirror_costs_one_dataset_and_the_gap_is_named(machine, first, up):
    """The other dataset is reported, the failed one is a row with its reason, the exit status is not 0."""
    broken = shutil.copytree(machine.mirror, machine.folder / "broken mirror")
    (broken / "cifar-10" / "cifar-10-binary.tar.gz").write_bytes(b"nothing like it")
    params = ("--force", "fetch", "--families", "ann", *SMALL, "--mirror", str(broken))
    code, output, report = machine.run(*params)
    assert (code, report["status"]) == (1, "partial"), output
    cifar, fashion = (dataset["models"][0] for dataset in report["datasets"])
    assert (cifar["status"], fashion["status"]) == ("failed", "done")
    assert "fetch" in cifar["error"]
    assert "expected a whole .tar.gz" in cifar["error"]
    assert "cifar10.fetch" in output


def accuracies(report):
    return [model["accuracy"] for dataset in report["datasets"] for model in dataset["models"]]
