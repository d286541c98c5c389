from hypothesis import given
from hypothesis import strategies as st

from tests.bench.cores import cores, laid_out


def stage(name, seconds, dataset=None, family=None, cached=False):
    """A stage's entry in a report; a tenth of a second of it is its start."""
    place = {"dataset": dataset, "family": family, "budget": None}
    return {"stage": name, **place, "setup_seconds": 0.1, "seconds": seconds - 0.1, "cached": cached}


def run(trainings, report=1.0):
    """A dataset whose families have trainings of these seconds."""
    return [
        stage("fetch", 2, "tiny"),
        *(stage("train", seconds, "tiny", family) for family, each in trainings.items() for seconds in each),
        *(stage("evaluate", 3, "tiny", family) for family in trainings),
        stage("report", report),
    ]


def test_stages_wait_for_what_is_before_them_in_their_branch():
    """By hand: the fetch, the longest training next, an evaluation after its family's trainings, the report last."""
    stages = run({"ann": [4, 4], "cnn": [10]})
    assert [round(laid_out(stages, size), 3) for size in (1, 2, 3, 9)] == [27, 16, 16, 16]
    assert round(laid_out(run({"ann": [4, 4, 4], "cnn": [5]}), 2), 3) == 2 + 4 + 4 + 1 + 3 + 1


@given(st.lists(st.floats(1, 100), min_size=1, max_size=9), st.integers(1, 12))
def test_no_layout_is_faster_than_its_work_or_its_longest_branch(seconds, size):
    """Graham's bounds: never below the work shared evenly or the longest branch, never above their sum."""
    stages = run({"ann": seconds})
    work, branch = sum(seconds) + 2 + 3 + 1, 2 + max(seconds) + 3 + 1
    assert max(work / size, branch) - 1e-6 <= laid_out(stages, size) <= work / size + branch + 1e-6


def test_a_run_that_reused_stages_is_not_laid_out():
    """A reused stage's seconds are those of looking it up; no row is made of them."""
    assert cores({"run": "r", "stages": [stage("fetch", 1, "tiny", cached=True)]}) == []
