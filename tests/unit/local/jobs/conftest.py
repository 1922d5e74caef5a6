from __future__ import annotations

from pathlib import Path

import pytest

from support.local_jobs import Jobs, make_jobs


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    """A workspace with four nodes whose processes are pretended."""
    return make_jobs(tmp_path)
