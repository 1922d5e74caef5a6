"""What the scripts write for the runner, byte for byte."""

from __future__ import annotations

import io
import re
from pathlib import Path

from errors import ActionError, Problem
from github import SUMMARY_LIMIT, Runner, cut_to_bytes, harmless
from support.fake_azure import World


def told(env: dict[str, str] | None = None) -> tuple[Runner, io.StringIO]:
    out = io.StringIO()
    return Runner(env or {}, out), out


def test_an_output_of_many_lines_cannot_end_early(world: World) -> None:
    runner = Runner(world.env, io.StringIO())
    runner.output("metrics", '{"a": 1}\nEOF\nstatus<<EOF\nhacked')
    runner.output("status", "Completed")
    assert world.outputs == {"metrics": '{"a": 1}\nEOF\nstatus<<EOF\nhacked', "status": "Completed"}
    delimiters = re.findall(r"<<(end_\w+)", world.output_file.read_text())
    assert len(set(delimiters)) == 2


def test_annotations_are_escaped() -> None:
    runner, out = told()
    runner.error("50 % off\nsecond", title="a:b,c", file="x,y.yml", line=3)
    assert out.getvalue() == "::error title=a%3Ab%2Cc,file=x%2Cy.yml,line=3::50 %25 off%0Asecond\n"


def test_an_annotation_without_properties() -> None:
    runner, out = told()
    runner.notice("hello")
    assert out.getvalue() == "::notice::hello\n"


def test_foreign_lines_are_never_commands() -> None:
    runner, out = told()
    runner.foreign("[prep]", "::set-output name=x::1\rprogress\n##[error]oops\n\x0b::warning::w")
    lines = out.getvalue().splitlines()
    assert all(line.startswith("[prep] ") for line in lines if line)
    assert "##[" not in out.getvalue()
    assert harmless("##[group]x") == "## [group]x"


def test_a_steps_own_words_stay_as_they_are_behind_a_prefix() -> None:
    runner, out = told()
    runner.foreign("[prep]", "::error::I am no command\nplain")
    assert out.getvalue() == "[prep] ::error::I am no command\n[prep] plain\n"


def test_a_secret_is_masked_line_by_line_and_once() -> None:
    runner, out = told()
    runner.mask("one\ntwo\n\n")
    runner.mask("two")
    assert out.getvalue() == "::add-mask::one\n::add-mask::two\n"


def test_the_braces_of_a_secret_json_are_no_secret() -> None:
    runner, out = told()
    runner.mask('{\n  "clientSecret": "abc"\n}')
    runner.mask("{}")
    assert out.getvalue() == '::add-mask::  "clientSecret": "abc"\n::add-mask::{}\n'


def test_what_is_quoted_is_never_a_command() -> None:
    """A model's answer, a name, an error of Azure: they are others' words."""
    runner, out = told()
    runner.say("the answer was\n::set-output name=x::1\n  ::stop-commands::z ##[error]y\na::b\r::warning::w")
    assert out.getvalue() == (
        "the answer was\n: :set-output name=x::1\n  : :stop-commands::z ## [error]y\na::b\n: :warning::w\n"
    )


def test_groups_close_also_after_an_error() -> None:
    runner, out = told()
    try:
        with runner.group("a\nb"):
            raise ValueError
    except ValueError:
        pass
    assert out.getvalue() == "::group::a%0Ab\n::endgroup::\n"


def test_a_summary_never_exceeds_its_limit(tmp_path: Path) -> None:
    target = tmp_path / "summary"
    runner, _ = told({"GITHUB_STEP_SUMMARY": str(target)})
    runner.summary("### Result first\n")
    runner.summary("<details><summary>log</summary>\n\n```text\n" + "ünïcode line\n" * 100_000 + "```\n</details>")
    text = target.read_text(encoding="utf-8")
    assert target.stat().st_size <= SUMMARY_LIMIT
    assert text.startswith("### Result first\n")
    assert text.count("```") % 2 == 0
    assert text.count("<details>") == text.count("</details>")
    assert "GitHub shows at most 1 MiB" in text


def test_short_text_is_not_cut() -> None:
    assert cut_to_bytes("abc", 3) == "abc"


def test_a_failure_is_told_in_log_and_summary(world: World) -> None:
    out = io.StringIO()
    error = ActionError("It failed.", "because", "do this", "https://x", problems=[Problem("p.yml is bad", "p.yml", 7)])
    Runner(world.env, out).fail("run-pipeline", error)
    assert "::error title=run-pipeline,file=p.yml,line=7::p.yml is bad\n" in out.getvalue()
    assert "It failed.%0A- p.yml is bad%0ACause: because%0AFix: do this%0AMore: https://x" in out.getvalue()
    for part in ("### ❌ run-pipeline", "**It failed.**", "**Cause:** because", "**Fix:** do this [More](https://x)"):
        assert part in world.summary


def test_tags_name_repository_commit_and_run(world: World) -> None:
    assert Runner(world.env).tags() == {
        "managed-by": "octo/models",
        "commit-sha": "abc123",
        "run-url": "https://github.com/octo/models/actions/runs/987654321",
    }
    assert Runner({}).tags() == {"managed-by": "mlops-actions"}
