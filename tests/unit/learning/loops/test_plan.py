"""What an epoch shows, and how."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.learning.loops.plan import LEVELS, Chance
from tasks.learning.loops.rhythm import Rhythm
from tasks.settings.dataset import Augmentation
from tasks.settings.training import Tricks

EVERYTHING = Tricks(mixup=0.5, erasing=3)
seeds = st.integers(0, 2**31 - 1)
epochs = st.integers(1, 9)


@st.composite
def chances(draw):
    """Whole batches of some images, shown once or several times in an epoch, with any augmentation."""
    images, showings = draw(st.integers(1, 60)), draw(st.integers(1, 3))
    batch = draw(st.integers(1, images))
    rhythm = Rhythm(batch, showings, showings * (images // batch))
    tricks = Tricks(
        mixup=draw(st.sampled_from([0, 0.2, 3])), erasing=draw(st.integers(0, 9)), alternating_flip=draw(st.booleans())
    )
    augmentation = Augmentation(flip=draw(st.booleans()), shift=draw(st.integers(0, 4)))
    return Chance(images, 7, 5, rhythm, augmentation, tricks, draw(seeds))


def large(**wish):
    """A plan of 40 steps of 100 of 4,000 images of 8x8 pixels."""
    tricks = EVERYTHING.model_copy(update=wish)
    return Chance(4_000, 8, 8, Rhythm(100, 1, 40), Augmentation(flip=True, shift=2), tricks, 0)


@given(chances(), epochs)
def test_a_showing_has_each_image_at_most_once(chance, epoch):
    """Batches are whole; less than a batch of a showing's images is left out."""
    plan, (batch, showings, steps) = chance.plan(epoch), chance.rhythm
    assert plan.rows.shape == (steps, batch)
    for shown in np.split(plan.rows, showings):
        assert len(np.unique(shown)) == shown.size > chance.images - batch
        assert 0 <= shown.min() <= shown.max() < chance.images


@given(chances(), epochs)
def test_a_plan_depends_on_its_arguments_alone(chance, epoch):
    """Made again it is the same, whatever plans were made before."""
    first, _, again = chance.plan(epoch), chance.plan(epoch + 1), chance.plan(epoch)
    for one, other in zip(first, again, strict=True):
        assert (one is None and other is None) or np.array_equal(one, other)


@given(chances(), epochs)
def test_a_plan_alters_what_is_asked_for_within_its_limits(chance, epoch):
    """Shifts reach no further than they may, a square lies in the image or nowhere, a share is a fraction."""
    plan = chance.plan(epoch)
    assert (plan.mirrored is None) == (not chance.augmentation.flip)
    assert (plan.offsets is None) == (not chance.augmentation.shift)
    assert (plan.corners is None) == (plan.seeds is None) == (not chance.side)
    assert (plan.shares is None) == (not chance.tricks.mixup)
    if plan.offsets is not None:
        assert np.abs(plan.offsets).max() <= chance.augmentation.shift
    if plan.corners is not None:
        inside = (plan.corners >= 0).all(axis=-1)
        assert (plan.corners[~inside] == -chance.side).all()
        assert (plan.corners[inside] + chance.side <= (7, 5)).all()
    if plan.shares is not None:
        assert ((plan.shares >= 0) & (plan.shares <= 1) & (plan.shares * LEVELS % 1 == 0)).all()


@given(chances(), epochs, st.integers(1, 500))
def test_parts_are_the_plan_in_whole_steps(chance, epoch, size):
    """Together they are the plan, step by step, in order."""
    plan = chance.plan(epoch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.learning.mapped.PIECE", 1_000)
        parts = list(plan.parts(size))
    for whole, *cut in zip(plan, *parts, strict=True):
        assert (whole is None) == all(each is None for each in cut)
        if whole is not None:
            assert np.array_equal(np.concatenate(cut), whole)
    assert all(part.rows.size * size <= 1_000 or len(part.rows) == 1 for part in parts)


def test_alternating_mirrors_show_every_image_both_ways():
    """What an epoch shows mirrored, the next one does not."""
    chance = large()
    first, second = (dict(zip(plan.rows.flat, plan.mirrored.flat, strict=True)) for plan in map(chance.plan, (1, 2)))
    assert 1_900 < sum(first.values()) < 2_100
    assert all(first[row] != second[row] for row in first)


def test_half_of_the_images_are_erased_at_every_place():
    """Every corner's turn comes, and every offset's; epochs and seeds differ in all of it."""
    plan = large().plan(1)
    inside = (plan.corners >= 0).all(axis=-1)
    assert 1_900 < inside.sum() < 2_100
    assert {*map(tuple, plan.corners[inside])} == {(top, left) for top in range(6) for left in range(6)}
    assert {*map(tuple, plan.offsets.reshape(-1, 2))} == {(a, b) for a in range(-2, 3) for b in range(-2, 3)}
    for other in (large().plan(2), large()._replace(seed=1).plan(1)):
        for one, two in zip(plan, other, strict=True):
            assert not np.array_equal(one, two)


def test_order_and_mirrors_are_drawn_apart():
    """Whether an image is mirrored says nothing of when it is shown, also where both are drawn for each epoch anew."""
    plan = large(alternating_flip=False).plan(3)
    assert abs(np.corrcoef(plan.mirrored.ravel(), np.arange(4_000))[0, 1]) < 0.05
    assert abs(np.corrcoef(plan.mirrored.ravel(), plan.rows.ravel())[0, 1]) < 0.05
