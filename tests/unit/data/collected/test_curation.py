"""From a collection to parts, with the gate: what is refused, and what is listed."""

import json

import numpy as np
import pytest

from tasks.data.collected.curation import Rules, curated
from tasks.data.part import Sample
from tasks.errors import DataError
from tasks.settings.dataset import Gate, Parts
from tests.support.single_images import collected, noise, sample

IMAGES = noise(400)
LABELS = ["ant", "bee"] * 200


def samples(n=400, labels=LABELS, part=None):
    rows = enumerate(zip(IMAGES[:n], labels, strict=False))
    return [sample(image, label, part, name=f"{label}/{row:03}.png") for row, (image, label) in rows]


@pytest.fixture
def curate(tmp_path):
    """What becomes of samples under a gate."""

    def work(given, gate=None, classes=(), previous=None, shares=None):
        rules = Rules(classes, shares or Parts(), gate or Gate(), "insects")
        return curated(collected(given, tmp_path), rules, previous, tmp_path)

    return work


def findings(data):
    return {finding["name"]: finding for finding in data.facts["gate"]}


def test_clean_images_pass_without_a_finding(curate):
    """Classes are discovered, every image has a part, and there is nothing to say."""
    data = curate(samples())
    assert data.classes == ("ant", "bee")
    assert sum(len(part.rows) for part in data.parts.values()) == 400
    assert data.facts == {"gate": [], "changes": None}


def test_the_same_images_under_other_names_in_another_order_make_the_same_arrays(curate):
    """Pixels, labels and parts depend on content alone."""
    pairs = []
    for given in (samples(), [each._replace(name=f"x{row}") for row, each in enumerate(samples()[::-1])]):
        data = curate(given)
        pairs.append([(part.images[part.rows].copy(), part.labels) for part in data.parts.values()])
    for (images, labels), (others, more) in zip(*pairs, strict=True):
        np.testing.assert_array_equal(images, others)
        np.testing.assert_array_equal(labels, more)


def test_what_is_found_below_the_limits_is_listed_with_numbers_and_names(curate):
    """A corrupt file, a copy, and one image under two labels: the data pass, and people are told."""
    extra = [
        Sample("ant/no.jpg", "ant", lambda: b"text"),
        sample(IMAGES[0], "ant", name="ant/copy.png"),
        sample(IMAGES[1], "ant", name="ant/wrong.png"),
    ]
    found = findings(curate(samples() + extra))
    assert {name: (each["found"], each["of"]) for name, each in found.items()} == {
        "corrupt": (1, 403), "conflicting": (2, 402), "repeated": (1, 402),
    }  # fmt: skip
    assert found["conflicting"] == {
        "name": "conflicting", "found": 2, "of": 402, "share": 2 / 402, "limit": 0.05,
        "files": ["ant/wrong.png", "bee/001.png"],
    }  # fmt: skip
    assert found["corrupt"]["files"] == ["ant/no.jpg (not an image in PNG, JPEG, WebP, BMP, TIFF or GIF)"]
    json.dumps(found)


def test_beyond_a_limit_data_are_refused_with_a_line_for_each_finding(curate):
    """The numbers, the first names, and what to do; all findings at once."""
    extra = [Sample("ant/no.jpg", "ant", lambda: b""), sample(IMAGES[1], "ant", name="ant/wrong.png")]
    with pytest.raises(DataError) as caught:
        curate(samples() + extra, Gate(corrupt=0, conflicting=0.004))
    lines = str(caught.value).splitlines()
    assert lines == [
        "gate: corrupt: expected a share of at most 0, received 0.00249: 1 of 402, such as ant/no.jpg (an empty file); "
        "correct the data, or raise the limit under [gate] in the dataset's file",
        "gate: conflicting: expected a share of at most 0.004, received 0.00499: 2 of 401, such as ant/wrong.png, "
        "bee/001.png; correct the data, or raise the limit under [gate] in the dataset's file",
    ]


def test_a_copy_across_given_parts_counts_as_crossing(curate):
    """The test part keeps it; beyond the limit the data are refused."""
    given = samples(200, part="train") + [
        sample(image, "ant", "test", name=f"t{row}.png") for row, image in enumerate(noise(50, seed=5))
    ]
    copies = [sample(IMAGES[row], LABELS[row], "test", name=f"copy-{row}.png") for row in range(6)]
    data = curate(given + copies)
    assert findings(data)["crossing"]["found"] == 6
    assert len(data.parts["test"].rows) == 56
    with pytest.raises(DataError, match=r"gate: crossing: expected a share of at most 0\.01, .* 6 of 256"):
        curate(given + copies, Gate(crossing=0.01))


def test_small_and_unequal_classes_are_listed(curate):
    """A class of three images is named; the imbalance is how many times one is larger than another."""
    data = curate(samples(200) + [sample(image, "fly") for image in noise(3, seed=3)])
    found = findings(data)
    assert found["tiny"]["files"] == ["fly"]
    assert (found["imbalance"]["found"], found["imbalance"]["of"]) == (100, 3)
    assert found["imbalance"]["files"] == ["ant", "fly"]
    with pytest.raises(DataError, match=r"gate: imbalance: expected a share of at most 20, received 33\.3: 100 of 3"):
        curate(samples(200) + [sample(image, "fly") for image in noise(3, seed=3)], Gate(imbalance=20))


def test_a_class_that_is_never_learnt_is_listed(curate):
    """A class of one image that is in the test part is no reason to refuse the others."""
    data = curate([*samples(200), sample(noise(1, seed=4)[0], "fly", "test")])
    assert findings(data)["untrained"]["files"] == ["fly"]
    assert 2 in data.parts["test"].labels


def test_one_class_is_refused_with_what_to_do(curate):
    """Also when two are declared, and the images are all of one."""
    for classes in ((), ("ant", "bee")):
        with pytest.raises(DataError, match="at least 2 classes, received 400 of one: ant; put the images of each"):
            curate(samples(labels=["ant"] * 400), classes=classes)


def test_too_few_images_for_a_part_are_refused_with_how_many_would_do(curate):
    """Four images cannot fill three parts."""
    with pytest.raises(DataError, match=r"part: expected images, received none among 4 different ones; .* \d+ images"):
        curate(samples(4))


def test_a_given_part_that_repeats_another_one_is_refused_with_the_reason(curate):
    """A training part whose every image stands in the test part too has none of its own, and no number would help."""
    given = [*samples(40, part="test"), *samples(40, part="train"), *samples(60, part="validation")[40:]]
    loose = Gate(crossing=1)
    with pytest.raises(DataError, match=r"train part: expected images of its own, received 40 that are left out: "):
        curate(given, loose)


def test_against_the_version_before_what_is_new_and_gone_is_listed_or_refused(curate, tmp_path):
    """The images of both versions are compared by content."""
    previous = tmp_path / "previous"
    previous.mkdir()
    curate(samples(300))
    (tmp_path / "images.csv").rename(previous / "images.csv")
    (previous / "statistics.json").write_text('{"version": "v1"}')
    changed = samples(400)[30:]
    data = curate(changed, previous=previous)
    assert {name: (each["found"], each["of"]) for name, each in findings(data).items()} == {
        "added": (100, 300), "removed": (30, 300),
    }  # fmt: skip
    assert data.facts["changes"]["previous"] == "v1"
    with pytest.raises(DataError, match=r"gate: removed: expected a share of at most 0\.05, received 0\.1: 30 of 300"):
        curate(changed, Gate(removed=0.05), previous=previous)
    with pytest.raises(DataError, match=r"gate: relabelled: .* received 1: 300 of 300"):
        curate(samples(300, labels=["bee", "ant"] * 150), previous=previous)
    ants = [each for each in samples(300) if each.label == "ant"] + samples(20)[1::2]
    with pytest.raises(DataError, match=r"gate: shifted: .* received 0\.438: 2 of 2, such as ant, bee"):
        curate(ants, Gate(removed=1), previous=previous)


def test_no_old_image_changes_its_part_when_images_are_added(curate):
    """Of two versions, every image of the first has its part in the second."""
    parts = []
    for n in (300, 400):
        data = curate(samples(n))
        parts.append({image.tobytes(): name for name, part in data.parts.items() for image in part.images[part.rows]})
    assert parts[0].items() <= parts[1].items()


def test_ten_thousand_classes_are_classes(curate):
    """One image each: all are tiny, many are not learnt, and only ten are named."""
    images = noise(10_000, seed=7)
    data = curate([sample(image, f"class {number:05}") for number, image in enumerate(images)])
    assert len(data.classes) == 10_000
    found = findings(data)
    assert found["tiny"]["found"] == 10_000
    assert len(found["untrained"]["files"]) == 10
    assert sum(len(part.rows) for part in data.parts.values()) == 10_000
