from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest

from azureml_local import extension_index
from azureml_local.extension_index import Wheel, build_wheel, index, requirements
from azureml_local.paths import LOCKS
from support.local_server import make_server


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    package = tmp_path / "az_ml" / "azext_ml"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text("# entry\n")
    (package / "azext_metadata.json").write_text('{"azext.minCliCoreVersion": "2.75.0"}')
    (package / "__pycache__" / "__init__.cpython-310.pyc").write_bytes(b"compiled")
    return tmp_path / "az_ml"


def content(wheel: Wheel) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_is_the_same_as_long_as_the_sources_are(sources: Path) -> None:
    first = build_wheel(sources, ["azure-ai-ml==1.31.0"])
    assert build_wheel(sources, ["azure-ai-ml==1.31.0"]).content == first.content
    (sources / "azext_ml" / "__init__.py").write_text("# changed\n")
    assert build_wheel(sources, ["azure-ai-ml==1.31.0"]).sha256 != first.sha256


def test_the_wheel_has_what_pip_and_az_read(sources: Path) -> None:
    wheel = build_wheel(sources, ["azure-ai-ml==1.31.0", "attrs==1 ; python_version < '3.11'"])
    files = content(wheel)
    assert wheel.filename == "ml-2.42.0-py3-none-any.whl"
    assert set(files) == {
        "azext_ml/__init__.py",
        "azext_ml/azext_metadata.json",
        *(f"ml-2.42.0.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD", "top_level.txt")),
    }
    metadata = files["ml-2.42.0.dist-info/METADATA"].decode()
    assert "Name: ml\nVersion: 2.42.0\n" in metadata
    assert "Requires-Dist: azure-ai-ml==1.31.0\nRequires-Dist: attrs==1 ; python_version < '3.11'\n" in metadata
    record = files["ml-2.42.0.dist-info/RECORD"].decode().splitlines()
    assert record[-1] == "ml-2.42.0.dist-info/RECORD,,"
    assert len(record) == len(files)


def test_requirements_are_the_pins_without_hashes_and_comments(tmp_path: Path) -> None:
    lock = tmp_path / "x.txt"
    lock.write_text("# made by uv\na-b==1.0 ; python_version < '3.11' \\\n    --hash=sha256:00\nc==2\n    # via a\n")
    assert requirements(lock) == ["a-b==1.0 ; python_version < '3.11'", "c==2"]


def test_the_repositorys_own_extension_requires_the_sdk_of_its_release() -> None:
    assert "azure-ai-ml==1.31.0" in requirements(LOCKS / "az_ml.txt")


def test_the_index_names_the_wheel_and_its_digest(sources: Path) -> None:
    wheel = build_wheel(sources, [])
    entry = index(wheel)["extensions"]["ml"][-1]  # type: ignore[index]
    assert entry["sha256Digest"] == hashlib.sha256(wheel.content).hexdigest()
    assert entry["downloadUrl"] == f"https://azcliextensionsync.blob.core.windows.net/ml/{wheel.filename}"
    assert entry["metadata"]["azext.minCliCoreVersion"] == "2.75.0"
    assert (entry["metadata"]["name"], entry["metadata"]["version"]) == ("ml", "2.42.0")
    json.dumps(entry)


def test_pinned_versions_are_there_and_none_is_later_than_the_one_there_is(sources: Path) -> None:
    """`az extension add -n ml --version 2.14.1` stands in many workflows."""
    wheel = build_wheel(sources, [])
    entries = index(wheel)["extensions"]["ml"]  # type: ignore[index]
    versions = [tuple(map(int, entry["metadata"]["version"].split("."))) for entry in entries]
    assert {(2, 14, 1), (2, 20, 0), (2, 26, 1), (2, 37, 3)} <= set(versions)
    assert max(versions) == versions[-1] == (2, 42, 0)
    assert len(versions) == len(set(versions))
    assert {(entry["downloadUrl"], entry["sha256Digest"]) for entry in entries} == {(wheel.url, wheel.sha256)}


def test_an_installed_extension_of_older_sources_is_not_current(tmp_path: Path) -> None:
    wheel = extension_index.extension_wheel()
    assert not extension_index.is_current(tmp_path)
    (tmp_path / "ml").mkdir()
    installed = tmp_path / "ml" / wheel.filename
    installed.write_bytes(wheel.content)
    assert extension_index.is_current(tmp_path)
    installed.write_bytes(b"older")
    assert not extension_index.is_current(tmp_path)


def installed_from(folder: Path, metadata: str, package: str = "azext_ml") -> Path:
    """An extension folder as az leaves it, from a wheel of other content."""
    wheel = extension_index.extension_wheel()
    (folder / "ml" / package).mkdir(parents=True)
    (folder / "ml" / package / "old.py").write_text("")
    with zipfile.ZipFile(folder / "ml" / wheel.filename, "w") as archive:
        archive.writestr(f"{package}/old.py", "")
        archive.writestr("ml-2.42.0.dist-info/METADATA", metadata)
    return folder


def test_an_outdated_extension_gets_todays_sources(tmp_path: Path) -> None:
    today = content(extension_index.extension_wheel())
    folder = installed_from(tmp_path, today["ml-2.42.0.dist-info/METADATA"].decode())
    assert extension_index.refresh(folder) == "brought the az extension ml up to date"
    assert not (folder / "ml" / "azext_ml" / "old.py").exists()
    assert (folder / "ml" / "azext_ml" / "job.py").read_bytes() == today["azext_ml/job.py"]
    assert extension_index.is_current(folder)
    assert extension_index.refresh(folder) is None


def test_an_extension_with_other_dependencies_is_removed(tmp_path: Path) -> None:
    folder = installed_from(tmp_path, "Requires-Dist: azure-ai-ml==1.0")
    assert "az extension add -n ml -y" in str(extension_index.refresh(folder))
    assert not (folder / "ml").exists()


def test_the_official_extension_and_none_at_all_are_left_alone(tmp_path: Path) -> None:
    folder = installed_from(tmp_path, "", package="azext_mlv2")
    assert extension_index.refresh(folder) is None
    assert (folder / "ml" / "azext_mlv2" / "old.py").exists()
    assert extension_index.refresh(tmp_path / "nothing") is None


def test_the_server_answers_the_index_and_its_download_to_anyone(tmp_path: Path) -> None:
    server = make_server(tmp_path, extension_index)
    answer = asyncio.run(server.call("GET", "https://aka.ms/azure-cli-extension-index-v1", token=""))
    *_, entry = answer.json()["extensions"]["ml"]
    wheel = asyncio.run(server.call("GET", entry["downloadUrl"], token=""))
    assert hashlib.sha256(wheel.content).hexdigest() == entry["sha256Digest"]
    other = asyncio.run(server.call("GET", entry["downloadUrl"].replace("2.42.0", "2.41.0"), token=""))
    assert (other.status_code, other.json()["error"]["code"]) == (404, "ResourceNotFound")
