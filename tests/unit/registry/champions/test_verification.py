"""Champions verified: a whole ledger is, and whatever was forged, damaged or dropped is a finding."""

import io
import json
from collections.abc import Callable
from hashlib import sha256

import numpy as np
import pytest

from tasks.registry.champions import decisions, ledger
from tasks.registry.champions.candidates import candidate_of
from tasks.registry.champions.documents import Decision, Entry
from tasks.registry.champions.judging import Contest, judge, judging_code
from tasks.registry.champions.verification import verify_champions
from tasks.report.audit import Audit
from tasks.settings.promotion import Promotion
from tasks.storage.artifacts import commit
from tasks.storage.contract import Store
from tests.support.champions import DATASET, answer, entry
from tests.support.published_runs import made, put, request

FOLDER = f"champions/{DATASET}/"
RULES = Promotion()


@pytest.fixture
def champions(store, tmp_path) -> Store:
    """Two promotions, a refusal and a rollback, with the artifacts of both champions."""
    accuracies = {"first": 0.6, "worse": 0.5, "second": 0.8}
    for number, (run, accuracy) in enumerate(accuracies.items()):
        put(store, *made(request(run).model_copy(update={"seed": 100 * number}), accuracy=accuracy))
    first = promoted(store, tmp_path, 1, "first")
    decide(store, "asked-worse", "worse", first)
    promoted(store, tmp_path, 2, "second", first)
    back = entry(3, model=first.model, kind="rollback", restores=1, decision=None, export=first.export)
    ledger.append(store, back)
    return store


def decide(store: Store, asked: str, run: str, champion: Entry | None = None) -> Decision:
    """Judge the candidate of a run, two days after the one before, and keep that."""
    candidate = candidate_of(store, run, DATASET)
    before = [case.decision for case in decisions.cases(store, DATASET)]
    looks = decisions.looks(before, candidate, candidate.test_part)
    contest = Contest(candidate, champion.model if champion else None, RULES, looks)
    judgement, predictions = judge(store, contest, candidate, print)
    number = champion.number if champion else None
    made = Decision(
        asked=asked, test_part=candidate.test_part, candidate=candidate, champion=number, predictions=predictions,
        judgement=judgement, code=judging_code(), approval=decisions.needed(asked, RULES, is_first=champion is None),
        when=f"2026-11-{10 + 2 * len(before)}T10:00:00.000+00:00",
    )  # fmt: skip
    return decisions.keep_decision(store, made)


def promoted(store: Store, folder, number: int, run: str, champion: Entry | None = None) -> Entry:
    """Make the candidate of a run the champion; its artifacts are made up."""
    candidate = decide(store, f"asked-{run}", run, champion).candidate
    for name, key in {**candidate.artifacts, "export": f"export-{run}"}.items():
        made = folder / run / name
        made.mkdir(parents=True)
        (made / "file").write_text(f"{run} {name}", encoding="utf-8")
        commit(store, name.partition("/")[0], key, made, {}, {})
    ledger.append(store, new := entry(number, run, model=candidate, decision=f"asked-{run}"))
    decisions.keep_answer(store, DATASET, answer(f"asked-{run}", "promoted", number=number))
    return new


def findings(store: Store, run: str | None = None) -> list[str]:
    """What a verification finds; nothing stays unchecked but how many decisions there were before one that is gone."""
    audit = Audit()
    verify_champions(store, audit, run)
    assert [line for line in audit.unchecked if not line.endswith("a decision may be gone")] == []
    return audit.findings


def changed(store: Store, key: str, change: Callable[[dict], object]) -> None:
    """Change a document in the store, and write it as it was written."""
    document = json.loads(store.read(key))
    change(document)
    store.write(key, json.dumps(document).encode())


def test_whole_champions_agree(champions):
    """Every document is read, every artifact too, and every judgement is made again."""
    audit = Audit()
    verify_champions(champions, audit)
    assert (audit.findings, audit.unchecked) == ([], [])
    assert audit.checked["artifacts of champions"] > 8
    assert audit.checked["values"] > 50


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("0001.json", lambda d: d["model"].update(budget=9), "0001.json: model: expected"),
        ("0002.json", lambda d: d.update(decision="nobody"), "0002.json: expected the decision that it names"),
        ("0002.json", lambda d: d.update(decision="asked-worse"), "its candidate passed, or a person chose it"),
        ("0002.json", lambda d: d.update(who="automatic"), "0002.json: approved as its decision asks for"),
        ("0003.json", lambda d: d.update(restores=7), "0003.json: expected an earlier entry that it restores"),
        ("0003.json", lambda d: d.update(export="other"), "0003.json: export: expected"),
        ("0002.json", lambda d: d.update(number=5), "expected number 2 of cifar10, received 5"),
        ("decisions/asked-second.json", lambda d: d["judgement"].update(looks=4), "judgement: sentence: expected"),
        ("decisions/asked-second.json", lambda d: d["judgement"].update(accuracy=0.81), "judgement"),
        ("decisions/asked-second.json", lambda d: d["judgement"]["lead"].update(low=0.1), "judgement: lead.low"),
        ("decisions/asked-first.json", lambda d: d.update(approval="human"), "approval: expected 'automatic'"),
        ("decisions/asked-second.json", lambda d: d.update(approval="automatic"), "approval: expected 'human'"),
        ("decisions/asked-second.json", lambda d: d.update(approval="never"), "0002.json: approved as"),
        ("decisions/asked-worse.json", lambda d: d["judgement"].update(passed=True), "expected a document Decision"),
        ("decisions/asked-worse.json", lambda d: d.update(champion=9), "expected the champion number 9"),
        ("decisions/asked-worse.json", lambda d: d["candidate"].update(family="mixer"), "cannot be judged again"),
        ("decisions/asked-first.answer.json", lambda d: d.update(number=2), "entries of its decision"),
        ("decisions/asked-first.answer.json", lambda d: d.update(answer="rejected"), "entries of its decision"),
    ],
)
def test_a_forged_number_is_found(champions, name, change, said):
    """Each document follows from the others, and the numbers of a judgement from the answers."""
    changed(champions, f"{FOLDER}{name}", change)
    assert any(said in line for line in findings(champions)), findings(champions)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("0001.json", "0001.json: expected an entry of the ledger, found none"),
        ("0002.json", "0002.json: expected an entry of the ledger, found none"),
        ("decisions/asked-first.json", "expected the decision that it names, found none: asked-first"),
        ("decisions/asked-second.json", "expected an answer to a decision, found no such decision"),
    ],
)
def test_a_dropped_document_is_found(champions, name, said):
    """The numbers have no gaps, and every answer and entry has its decision."""
    champions.delete(f"{FOLDER}{name}")
    assert any(said in line for line in findings(champions))


def test_a_dropped_last_entry_is_found(champions):
    """The answer says that there was a promotion."""
    for number in (2, 3):
        champions.delete(f"{FOLDER}000{number}.json")
    said = "asked-second.answer.json: entries of its decision: expected [2]"
    assert any(said in line for line in findings(champions))


def test_a_document_that_nobody_knows_is_found(champions):
    """Nothing else lies among the champions."""
    champions.write(f"{FOLDER}note.txt", b"")
    assert findings(champions) == [f"{FOLDER}note.txt: expected no such document among the champions; remove it"]


@pytest.mark.parametrize("stage", ["train", "export"])
def test_a_changed_byte_of_an_artifact_is_found(champions, stage):
    """One of a model, and one of an export; so is an artifact that is gone."""
    key = next(key for key in champions.list(f"artifacts/{stage}/") if key.endswith("/file"))
    champions.write(key, champions.read(key)[:-1] + b"!")
    assert any(f"{key}: expected SHA-256" in line for line in findings(champions))
    champions.delete(key)
    assert any(f"{key}: expected the file that its manifest names" in line for line in findings(champions))


def test_another_answer_in_published_predictions_is_found(champions):
    """Even where the report names the digest of the new file."""
    key = next(key for key in champions.list("reports/second/predictions/") if "-ann-" in key)
    old = champions.read(key)
    with np.load(io.BytesIO(old)) as stored:
        arrays = dict(stored)
    arrays["y_pred"][:100] = (arrays["y_true"][:100] + 1) % 10
    new = io.BytesIO()
    np.savez_compressed(new, **arrays)
    champions.write(key, new.getvalue())
    report = champions.read("reports/second/report.json")
    digests = (sha256(body).hexdigest().encode() for body in (old, new.getvalue()))
    champions.write("reports/second/report.json", report.replace(*digests))
    assert any("asked-second.json: judgement: accuracy" in line for line in findings(champions))


def test_of_one_run_only_its_own_documents_are_checked(champions):
    """A forged decision on another run's candidate is no finding of this run."""
    changed(champions, f"{FOLDER}decisions/asked-second.json", lambda document: document["judgement"].update(looks=4))
    assert findings(champions, "first") == []
    assert findings(champions, "second") != []


def test_of_one_run_only_its_own_datasets_are_checked(champions):
    """What is wrong with another dataset's champions is no finding of this run, and is one of all champions."""
    champions.write("champions/mnist/0001.json", b"{")
    champions.write("champions/mnist/note.txt", b"")
    assert findings(champions, "first") == []
    assert [line for line in findings(champions) if "mnist" in line] == findings(champions)
    assert len(findings(champions)) == 2


def test_a_run_whose_request_is_damaged_has_all_datasets(champions):
    """Nothing tells then what it is about, so that nothing is passed over."""
    champions.write("champions/mnist/0001.json", b"{")
    champions.write("runs/first/request.json", b"{")
    assert any("champions/mnist/0001.json: expected" in line for line in findings(champions, "first"))


LOOKS = f"{FOLDER}decisions/asked-second.json: judgement: looks: expected"


def test_a_number_of_candidates_that_is_too_low_is_found(champions):
    """Its sentence agrees with it, the other decisions do not."""
    assert forged(champions, 2).findings == [f"{LOOKS} 3 to 3, received 2"]


def test_a_number_of_candidates_that_is_too_high_cannot_be_checked(champions):
    """A decision that was damaged may have been deleted, as its error says, or have the time of another clock."""
    audit = forged(champions, 4)
    assert (audit.findings, audit.unchecked) == ([], [f"{LOOKS} 3 to 3, received 4; a decision may be gone"])


@pytest.mark.parametrize(("looks", "found", "unchecked"), [(2, 0, 0), (3, 0, 0), (1, 1, 0), (4, 0, 1)])
def test_a_candidate_that_was_judged_at_the_same_time_may_not_be_counted(champions, looks, found, unchecked):
    """The other one was not in the store yet when this one counted."""
    key = f"{FOLDER}decisions/asked-worse.json"
    changed(champions, key, lambda document: document.update(when="2026-11-14T09:59:00.000+00:00"))
    audit = forged(champions, looks)
    assert (len(audit.findings), len(audit.unchecked)) == (found, unchecked)


def forged(store: Store, looks: int) -> Audit:
    """The verification where the last decision counts so many candidates."""
    made = decisions.decision(store, DATASET, "asked-second")
    champion = ledger.entry(store, DATASET, 1).model
    judgement, _ = judge(store, Contest(made.candidate, champion, RULES, looks), made.candidate, print)
    new = made.model_copy(update={"judgement": judgement})
    store.write(f"{FOLDER}decisions/asked-second.json", new.model_dump_json().encode())
    audit = Audit()
    verify_champions(store, audit)
    return audit


def of_another_release(store: Store, **judgement) -> Audit:
    """The verification of champions of which other code made the last judgement, with these changes."""
    key = f"{FOLDER}decisions/asked-second.json"
    changed(store, key, lambda document: document.update(code="c", judgement=document["judgement"] | judgement))
    audit = Audit()
    verify_champions(store, audit)
    return audit


def test_the_words_of_another_release_are_not_checked(champions):
    """They are named, and no finding: another release says the same in other words. Equal ones agree."""
    sentence = "Passed: it is surely better."
    audit = of_another_release(champions, sentence=sentence)
    assert (audit.findings, len(audit.unchecked)) == ([], 1)
    assert "asked-second.json: judgement: sentence: not made again" in audit.unchecked[0]


def test_the_numbers_of_another_release_are_checked(champions):
    """They follow from the same answers."""
    audit = of_another_release(champions, cost_ratio=2.0)
    assert any("judgement: cost_ratio: expected" in line for line in audit.findings)
    assert audit.unchecked == []


def test_a_judgement_whose_report_is_gone_is_not_checked(champions):
    """It is named, and no finding: reports may be deleted."""
    champions.delete("reports/worse/report.json")
    audit = Audit()
    verify_champions(champions, audit)
    assert audit.findings == []
    assert [line.partition(":")[0] for line in audit.unchecked] == [f"{FOLDER}decisions/asked-worse.json"]
