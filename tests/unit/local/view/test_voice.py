"""Nobody waits long without a sign of life."""

import io
import threading

from rich.console import Console

from tasks.local.view.voice import Voice, clock_time


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self):
        return self.now


def heard():
    """A voice, what it says, and its clock."""
    out, clock = io.StringIO(), Clock()
    return Voice(Console(file=out, width=200), silence=14, clock=clock), out, clock


def test_a_sign_of_life_comes_after_silence_alone():
    """None while something else was said lately; then one, and the next after as long a silence."""
    voice, out, clock = heard()
    with voice.busy("waiting for the store"):
        for clock.now in (0, 10, 13.9):
            voice.beat()
        assert out.getvalue() == ""
        clock.now = 14
        voice.beat()
        voice.beat()
        assert out.getvalue().endswith("still waiting for the store (0:14)\n")
        voice.say("a line [of others]")
        clock.now = 27
        voice.beat()
        assert len(out.getvalue().splitlines()) == 2
        clock.now = 75
        voice.beat()
    assert out.getvalue().endswith("a line [of others]\n" + out.getvalue().splitlines()[-1] + "\n")
    assert "still waiting for the store (1:15)" in out.getvalue()


def test_an_inner_task_is_what_is_waited_for():
    """During a part of the work its name is said, and afterwards the whole's again; after that there is silence."""
    voice, out, clock = heard()
    with voice.busy("running"):
        with voice.busy("reading"):
            clock.now = 20
            voice.beat()
        clock.now = 40
        voice.beat()
    clock.now = 60
    voice.beat()
    assert [line.partition(" ")[2] for line in out.getvalue().splitlines()] == [
        "still reading (0:20)",
        "still running (0:40)",
    ]


def test_signs_come_by_themselves_while_the_caller_waits():
    """A caller that is stuck in a call says nothing, and is heard of nevertheless; at the end the thread is gone."""
    voice, out, clock = heard()
    clock.now = 100
    said = threading.Event()
    say, voice.say = voice.say, lambda line: (say(line), said.set())
    with voice.keeping_alive(pause=0.001), voice.busy("stuck"):
        clock.now = 200
        said.wait()
    assert "still stuck (1:40)" in out.getvalue()
    assert "signs of life" not in {thread.name for thread in threading.enumerate()}


def test_times_are_minutes_and_seconds():
    """As on a clock."""
    assert [clock_time(seconds) for seconds in (0, 65.9, 3_700)] == ["0:00", "1:05", "61:40"]
