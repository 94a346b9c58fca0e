"""The corpus as a stranger uses it: finding cases, reading logs, and clear words where there is none."""

import json
import tomllib
from pathlib import Path

import pytest

from oomparse.errors import SourceError
from oomparse.testing import Case, Corpus, catalogue, corpus

CASES = corpus()


def test_corpus_has_every_kernel_generation() -> None:
    majors = {case.kernel.split(".")[0] for case in CASES}
    assert {"4", "5", "6", "7"} <= majors
    assert len(CASES) == len(list(CASES)) == len({case.name for case in CASES})


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case_is_whole(case: Case) -> None:
    assert case.name == f"{case.kernel}/{case.record.scenario}"
    assert case.directory.parts[-2:] == (case.kernel, case.record.scenario)
    assert case.truth["kernel"]["release"] == case.kernel
    assert case.record.kills == len(case.truth["oom_killed_pids"])
    known = {log.file for log in case.logs} | {log.expected for log in case.logs}
    known |= {catalogue.CASE_FILE, catalogue.TRUTH_FILE, catalogue.TRUTH_FILE + ".xz"}
    assert {path.name for path in case.directory.iterdir()} <= known
    assert all(case.path(log).stat().st_size for log in case.logs)


def test_written_record_reads_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / catalogue.CASE_FILE
    for case in CASES:
        path.write_text(catalogue.written(case.record), encoding="utf-8")
        assert catalogue.read(path) == case.record
        assert tomllib.loads(path.read_text(encoding="utf-8"))["schema"] == catalogue.CASE_SCHEMA


def test_schema_beside_the_cases_is_that_of_the_types() -> None:
    assert json.loads((CASES.directory / "case.schema.json").read_bytes()) == catalogue.schema()


def test_every_case_is_valid_by_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((CASES.directory / "case.schema.json").read_bytes())
    check = jsonschema.validators.validator_for(schema)(schema)
    for case in CASES:
        record = tomllib.loads((case.directory / catalogue.CASE_FILE).read_text(encoding="utf-8"))
        assert [error.message for error in check.iter_errors(record)] == [], case
        assert list(check.iter_errors(record | {"kills": "none"}))
        assert list(check.iter_errors(record | {"nobody": "knows"}))


@pytest.mark.parametrize("place", ["top", "log"])
def test_unknown_key_is_refused(tmp_path: Path, place: str) -> None:
    text = catalogue.written(CASES[0].record)
    text = f'colour = "red"\n{text}' if place == "top" else f'{text}colour = "red"\n'
    path = tmp_path / catalogue.CASE_FILE
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match="unknown keys colour"):
        catalogue.read(path)


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "schema"), ('schema = "oomparse.case/9"', "schema"), ("x = 1", "unknown field `x`"), ("= 1", "line 1")],
)
def test_foreign_record_is_refused(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / catalogue.CASE_FILE
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=str(path)) as caught:
        catalogue.read(path)
    assert word in str(caught.value) or "missing required field" in str(caught.value)


def test_empty_directory_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no cases here"):
        Corpus(tmp_path)


def test_case_by_name() -> None:
    case = CASES.case("6.1.0-56-cloud-amd64/memcg-v2")
    assert case.record.scopes == ("memcg",)
    assert b"invoked oom-killer" in case.data(case.log("dmesg"))
    with pytest.raises(LookupError, match="several cases"):
        CASES.case("memcg-v2")
    with pytest.raises(LookupError, match=r"memcg-v2.*/memcg-v2"):
        CASES.case("cloud-amd64/memcg-v2")
    with pytest.raises(LookupError, match="it has kmsg, dmesg"):
        case.log("papyrus")


def test_select() -> None:
    chosen = CASES.select(kernel="6.1", scope="memcg", form="journal")
    assert chosen
    assert all(case.kernel.startswith("6.1.") and "journal" in case.formats for case in chosen)
    assert {case.record.scenario for case in CASES.select(scenario="storm")} == {"storm"}
    arm = CASES.select(architecture="arm64")
    assert arm == CASES.select(architecture="aarch64")
    assert {case.truth["kernel"]["machine"] for case in arm} == {"aarch64"}
    assert CASES.select(architecture="sparc") == ()
