"""A part that nobody gives hangs on the image alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.collected.parts import NAMES, TEST, TRAIN, VALIDATION, fraction, parts_of
from tasks.settings.dataset import Parts

HASHES = np.random.default_rng(0).integers(0, 2**64, 5000, np.uint64)
NOTHING = [None] * len(HASHES)
SHARES = Parts(validation=0.1, test=0.2)


def shares_of(codes):
    return np.bincount(codes, minlength=len(NAMES)) / len(codes)


def test_images_are_shared_out_by_the_shares():
    """Of many images, each part has about its share."""
    shares = shares_of(parts_of(NOTHING, NOTHING, HASHES, SHARES, "flowers"))
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.03)


@given(order=st.permutations(range(40)), kept=st.integers(1, 40))
def test_no_image_changes_its_part_when_data_grow_or_are_listed_otherwise(order, kept):
    """The part of an image is the same among fewer images, and in another order."""
    all_parts = parts_of(NOTHING[:40], NOTHING[:40], HASHES[:40], SHARES, "flowers")
    some = np.array(order[:kept])
    np.testing.assert_array_equal(
        parts_of([None] * kept, [None] * kept, HASHES[some], SHARES, "flowers"), all_parts[some]
    )


def test_what_looks_the_same_and_one_group_stay_together():
    """Equal hashes have one part. A group has one part too, whatever its images look like."""
    twice = np.repeat(HASHES[:200], 2)
    codes = parts_of([None] * 400, [None] * 400, twice, SHARES, "flowers").reshape(-1, 2)
    assert (codes[:, 0] == codes[:, 1]).all()
    groups = [f"patient {row % 50}" for row in range(400)]
    by_group = parts_of([None] * 400, groups, HASHES[:400], SHARES, "flowers").reshape(8, 50)
    assert (by_group == by_group[0]).all()
    assert {*by_group[0].tolist()} == {TRAIN, VALIDATION, TEST}


def test_two_datasets_share_out_the_same_images_differently():
    """The dataset's name is the salt, so that two datasets are independent."""
    one, other = (parts_of(NOTHING, NOTHING, HASHES, SHARES, salt) for salt in ("flowers", "trees"))
    assert 0.3 < (one != other).mean() < 0.6
    assert 0 <= fraction("flowers", "x") < 1


def test_a_given_part_stays():
    """What the source says counts, also beside images of which it says nothing."""
    given_parts = ["train", "validation", "test", None] * 1000
    codes = parts_of(given_parts, NOTHING[:4000], HASHES[:4000], SHARES, "flowers").reshape(-1, 4)
    assert (codes[:, :3] == [TRAIN, VALIDATION, TEST]).all()
    np.testing.assert_allclose(shares_of(codes[:, 3]), [0.7, 0.1, 0.2], atol=0.05)


def test_a_part_that_the_source_lacks_is_taken_from_its_training_part():
    """Without a validation folder, the training images lend its share; the test part stays as it is."""
    codes = parts_of(["train", "test"] * 2000, NOTHING[:4000], HASHES[:4000], SHARES, "flowers").reshape(-1, 2)
    assert (codes[:, 1] == TEST).all()
    np.testing.assert_allclose(shares_of(codes[:, 0]), [0.9, 0.1, 0], atol=0.03)
    only_train = parts_of(["train"] * 5000, NOTHING, HASHES, SHARES, "flowers")
    np.testing.assert_array_equal(only_train, parts_of(NOTHING, NOTHING, HASHES, SHARES, "flowers"))
