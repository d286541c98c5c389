from tests.bench.hyperband import epochs_of, longest_trial
from tests.support import published_runs


def test_the_longest_trial_is_chosen_by_the_epochs_of_all():
    """The nearest one, from below or from above."""
    assert [longest_trial(epochs) for epochs in (0.5, 5.5, 11, 34)] == [1, 2, 3, 6]


def test_a_search_and_a_training_cost_their_epochs():
    """Trials learn from a part of the images only."""
    asked = published_runs.request("first")
    search = asked.search.model_copy(update={"trials": 3, "epochs": 2, "fraction": 0.5})
    training = asked.training.model_copy(update={"epochs": 4})
    assert epochs_of(asked.model_copy(update={"search": search, "training": training})) == 7
