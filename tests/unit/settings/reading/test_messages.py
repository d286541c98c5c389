"""Messages about wrong values: in our words, every one of them, each with the nearest name."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import RequestError
from tasks.project import CONFIG
from tasks.settings.dataset import Dataset
from tasks.settings.loading import Workflow, load_configuration, resolve
from tasks.settings.reading.messages import nearest
from tasks.settings.reading.toml_file import TomlFile
from tasks.settings.request import Parameters
from tasks.settings.training import Profile, Search, Training, hyperband_trials
from tasks.settings.values import parse

PYDANTICS = re.compile(
    r"Value error|Input should|should have|should be|should match|Field required|Extra inputs|String should|Tuple|"
    r"after validation|valid (integer|string|number|dictionary|boolean|list|tuple)|Assertion failed|another value"
)


def refusal(kind, data):
    """What a person is told about `data`."""
    with pytest.raises(RequestError) as caught:
        parse(kind, data, "here")
    return str(caught.value)


@pytest.mark.parametrize("wrong", [True, "3", 3.0, 125_000.0, float("nan"), [3]])
def test_a_count_is_a_whole_number_and_nothing_is_converted(wrong):
    """True, a text and 3.0 are no counts; the message says what came."""
    assert refusal(Parameters, {"trials": wrong}) == f"here: trials: expected a whole number, received {wrong!r}"
    assert refusal(Parameters, {"budgets": [wrong]}).startswith("here: budgets.0: expected a whole number, received")


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (Search, {"fraction": True}, "fraction: expected a number, received True"),
        (Search, {"fraction": "0.5"}, "fraction: expected a number, received '0.5'"),
        (Profile, {"training": {"augment": 1}}, "training.augment: expected true or false, received 1"),
        (Training, {"tricks": {"mixup": False}}, "tricks.mixup: expected a number, received False"),
        (Dataset, {"shape": [32.0, 32, 3]}, "shape.0: expected a whole number, received 32.0"),
    ],
)  # fmt: skip
def test_other_values_are_not_converted_either(kind, data, expected):
    """The same holds for fractions, switches and sides."""
    assert f"here: {expected}" in refusal(kind, data).splitlines()


def test_lists_and_whole_numbers_of_a_form_and_of_toml_go_on_working():
    """JSON's and TOML's lists are taken, and a whole number where a fraction may stand."""
    asked = parse(Parameters, {"datasets": ["a"], "budgets": [8_000, 5_000], "trials": 3, "force": True}, "form")
    assert (asked.datasets, asked.budgets, asked.trials) == (("a",), (5_000, 8_000), 3)
    assert parse(Search, {"tuner": "random", "trials": 1, "epochs": 1, "fraction": 1}, "toml").fraction == 1


def test_every_error_has_its_line():
    """Nobody mends one value only to hear of the next."""
    told = refusal(Parameters, {"trials": 0, "epochs": "many", "colour": 1}).splitlines()
    assert [line.split(":")[1].strip() for line in told] == ["trials", "epochs", "colour"]


@pytest.mark.parametrize(
    ("data", "nearest_name"),
    [
        ({"epoch": 3}, "epochs"),
        ({"Datasets": []}, "datasets"),
        ({"replicate": 1}, "replicates"),
        ({"budget": 1}, "budgets"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(data, nearest_name):
    """A typing error in a key says what was probably meant."""
    assert refusal(Parameters, data).endswith(f"; did you mean {nearest_name}?")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (Parameters(datasets=("CIFAR10",)), "datasets: expected one of .*; received 'CIFAR10'; did you mean cifar10?"),
        (Parameters(families=("CNN",)), "families: expected one of .*; received 'CNN'; did you mean cnn?"),
        (Parameters(profile="Smoke"), "profile: expected one of .*; received 'Smoke'; did you mean smoke?"),
        (Parameters(datasets=("x", "y")), "received 'x'.*\n.*received 'y'"),
    ],
)
def test_a_name_in_another_case_is_refused_with_the_right_one(params, expected):
    """Names are as their files are; a person is told which ones there are, and the nearest."""
    with pytest.raises(RequestError, match=expected):
        resolve(load_configuration(), params, "r")


def test_only_a_name_that_looks_alike_is_the_nearest():
    """No guess is better than a wild one."""
    assert nearest("CIFAR-10", ["cifar10", "fashion_mnist"]) == "cifar10"
    assert nearest("zzz", ["cifar10", "fashion_mnist"]) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"tuner": "hyperband", "trials": 5, "epochs": 1}, "trials: expected at most 1, as hyperband .* at 1 epochs"),
        ({"tuner": "Random"}, "tuner: expected one of random, bayesian, .*; received 'Random'; did you mean random"),
    ],
)
def test_a_search_that_could_not_do_what_it_says_is_refused(data, expected):
    """Hyperband ends when its brackets do: more trials than they have are refused, not silently left out."""
    assert re.search(expected, refusal(Search, data))
    most = hyperband_trials(9)
    assert parse(Search, {"tuner": "hyperband", "trials": most, "epochs": 9}, "search").trials == most


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
WHOLE = {"workflow": TomlFile(CONFIG / "workflow.toml").table} | {
    "dataset": TomlFile(CONFIG / "datasets" / "cifar10.toml").table
}


def positions(value, here=()):
    """The location of everything in `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, below in inner for place in positions(below, (*here, key)))]


def replaced(value, place, new):
    """`value` with `new` at `place`."""
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = replaced(value[place[0]], place[1:], new)
    return copy


@settings(max_examples=300)
@given(st.data(), JSON)
def test_no_message_has_the_words_of_a_library(data, new):
    """Whatever stands in place of whatever, a person reads what was expected and received, on a printable line."""
    kind, name = data.draw(st.sampled_from([(Workflow, "workflow"), (Dataset, "dataset")]))
    place = data.draw(st.sampled_from(positions(WHOLE[name])))
    changed = replaced(WHOLE[name], place, new)
    try:
        parse(kind, changed, "here")
    except RequestError as error:
        for line in str(error).splitlines():
            assert not PYDANTICS.search(line), line
            assert line.isprintable()
            assert re.search(r"expected .*received", line) or "name" in line, line
