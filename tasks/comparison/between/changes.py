"""What differs between two runs: what was asked, data, code and surroundings, in the order in which it matters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.comparison.schema.report import Comparison
from tasks.comparison.schema.since import KINDS, Change, Kind
from tasks.comparison.words.wording import count, enumeration, family_title, plural, significant
from tasks.settings.request import Request
from tasks.settings.values import Frozen

# No result depends on these: names, ways to the data, how a search is shared out, what was done again, and prices.
PASSING = (
    "version", "run", "mirror", "allowed_addresses", "force", "search.shards", "looks.number",
    "standards.price_per_core_hour", "standards.price_per_gpu_hour", "standards.currency",
)  # fmt: skip
KIND_OF: dict[str, Kind] = {
    "training.tricks": "tricks", "training": "training", "search": "search", "seed": "training", "backend": "training",
}  # fmt: skip
NAMES = {
    "training.replicates": "seeds",
    "training.vary": "replicates differ in",
    "seed": "first seed",
    "examples": "images of each part at most",
    "validation_fraction": "share of the validation part",
    "search.fraction": "share of the training part that a trial learns from",
    "looks.planned": "planned looks",
    "search.epochs": "epochs of a trial",
    "search.cohort": "trials of which the better half goes on",
}
DIGEST = 8  # digits that tell one from others
LONG = 60  # characters of a value that a sentence has room for
FAMILY_PLACE = 2  # slashes in STAGE/DATASET/FAMILY
MACHINE = ("processor", "cores", "gpu", "system")


def changes(before: Comparison, after: Comparison) -> tuple[Change, ...]:
    """Everything that differs and may matter, tricks first."""
    found = [*_asked(before, after), *_data(before, after), *_code(before, after), *_environment(before, after)]
    return tuple(sorted(found, key=lambda change: KINDS.index(change.kind)))


def _asked(before: Comparison, after: Comparison) -> Iterator[Change]:
    """The differences of the two requests, field by field."""
    for path, old, new in _differing(*(_fields(each.request) for each in (before, after))):
        yield _setting(path, old, new)
    yield from _datasets(before, after)


def _fields(request: Request) -> dict[str, Any]:
    """What was asked; the datasets are the names of all of them."""
    return dict(request) | {"datasets": sorted(dataset.name for dataset in request.datasets)}


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The paths whose values differ, with both values; tables are walked through, and PASSING is left out."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    for path in dict.fromkeys([*after, *before]):
        if before.get(path) != after.get(path):
            yield path, before.get(path), after.get(path)


def _leaves(table: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Frozen):
            yield from _leaves(dict(value), f"{start}{name}.")
        elif f"{start}{name}" not in PASSING:
            yield f"{start}{name}", value


def _setting(path: str, old: Any, new: Any) -> Change:
    name = path.rpartition(".")[2].replace("_", " ")
    if path == "training.replicates":
        more = plural(abs(new - old), "more seed" if new > old else "fewer seed")
        return Change(kind="training", what="seeds", before=str(old), after=str(new), phrase=more)
    what = NAMES.get(path, name)
    return _change(_kind(path), what, _value(old, path), _value(new, path))


def _kind(path: str) -> Kind:
    if path == "budgets":
        return "budgets"
    parent = path.rpartition(".")[0]
    return KIND_OF.get(parent) or KIND_OF.get(path, "request")


def _datasets(before: Comparison, after: Comparison) -> Iterator[Change]:
    """What was asked of the datasets that both runs have: their budgets, and how their images are read."""
    earlier = {dataset.name: dataset for dataset in before.request.datasets}
    for dataset in after.request.datasets:
        old = earlier.get(dataset.name, dataset)
        for path, *values in _differing(old.substance(), dataset.substance()):
            kind: Kind = "budgets" if path == "budget" else "data"
            what = f"{path.replace('_', ' ').replace('.', ' ')} of {dataset.title}"
            yield _change(kind, what, *(_value(value, path) for value in values))


def _data(before: Comparison, after: Comparison) -> Iterator[Change]:
    """New versions of the data, and how many images each part has."""
    earlier = {section.name: section for section in before.data}
    for section in after.data:
        old = earlier.get(section.name)
        if old is None or not (old.counts and section.counts):
            continue
        if old.version != section.version:
            versions = [(each or "unknown")[:DIGEST] for each in (old.version, section.version)]
            what = f"data version of {section.title}"
            yield Change(kind="data", what=what, before=versions[0], after=versions[1], phrase=f"new {what}")
        for part in dict.fromkeys([*section.counts, *old.counts]):
            if old.counts.get(part) != section.counts.get(part):
                numbers = count(old.counts.get(part)), count(section.counts.get(part))
                yield _change("data", f"{part} images of {section.title}", *numbers)


def _code(before: Comparison, after: Comparison) -> Iterator[Change]:
    """A line for each stage whose code is another."""
    for what, places in other_code(before.code, after.code).items():
        digests = (enumeration(list(dict.fromkeys(run.code[p][:DIGEST] for p in places))) for run in (before, after))
        yield Change(kind="code", what=what, phrase=f"other code of {what}", before=next(digests), after=next(digests))


def other_code(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """The places whose code differs, by the stage, or by the stage and the families of which only these differ.

    Nothing is known of a place that one run has not done. `fetch` brings the same files with any code.
    """
    by_stage: dict[str, list[str]] = {}
    for place in after:
        if place in before and _stage(place) != "fetch":
            by_stage.setdefault(_stage(place), []).append(place)
    named = {}
    for stage, both in by_stage.items():
        if differing := [place for place in both if before[place] != after[place]]:
            named[stage if differing == both else f"{stage} ({_where(differing)})"] = differing
    return named


def _stage(place: str) -> str:
    return place.partition("/")[0]


def _where(places: Sequence[str]) -> str:
    """The families of some places of one stage; where it has none, the datasets."""
    last = dict.fromkeys(place.rpartition("/")[2] for place in places)
    has_families = places[0].count("/") == FAMILY_PLACE
    return enumeration([family_title(name) if has_families else name for name in last])


def _environment(before: Comparison, after: Comparison) -> Iterator[Change]:
    """Releases of libraries, and the kind of machine."""
    old, new = before.environment.versions, after.environment.versions
    for name in dict.fromkeys([*new, *old]):
        if old.get(name) != new.get(name) and name != "uv.lock":
            yield _change("environment", name, old.get(name, "not installed"), new.get(name, "not installed"))
    for name in MACHINE:
        was, now = (run.environment.machine.get(name, "none") for run in (before, after))
        if was != now:
            yield _change("environment", name, was, now)


def _change(kind: Kind, what: str, before: str | None, after: str | None) -> Change:
    before, after = (None if each is None or len(each) > LONG else each for each in (before, after))
    fits = before is not None and after is not None
    phrase = f"{what} {after} (was {before})" if fits else f"other {what}"
    return Change(kind=kind, what=what, before=before, after=after, phrase=phrase)


def _value(value: Any, path: str) -> str:
    """A setting in words. A trick, or a switch, that is 0 is off."""
    if isinstance(value, bool) or (path.startswith("training.tricks.") and not value):
        return "on" if value else "off"
    if value is None or value in ((), ""):
        return "all" if path == "examples" else "none"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return significant(value, 12)
    return value if isinstance(value, str) else ", ".join(map(str, value))
