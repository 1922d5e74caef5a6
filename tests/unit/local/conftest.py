from __future__ import annotations

from pathlib import Path

import pytest

from support.local_storage import Storage, make_storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return make_storage(tmp_path)
