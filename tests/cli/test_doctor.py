"""What doctor says of the way out to addresses that users give."""

from pathlib import Path

import certifi
import pytest

from ledger.cli.doctor import Finding, examine


def egress(**given: str) -> Finding:
    """The finding, with these settings and nothing else."""
    (found,) = [one for one in examine(given) if one.what == "egress"]
    return found


def test_doctor_says_who_may_be_called_and_how() -> None:
    assert ("ok", "public receivers are called directly") == (egress().state, egress().seen)
    found = egress(
        LEDGER_EGRESS_PROXY="http://us:hunter2@proxy.internal:3128",
        LEDGER_EGRESS_ALLOW="10.20.0.0/16",
        LEDGER_EGRESS_CA_FILE=certifi.where(),
    )
    assert "ok" == found.state
    assert "public receivers are called by http://us:***@proxy.internal:3128, and besides 10.20.0.0/16" == found.seen


@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n"])
def test_doctor_finds_an_authority_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    """Before the first call would."""
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)
    found = egress(LEDGER_EGRESS_CA_FILE=str(file))
    assert "fail" == found.state
    assert str(file) in found.seen
