"""References that point at nothing are found before anything is created; fingerprints follow content only."""

from __future__ import annotations

from pathlib import Path

import pytest

from yaml_files import missing_references, places, read_environment


def write(folder: Path, **files: str) -> Path:
    first = None
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yml", ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        first = first or path
    assert first is not None
    return first


PIPELINE = """\
type: pipeline
inputs:
  raw: {type: uri_file, path: rows.csv}
  remote: {type: uri_file, path: azureml://datastores/d/paths/p}
outputs:
  model: {type: uri_folder, path: not/local}
jobs:
  prep:
    code: ./code
    component: ./prep.yml
    environment: azureml:taxi@latest
  train:
    component: azureml:train@latest
    code: git+https://github.com/x/y
  eval:
    component: file:eval.yml
    environment: file:./env.yml
"""


def test_all_missing_files_are_found_with_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path, pipeline_yml=PIPELINE)
    found = [(problem.line, problem.message) for problem in missing_references(path)]
    assert [line for line, _ in found] == [3, 9, 10, 16, 17]
    assert found[1][1] == f"{path}, line 9: jobs.prep.code names ./code, which does not exist ({tmp_path}/code)."


def test_references_of_components_are_followed(tmp_path: Path) -> None:
    path = write(tmp_path, pipeline_yml="jobs:\n  a:\n    component: c/a.yml\n", c__a_yml="name: a\ncode: ./src\n")
    problem = missing_references(path)[0]
    assert (problem.file, problem.line) == (str(tmp_path / "c/a.yml"), 2)


def test_components_that_name_each_other_end(tmp_path: Path) -> None:
    path = write(tmp_path, a_yml="component: b.yml\n", b_yml="component: a.yml\n")
    assert missing_references(path) == []


def test_good_references_are_no_problem(tmp_path: Path) -> None:
    path = write(tmp_path, p_yml="jobs:\n  a:\n    code: src\n    component: c.yml\n", src__x="1", c_yml="name: c\n")
    assert missing_references(path) == []


CONDA = {"env_yml": "name: e\nimage: img:1\nconda_file: c.yml\n", "c_yml": "dependencies: [python=3.10]\n"}


def fingerprint(folder: Path, **files: str) -> str:
    folder.mkdir(exist_ok=True)
    found, problems = read_environment(write(folder, **files))
    assert problems == []
    return found.fingerprint


def test_a_fingerprint_ignores_what_does_not_matter(tmp_path: Path) -> None:
    first = fingerprint(tmp_path / "a", **CONDA)
    same = {
        "env_yml": "# a comment\nname: other\nversion: 3\nimage:   img:1 # here\nconda_file: c.yml\ntags: {x: y}\n",
        "c_yml": "# and here\ndependencies: [python=3.10]  # why\n",
    }
    assert fingerprint(tmp_path / "b", **same) == first


@pytest.mark.parametrize(
    "change",
    [
        {"env_yml": CONDA["env_yml"].replace("img:1", "img:2")},
        {"c_yml": "dependencies: [python=3.11]\n"},
        {"env_yml": CONDA["env_yml"] + "os_type: linux\n"},
    ],
)
def test_a_fingerprint_follows_content(tmp_path: Path, change: dict[str, str]) -> None:
    assert fingerprint(tmp_path / "a", **CONDA) != fingerprint(tmp_path / "b", **{**CONDA, **change})


def test_a_moved_conda_file_is_the_same_environment(tmp_path: Path) -> None:
    moved = {"env_yml": CONDA["env_yml"].replace("c.yml", "sub/d.yml"), "sub__d_yml": CONDA["c_yml"]}
    assert fingerprint(tmp_path / "a", **CONDA) == fingerprint(tmp_path / "b", **moved)


def test_a_build_context_counts_with_every_file(tmp_path: Path) -> None:
    files = {
        "env_yml": "name: e\nbuild:\n  path: ctx\n  dockerfile_path: docker/Dockerfile\n",
        "ctx__docker__Dockerfile": "FROM x\n",
        "ctx__req.txt": "a==1\n",
    }
    first = fingerprint(tmp_path, **files)
    (tmp_path / "ctx/__pycache__").mkdir()
    (tmp_path / "ctx/__pycache__/x.pyc").write_text("noise")
    assert fingerprint(tmp_path, **files) == first
    (tmp_path / "ctx/req.txt").write_text("a==2\n")
    assert read_environment(tmp_path / "env.yml")[0].fingerprint != first
    assert read_environment(tmp_path / "env.yml")[0].kind == "docker"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("image: x\n", "`name:` is missing; it must name the environment"),
        ("name: e\n", "neither `image:` nor `build:` is given"),
        ("name: e\nimage: x\nconda_file: no.yml\n", "conda_file names no.yml, which does not exist"),
        ("name: e\nimage: x\nbuild: {path: .}\n", "`build:` excludes `image:` and `conda_file:`"),
        ("name: e\nbuild:\n  path: .\n", "has no Dockerfile"),
        ("name: e\n\timage: x\n", "line 2: a tab indents this line"),
    ],
)
def test_a_bad_environment_file_says_why(tmp_path: Path, text: str, why: str) -> None:
    _, problems = read_environment(write(tmp_path, env_yml=text))
    assert any(why in problem.message for problem in problems), problems
    assert all(problem.file.endswith("env.yml") for problem in problems)


def test_an_inline_conda_specification_is_allowed(tmp_path: Path) -> None:
    text = "name: e\nimage: x\nconda_file:\n  dependencies: [python=3.10]\n"
    found, problems = read_environment(write(tmp_path, env_yml=text))
    assert problems == []
    assert found.kind == "conda"


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ('"path": "jobs.prep.code",', 9),
        ("(x) jobs.train.component:\n- Unknown field.", 13),
        (" - jobs.prep.inputz: Unknown field.", 9),
        ("expected ',' in \"/somewhere/pipeline.yml\", line 7, column 2", 7),
    ],
)
def test_fields_that_az_names_get_their_line(tmp_path: Path, told: str, line: int) -> None:
    path = write(tmp_path, pipeline_yml=PIPELINE)
    found = places(path, told)
    assert [(problem.file, problem.line) for problem in found] == [(str(path), line)]
    assert found[0].message.startswith(f"{path}, line {line}: ")


def test_an_error_that_names_no_field_has_no_place(tmp_path: Path) -> None:
    assert places(write(tmp_path, pipeline_yml=PIPELINE), "Something - broke. See a.b") == []
