"""No field of the SDK's endpoint and deployment schemas is forgotten: each is in tests/support/serving_fields.py."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from azureml_local import tools
from azureml_local.paths import REPOSITORY, StatePaths
from support.serving_fields import SCHEMAS

pytestmark = pytest.mark.wire

# Settings that have settings of their own, which are what counts.
WALK = """
import importlib, json, sys
from marshmallow import fields
from azure.ai.ml._schema.core.fields import UnionField

INSIDE = {"code_configuration", "data_collector", "defaults", "identity", "liveness_probe", "readiness_probe",
          "request_settings", "resources", "retry_settings", "scale_settings", "settings"}

def schemas(field):
    if isinstance(field, fields.Nested):
        return [field.schema]
    return [found for each in getattr(field, "union_fields", ()) for found in schemas(each)]

def walk(schema, prefix=""):
    for name, field in schema.fields.items():
        name = field.data_key or name
        inner = schemas(field) if name in INSIDE else []
        for each in inner:
            yield from walk(each, f"{prefix}{name}.")
        if not inner:
            yield prefix + name

found = {}
for path in json.loads(sys.argv[1]):
    module, _, name = path.rpartition(".")
    schema = getattr(importlib.import_module("azure.ai.ml._schema." + module), name)
    found[path] = sorted(set(walk(schema(context={"base_path": "."}))))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The names that YAML may have, by schema; nested ones with dots."""
    cache = Path(os.environ.get("AZUREML_LOCAL_CACHE") or REPOSITORY / ".azureml-local" / "cache")
    paths = StatePaths(tmp_path_factory.mktemp("fields"), cache)
    python = tools.ensure(paths, "sdk", print) / "bin" / "python"
    done = subprocess.run(
        [str(python), "-c", WALK, json.dumps(list(SCHEMAS))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_field_is_honoured_told_as_ignored_or_refused(fields: dict[str, list[str]], schema: str) -> None:
    unknown = [name for name in fields[schema] if name not in SCHEMAS[schema]]
    assert not unknown, "What does the local workspace do with these? Say it in tests/support/serving_fields.py."
