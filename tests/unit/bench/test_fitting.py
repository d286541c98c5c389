from tasks.learning.loops.rhythm import rhythm
from tests.bench.fitting import COST_IMAGES, in_batches_of
from tests.support import published_runs


def test_an_epoch_is_priced_in_its_own_batches():
    """A sample of the images comes in the batches of all of them; an epoch that shows them twice costs twice."""
    asked = published_runs.request("first", batch_size=512, least_steps=50)
    alike, showings = in_batches_of(asked, 45_000)
    assert (rhythm(COST_IMAGES, alike.training).batch, showings) == (512, 1)
    assert rhythm(COST_IMAGES, asked.training).batch < 512
    assert in_batches_of(asked, 800)[1] == 2
