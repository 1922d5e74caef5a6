"""Names of endpoints: what they may be. That one is taken is tested with each kind of endpoint."""

from __future__ import annotations

import pytest

from azureml_local import endpoint_names
from azureml_local.errors import AzureError


@pytest.mark.parametrize("name", ["abc", "a" * 32, "Taxi-Online-1"])
def test_good_names(name: str) -> None:
    endpoint_names.check("endpoint", name)


@pytest.mark.parametrize("name", ["ab", "a" * 33, "1abc", "abc-", "a_b", "a.b", ""])
def test_bad_names_are_named(name: str) -> None:
    with pytest.raises(AzureError) as refused:
        endpoint_names.check("batch deployment", name)
    assert refused.value.status == 400
    assert f"The batch deployment name '{name}' is not valid. It must have 3 to 32" in refused.value.message
