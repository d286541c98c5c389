from tests.bench.learning import learning
from tests.bench.section import Section, spread


def replicate(*accuracies):
    """A training whose epochs take 2 s each."""
    lines = [{"epoch": epoch, "val_accuracy": reached, "seconds": 2.0} for epoch, reached in enumerate(accuracies, 1)]
    return {
        "history": lines,
        "train_seconds": 2.0 * len(lines),
        "setup_seconds": 1.0,
        "validation_seconds": 1.0,
    }


DENSE = {
    "family": "ann",
    "status": "done",
    "parameters": 125_000,
    "replicates": [replicate(0.87, 0.88, 0.90), replicate(0.80, 0.86, 0.91), replicate(0.88, 0.87, 0.87)],
    "trials": [{"seconds": 3.0}, {"seconds": 1.0}],
}
REPORT = {"datasets": [{"name": "fashion_mnist", "models": [DENSE, {"family": "cnn", "status": "failed"}]}]}


def test_the_first_epoch_that_reaches_an_accuracy_counts():
    """Of each seed, with the seconds up to its end; a seed that never gets there is counted, and in no median."""
    reached, _ = learning(REPORT)
    table, target = reached.rows
    assert (table["accuracy"], table["seeds that reached it"], table["epochs, median"]) == (0.88, "3 of 3", 2)
    assert table["seconds of training, median"] == 4.0
    assert (target["accuracy"], target["seeds that reached it"], target["epochs, median"]) == (0.91, "1 of 3", 3)
    assert target["seconds of training, quartiles"] == [6.0, 6.0]


def test_a_search_is_held_against_one_whole_training():
    """Set-up and validation belong to a training's cost as they do to a trial's."""
    _, searched = learning(REPORT)
    (row,) = searched.rows
    assert (row["search, s"], row["one training, s"], row["search by training"]) == (4.0, 8.0, 0.5)


def test_a_table_says_when_there_is_nothing_to_measure():
    """No value is a dash, not a number."""
    text = Section("Nothing", [spread("time, s", [])]).markdown()
    assert text.splitlines()[-1] == "| - | - |"
