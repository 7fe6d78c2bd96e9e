"""Somebody with a browser, on a small phone: opens pages, fills in forms, clicks.

Each page that is arrived at is looked at: it says its language and what it is, its fields have labels, it fits into 360
pixels, and the browser has nothing to complain of.
"""

from collections.abc import Callable
from typing import Any, Final

from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.support.waiting import until

WIDTH_PX = 360
PAYS = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
ASKS = "4000 0027 6000 3184"
DISPUTES = "4000 0000 0000 0259"

_FLAGS: Final = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run")
_PAGE: Final = """
const root = document.documentElement;
const fields = [...document.querySelectorAll('input:not([type=hidden]), select, textarea')];
return {
    lang: root.lang, title: document.title,
    unlabelled: fields.filter(field => !field.labels.length && !field.ariaLabel).map(field => field.name),
    seen: root.clientWidth, wide: root.scrollWidth,
}"""


def browser(chromium: str, driver: str) -> Chrome:
    """A browser by these programs: nothing is looked for, so nothing is fetched."""
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = Chrome(options=options, service=Service(driver))
    screen = {"width": WIDTH_PX, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    started.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    return started


class Buyer:
    """Whoever sits before the browser."""

    def __init__(self, driver: Chrome) -> None:
        self._driver = driver

    def open(self, url: str, title: str, *, status: int = 200) -> None:
        self._leave(lambda: self._driver.get(url))
        self._look(title, status)

    def back(self) -> None:
        """The browser's own button."""
        self._leave(self._driver.back)

    def click(self, words: str, title: str, *, status: int = 200, twice: bool = False) -> None:
        """A button or a link by its words, and the page that it leads to."""
        found = self._find(f"//button[normalize-space()='{words}'] | //a[normalize-space()='{words}']")
        self._leave(ActionChains(self._driver).double_click(found).perform if twice else found.click)
        self._look(title, status)

    def card(self, number: str) -> None:
        """Fill in the form of a card."""
        self._fill(email="ada@example.com", number=number, expiry="12 / 39", cvc="123", name="Ada")

    def bank_account(self, number: str) -> None:
        self._find("//label[normalize-space()='US bank account']").click()
        self._fill(email="ada@example.com", account=number)

    def pay(self, number: str, title: str = "Thank you", **more: Any) -> None:
        """With a card, on the checkout page."""
        self.card(number)
        self.click("Pay $50.00", title, **more)

    @property
    def address(self) -> str:
        return str(self._driver.current_url)

    @property
    def text(self) -> str:
        """All that can be read on the page."""
        return self._find("//main").text

    @property
    def alert(self) -> str:
        """What went wrong, in the page's own words."""
        return self._find("//*[@role='alert']").text

    def sees(self, words: str) -> bool:
        """Whether there is such a button."""
        return bool(self._driver.find_elements(By.XPATH, f"//button[normalize-space()='{words}']"))

    def reload(self, title: str) -> None:
        self._leave(self._driver.refresh)
        self._look(title, 200)

    def _find(self, path: str) -> WebElement:
        return self._driver.find_element(By.XPATH, path)

    def _fill(self, **fields: str) -> None:
        for name, words in fields.items():
            found = self._driver.find_element(By.NAME, name)
            found.clear()
            found.send_keys(words)

    def _leave(self, act: Callable[[], object]) -> None:
        """Do what leads to another page, and wait for that."""
        before = self._find("/html")
        act()
        until(lambda: _gone(before) and self._loaded(), "another page")

    def _loaded(self) -> bool:
        try:
            return bool(self._driver.execute_script("return document.readyState === 'complete'"))
        except WebDriverException:  # it is between two pages
            return False

    def _look(self, title: str, status: int) -> None:
        page = self._driver.execute_script(_PAGE)
        severe = [entry for entry in self._driver.get_log("browser") if entry["level"] == "SEVERE"]
        expected = {"lang": "en", "title": title, "unlabelled": [], "seen": page["seen"]}
        assert expected == {name: page[name] for name in expected}, self.text
        assert page["wide"] <= page["seen"] <= WIDTH_PX
        refused = f"responded with a status of {status} " if status >= 400 else None
        refusals = [entry for entry in severe if refused and refused in entry["message"]]
        assert refusals == severe
        assert bool(refusals) == (status >= 400), f"the page came with another status than {status}"


def _gone(element: WebElement) -> bool:
    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    except WebDriverException:  # it is just going
        return False
    return False
