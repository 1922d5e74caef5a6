"""Lines of a pip requirements list."""

from __future__ import annotations

import pytest

from azureml_local.environments import requirements
from azureml_local.environments.errors import EnvironmentBuildError


def test_packages_are_kept_as_written() -> None:
    lines = ["six==1.16.0", "pandas >=2, <3 # the table library", "uvicorn[standard]; python_version > '3.8'", ""]
    assert requirements.parse(lines, "here").packages == [
        "six==1.16.0",
        "pandas >=2, <3",
        "uvicorn[standard]; python_version > '3.8'",
    ]


def test_a_continued_line_with_hashes_is_one_requirement() -> None:
    found = requirements.parse(["six==1.16.0 \\\n  --hash=sha256:aa \\\n  --hash=sha256:bb\n# end\nattrs"], "here")
    assert found.packages == ["six==1.16.0    --hash=sha256:aa    --hash=sha256:bb", "attrs"]


@pytest.mark.parametrize(
    ("line", "sources"),
    [
        ("--extra-index-url https://example.org/simple", ["--extra-index-url https://example.org/simple"]),
        ("--extra-index-url=https://example.org/simple", ["--extra-index-url https://example.org/simple"]),
        ("-i https://example.org/simple", ["--index-url https://example.org/simple"]),
        ("-f https://example.org/torch.html", ["--find-links https://example.org/torch.html"]),
        ("--no-binary :all:", ["--no-binary :all:"]),
    ],
)
def test_options_say_where_packages_come_from(line: str, sources: list[str]) -> None:
    assert requirements.parse([line], "here").sources == sources


def test_pre_and_trusted_hosts_are_settings_not_packages() -> None:
    found = requirements.parse(["--pre", "--trusted-host pypi.company.org", "--no-cache-dir", "--timeout 100"], "here")
    assert (found.packages, found.prerelease, found.insecure_hosts) == ([], True, ["pypi.company.org"])


@pytest.mark.parametrize(
    "line",
    [
        "git+https://github.com/o/r.git@main#egg=r",
        "r @ git+https://github.com/o/r@v1",
        "https://example.org/x-1.0-py3-none-any.whl",
    ],
)
def test_urls_are_installed_as_they_stand(line: str) -> None:
    assert requirements.parse([line], "here").packages == [line]


def test_an_editable_checkout_becomes_an_ordinary_package_with_a_warning() -> None:
    found = requirements.parse(["-e git+https://github.com/o/r.git#egg=r"], "here")
    assert found.packages == ["git+https://github.com/o/r.git#egg=r"]
    assert found.warnings == ["here: '-e git+https://github.com/o/r.git#egg=r' is installed as an ordinary package."]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-e .", "'-e .' is a folder on somebody's machine"),
        ("-r requirements.txt", "the line '-r requirements.txt' names the file 'requirements.txt', which is not part"),
        ("-rrequirements.txt", "names the file 'requirements.txt', which is not part"),
        ("./wheels/mine-1.0-py3-none-any.whl", "is a local path, which does not travel with the environment"),
        ("mine-1.0-py3-none-any.whl", "is a local path"),
        ("scikit-learn=1.0", "pip wants two equals signs: 'scikit-learn==1.0'"),
        ("pandas 2.2.2", "'pandas 2.2.2' is not a pip requirement. Write it as pip does"),
        ("--target /x", "the pip option '--target' is not supported by the local workspace"),
        ("--index-url", "the option --index-url has no value"),
        ("-e 'x", "is malformed: No closing quotation"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(line: str, message: str) -> None:
    with pytest.raises(EnvironmentBuildError) as refused:
        requirements.parse([line], "environment e:1, conda file, pip section")
    assert message in str(refused.value)
    assert str(refused.value).startswith("environment e:1, conda file, pip section: ")


def test_passwords_in_urls_are_not_shown() -> None:
    assert requirements.without_secrets("see https://me:token@host/x") == "see https://***@host/x"
    with pytest.raises(EnvironmentBuildError, match=r"'\./x https://\*\*\*@host/'"):
        requirements.parse(["./x https://me:token@host/"], "here")
