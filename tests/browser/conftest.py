"""A customer with a browser, of the whole product."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.buyer import Buyer, browser
from tests.browser.customer import Customer
from tests.browser.product import Product, shared
from tests.support.servers import locked

_MISSING = "NOT TESTED: buying with a browser. There is no {} here; Debian has it in its package {}"
_NEEDED = {"chromium": "chromium", "chromedriver": "chromium-driver"}


@pytest.fixture(scope="session")
def programs() -> dict[str, str]:
    """Paths of Debian's Chromium and its driver. Where they are missing it is said; in CI that is a failure."""
    found = {name: shutil.which(name) for name in _NEEDED}
    for name, path in found.items():
        if path is None:
            said = _MISSING.format(name, _NEEDED[name])
            (pytest.fail if os.environ.get("CI") else pytest.skip)(said)
    return {name: str(path) for name, path in found.items()}


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def product(programs: dict[str, str], place: Path) -> Iterator[Product]:
    with shared(place) as found:
        yield found


@pytest.fixture(scope="session")
def buyer(programs: dict[str, str]) -> Iterator[Buyer]:
    driver = browser(programs["chromium"], programs["chromedriver"])
    yield Buyer(driver)
    driver.quit()


@pytest.fixture
def customer(product: Product, buyer: Buyer, place: Path) -> Iterator[Customer]:
    """A new one; nobody else uses the product meanwhile."""
    with locked(place / "browser-story.lock"):
        yield Customer(product, buyer)
