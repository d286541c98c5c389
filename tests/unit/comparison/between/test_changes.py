"""What differs between two runs: everything that may matter is named, tricks first, and nothing else."""

import pytest

from tasks.comparison.between.changes import changes
from tasks.comparison.schema.data import DataSection
from tasks.settings.dataset import Dataset, Gate, Parts
from tests.support import published_runs, synthetic

BEFORE, _ = published_runs.made(published_runs.request("run-1"))
ELSEWHERE = tuple(
    source.model_copy(update={"urls": ("https://mirror.example/a",)}) for source in BEFORE.request.datasets[0].sources
)


def asked(**updates):
    """The run again, with other values in its request."""
    return BEFORE.model_copy(update={"run": "run-2", "request": BEFORE.request.model_copy(update=updates)})


def trained(**updates):
    return asked(training=BEFORE.request.training.model_copy(update=updates))


def phrases(after, before=BEFORE):
    return [change.phrase for change in changes(before, after)]


def test_a_run_like_another_differs_by_nothing():
    """Another id, mirror, moment or share of a search is no difference."""
    search = BEFORE.request.search.model_copy(update={"shards": 3})
    after = asked(run="run-2", mirror="https://elsewhere", force=("train",), search=search)
    moment = {"environment": after.environment.model_copy(update={"created": "2027-01-01T00:00:00+00:00"})}
    assert phrases(after.model_copy(update=moment)) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mixup", 0.2, "mixup 0.2 (was off)"),
        ("whitening", False, "whitening off (was on)"),
        ("optimizer", "adamw", "optimizer adamw (was muon)"),
        ("erasing", 4, "erasing 4 (was off)"),
    ],
)
def test_one_trick_is_named_first(name, value, said):
    """Of two runs that differ in one trick, and in all else as well, the trick comes first, by its name."""
    tricks = BEFORE.request.training.tricks.model_copy(update={name: value})
    after = trained(tricks=tricks, epochs=9, replicates=5)
    other = {"code": {**BEFORE.code, "train/cifar10/cnn": "9" * 64}}
    assert phrases(after.model_copy(update=other))[0] == said


def test_the_order_is_that_of_what_matters():
    """Tricks, training, search, budgets, the rest of the request, data, code, environment."""
    training = BEFORE.request.training
    after = asked(
        profile="full",
        datasets=(BEFORE.request.datasets[0].model_copy(update={"budget": 30_000}),),
        training=training.model_copy(update={"tricks": training.tricks.model_copy(update={"mixup": 0.1}), "epochs": 9}),
        search=BEFORE.request.search.model_copy(update={"trials": 7}),
    ).model_copy(
        update={
            "data": (BEFORE.data[0].model_copy(update={"counts": {**BEFORE.data[0].counts, "test": 9_000}}),),
            "code": {**BEFORE.code, "normalize/cifar10": "9" * 64},
            "environment": BEFORE.environment.model_copy(update={"versions": {"python": "3.12.1", "keras": "3.15.0"}}),
        }
    )
    assert phrases(after) == [
        "mixup 0.1 (was off)",
        "epochs 9 (was 6)",
        "trials 7 (was 3)",
        "budget of CIFAR-10 30,000 (was 250,000)",
        "profile full (was quick)",
        "test images of CIFAR-10 9,000 (was 10,000)",
        "other code of normalize",
        "python 3.12.1 (was 3.11.2)",
        "tensorflow-cpu not installed (was 2.21.0)",
    ]


@pytest.mark.parametrize("changed", [{"price_per_core_hour": 0.04}, {"price_per_gpu_hour": 2.5}, {"currency": "EUR"}])
def test_what_computing_costs_is_no_difference(changed):
    """Money follows from the results; by how much models must differ to matter decides a verdict."""
    standards = BEFORE.request.standards
    assert phrases(asked(standards=standards.model_copy(update=changed))) == []
    assert phrases(asked(standards=standards.model_copy(update={"equivalence": 1.0}))) == ["equivalence 1 (was 0.5)"]


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "CIFAR ten"},
        {"mirror_folder": "elsewhere"},
        {"sources": ELSEWHERE},
        {"location": "/home/me"},
        {"license": "mit"},
    ],
)
def test_neither_a_title_nor_a_way_to_the_data_nor_a_licence_is_a_difference(changed):
    """The digests of the files, or the version of the data, say whether they are others; no path is shown."""
    assert phrases(asked(datasets=(BEFORE.request.datasets[0].model_copy(update=changed),))) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"color": "grey"}, "color of CIFAR-10 grey (was rgb)"),
        ({"parts": Parts(test=0.3)}, "parts test of CIFAR-10 0.3 (was 0.2)"),
        ({"gate": Gate(corrupt=0.5)}, "gate corrupt of CIFAR-10 0.5 (was 0.05)"),
        ({"labels": "kind"}, "labels of CIFAR-10 kind (was none)"),
    ],
)
def test_how_images_are_read_is_a_difference(changed, said):
    """Of single images as much as of arrays, whose sizes are those of their files."""
    values = {"shape": None, "splits": None, "image_size": (32, 32), "sources": (), "location": "s3://images"}
    images = BEFORE.request.datasets[0].model_copy(update=values)
    before, after = (asked(datasets=(each,)) for each in (images, images.model_copy(update=changed)))
    assert phrases(after, before) == [said]


def test_every_field_of_a_dataset_is_known_to_matter_or_not():
    """So that a new one is not forgotten."""
    arrays = BEFORE.request.datasets[0]
    images = arrays.model_copy(update={"shape": None, "image_size": (32, 32)})
    passing = {"name", "title", "mirror_folder", "location", "license", "license_name", "license_link"}
    known = {*arrays.substance(), *images.substance()} - {"files"} | {"sources"}
    assert known | passing == {*Dataset.model_fields}
    assert not known & passing


def test_what_replicates_differ_in_is_named_with_what_it_was():
    """Also where that is the value that a request leaves out."""
    assert phrases(trained(vary=("seed", "split"))) == ["replicates differ in seed, split (was seed)"]
    assert phrases(BEFORE, trained(vary=("seed", "split"))) == ["replicates differ in seed (was seed, split)"]


def test_seeds_are_counted():
    """More trainings are said as so many more."""
    assert phrases(trained(replicates=6)) == ["3 more seeds"]
    assert phrases(trained(replicates=2)) == ["1 fewer seed"]


def test_a_new_version_of_the_data_is_named_with_its_dataset():
    """A living source has versions; the numbers of images follow."""
    sections = [
        DataSection(name="cifar10", title="Shapes", version=version, counts={"train": number, "test": 50})
        for version, number in zip(synthetic.VERSIONS, (400, 500), strict=True)
    ]
    before, after = (BEFORE.model_copy(update={"data": (section,)}) for section in sections)
    assert phrases(after, before) == ["new data version of Shapes", "train images of Shapes 500 (was 400)"]
    version, _ = changes(before, after)
    assert (version.before, version.after) == ("1a1a1a1a", "2b2b2b2b")


def test_code_is_named_by_its_stage_and_by_its_family_where_one_differs():
    """A change of all families is that of the stage; what only one run has done is no change."""
    one = {**BEFORE.code, "train/cifar10/cnn": "9" * 64}
    assert phrases(BEFORE.model_copy(update={"code": one})) == ["other code of train (CNN)"]
    both = {**one, "train/cifar10/ann": "8" * 64, "evaluate/cifar10/ann": "7" * 64}
    assert phrases(BEFORE.model_copy(update={"code": both})) == ["other code of train"]
    assert phrases(BEFORE.model_copy(update={"code": {}})) == []


def test_other_code_that_brings_files_is_no_difference():
    """Their digests, or the version of the data, say whether they are others."""
    before, after = (BEFORE.model_copy(update={"code": {"fetch/cifar10": each * 64}}) for each in "12")
    assert phrases(after, before) == []


def test_long_values_are_not_written_out():
    """Addresses and digests of the sources, or a thousand classes, are said to be others."""
    source = BEFORE.request.datasets[0].sources[0].model_copy(update={"sha256": "1" * 64})
    dataset = BEFORE.request.datasets[0].model_copy(
        update={"sources": (source,), "classes": tuple(f"class {number}" for number in range(10))}
    )
    assert set(phrases(asked(datasets=(dataset,)))) == {"other files of CIFAR-10", "other classes of CIFAR-10"}


def test_another_gpu_is_a_difference():
    """A machine without one has none."""
    environment = BEFORE.environment
    after = BEFORE.model_copy(
        update={"environment": environment.model_copy(update={"machine": environment.machine | {"gpu": "NVIDIA H200"}})}
    )
    assert phrases(after) == ["gpu NVIDIA H200 (was none)"]
    assert phrases(BEFORE, after) == ["gpu none (was NVIDIA H200)"]


def test_datasets_that_only_one_run_has_are_named():
    """Both lists are there; nothing is said of a dataset that cannot be compared."""
    two = asked(datasets=(*BEFORE.request.datasets, synthetic.dataset("shapes", "Shapes")))
    assert phrases(two) == ["datasets cifar10, shapes (was cifar10)"]
