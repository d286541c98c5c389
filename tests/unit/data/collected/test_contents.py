"""One row for each content, and nothing that a model is tested on among what it learns from."""

import numpy as np
import pytest

from tasks.data.collected.contents import contents
from tasks.data.collected.parts import TEST, TRAIN, VALIDATION
from tests.support.single_images import collected, noise, sample

A, B, C, D = noise(4, side=16)


@pytest.fixture
def chosen(tmp_path):
    """What is kept of images, each with its class and part; the names of the rows."""

    def choose(*rows):
        samples = [sample(image, name=f"{row}.png") for row, (image, _, _) in enumerate(rows)]
        labels, codes = (np.array([row[place] for row in rows], np.uint8) for place in (1, 2))
        found = contents(collected(samples, tmp_path), labels, codes)
        return {name: sorted(rows.tolist()) for name, rows in found._asdict().items() if len(rows)}

    return choose


def test_the_same_content_is_kept_once(chosen):
    """Of copies in one part and class, the first name stays."""
    assert chosen((A, 0, TRAIN), (B, 1, TRAIN), (A, 0, TRAIN)) == {"kept": [0, 1], "repeated": [2]}


def test_the_test_part_wins_then_the_validation_part(chosen):
    """A copy in a part that is measured is kept there, and leaves the part that is learnt from."""
    found = chosen((A, 0, TRAIN), (A, 0, TEST), (A, 0, VALIDATION), (B, 0, TRAIN), (B, 0, VALIDATION))
    assert found == {"kept": [1, 4], "crossing": [0, 2, 3]}


def test_what_has_two_labels_is_left_out_wholly(chosen):
    """Nobody knows which label is right, so none of the copies stays."""
    assert chosen((A, 0, TRAIN), (A, 1, TEST), (B, 1, TRAIN)) == {"kept": [2], "conflicting": [0, 1]}


def test_a_near_duplicate_stays_in_the_part_that_wins(chosen):
    """A slightly brighter copy of a test image is no training image, whatever its label is; in one part both stay."""
    brighter = np.minimum(A, 250) + np.uint8(2)
    assert chosen((brighter, 1, TRAIN), (A, 0, TEST), (B, 0, TRAIN)) == {"kept": [1, 2], "alike": [0]}
    assert chosen((brighter, 0, VALIDATION), (A, 0, TEST), (A // 2 * 2, 0, TRAIN)) == {"kept": [1], "alike": [0, 2]}
    assert chosen((brighter, 0, TRAIN), (A, 0, TRAIN)) == {"kept": [0, 1]}


def test_one_hash_is_no_proof(chosen):
    """Pictures of one hash whose pixels differ much are two pictures: both stay."""
    flat, other = np.full((16, 16, 3), 40, np.uint8), np.full((16, 16, 3), 200, np.uint8)
    assert chosen((flat, 0, TRAIN), (other, 0, TEST)) == {"kept": [0, 1]}


def test_rows_are_in_the_order_of_their_digests(tmp_path):
    """So the same images make the same arrays, whatever their names and the order of listing."""
    images = noise(40)
    digests = []
    for order in (np.arange(40), np.random.default_rng(1).permutation(40)):
        collection = collected([sample(image) for image in images[order]], tmp_path)
        found = contents(collection, np.zeros(40, np.uint8), np.zeros(40, np.uint8))
        digests.append([collection.digests[row].tobytes() for row in found.kept])
    assert digests[0] == digests[1] == sorted(digests[0])
