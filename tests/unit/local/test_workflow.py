from hypothesis import given
from hypothesis import strategies as st

from tasks.local.workflow import MAX_POLL_SECONDS, POLL_SECONDS, REST_SECONDS, pause


@given(st.floats(0, 1e5), st.floats(0, 1e4))
def test_looking_at_a_run_takes_at_most_a_tenth_of_the_time(passed, look):
    """A quick look comes every few seconds. One that hung is followed by the next soon."""
    rest = pause(passed, look)
    assert look <= 0.1 * (look + rest) + 1e-9 or rest == REST_SECONDS
    assert rest == min(REST_SECONDS, 9 * look) or POLL_SECONDS <= rest <= MAX_POLL_SECONDS
    assert pause(passed + 60, look) >= rest
