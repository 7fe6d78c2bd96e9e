"""/v1/finance: files, streamed."""

import re
from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from ledger.context import LedgerRequest
from ledger.errors import InvalidRequest
from ledger.finance.export import horizon, journal_csv
from ledger.kit.http.fields import queried_day_or_instant
from ledger.kit.http.stream import Stream

From = Annotated[
    str | None,
    QueryParameter(
        name="from",
        max_length=40,
        description="Postings effective at this instant or later; a date is its first instant in UTC.",
    ),
]
To = Annotated[
    str | None,
    QueryParameter(name="to", max_length=40, description="Postings effective before this instant or date in UTC."),
]


@get("/v1/finance/journal.csv", opt={"scope": "read", "media": "text/csv"})
async def journal_file(request: LedgerRequest, from_: From = None, to: To = None) -> Stream:
    """Every posting as two records, debit and credit, of one consistent state; sums and a trailer at the end."""
    since, until = queried_day_or_instant(from_, "from"), queried_day_or_instant(to, "to")
    if since is not None and until is not None and until <= since:
        message = "must lie after `from`: it is the first instant that is not in the file"
        raise InvalidRequest(f"to: {message}", errors=[{"path": "to", "message": message}])
    database = request.services.database
    below = await horizon(database)
    name = "_".join(["journal", *(re.sub(r"[^0-9TZ-]", "", text) for text in (from_, to) if text)])
    return Stream(
        journal_csv(database, below, from_=since, to=until),
        media_type=b"text/csv; charset=utf-8; header=present",
        headers=[(b"content-disposition", f'attachment; filename="{name}.csv"'.encode())],
    )


HANDLERS = [journal_file]
