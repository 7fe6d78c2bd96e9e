"""The application of a module's tests."""

from tests.http.conftest import api, app

__all__ = ["api", "app"]
