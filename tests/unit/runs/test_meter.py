"""The promises of `tasks.runs.meter`: what the clocks and the counters of a machine say."""

import threading
import time

import numpy as np
import pytest

from tasks.runs.meter import Meter, Taken, peak_memory


def counter(folder, name, number, most=1_000_000):
    """One of Linux' energy counters, as files."""
    folder.mkdir(exist_ok=True)
    for file, text in (("name", name), ("energy_uj", str(number)), ("max_energy_range_uj", str(most))):
        (folder / file).write_text(f"{text}\n")


def test_the_energy_is_that_of_whole_processors(tmp_path):
    """Two packages add up; a part of one, and the whole machine, would count the same energy again."""
    for number, name in enumerate(("package-0", "package-1", "psys")):
        counter(tmp_path / f"intel-rapl:{number}", name, 0)
    counter(tmp_path / "intel-rapl:0:0", "core", 0)
    meter = Meter(tmp_path)
    start = meter.read()
    for folder in tmp_path.iterdir():
        (folder / "energy_uj").write_text("500000\n")
    assert meter.since(start).joules == pytest.approx(1.0)


def test_a_counter_that_starts_again_loses_nothing(tmp_path):
    """After its greatest number comes 0."""
    counter(tmp_path / "intel-rapl:0", "package-0", 900_000, most=999_999)
    meter = Meter(tmp_path)
    start = meter.read()
    counter(tmp_path / "intel-rapl:0", "package-0", 100_000, most=999_999)
    assert meter.since(start).joules == pytest.approx(0.2)


@pytest.mark.parametrize("files", [(), ("name",), ("name", "energy_uj")])
def test_a_machine_without_a_readable_counter_has_no_energy(tmp_path, files):
    """None is not 0: where nothing can be read, nothing is known, and nothing fails."""
    for file in files:
        (tmp_path / "intel-rapl:0").mkdir(exist_ok=True)
        (tmp_path / "intel-rapl:0" / file).write_text("package-0\n" if file == "name" else "7\n")
    meter = Meter(tmp_path)
    assert meter.since(meter.read()).joules is None


def test_the_work_of_every_thread_counts():
    """CPU seconds are those of all threads, and waiting takes none."""
    meter = Meter()
    start = meter.read()
    time.sleep(0.05)
    waited = meter.since(start)
    worker = threading.Thread(target=lambda: np.linalg.svd(np.ones((300, 300))))
    worker.start()
    worker.join()
    assert waited.seconds >= 0.05
    assert meter.since(start).minus(waited).cpu_seconds > 0


def test_stretches_add_up_and_what_is_unknown_stays_so():
    """A part that nobody measured makes the whole unknown."""
    assert Taken(1.0, 2.0, 3.0).plus(Taken(1.0, 1.0, 1.0)) == (2.0, 3.0, 4.0)
    assert Taken(1.0, 2.0, 3.0).minus(Taken(1.0, 1.0, None)).joules is None


def test_the_peak_of_the_memory_is_in_bytes_and_never_falls():
    """64 MB that were held are in it after they were given up."""
    before = peak_memory()
    held = np.ones(8_000_000)
    del held
    assert peak_memory() >= max(before, 64_000_000)
