from __future__ import annotations

import pytest

from forbear.kernel.judge import Engine
from forbear.rulebook.load import shipped


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(shipped())
