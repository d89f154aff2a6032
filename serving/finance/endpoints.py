"""Accounting over HTTP, for the host backend only: each answer as JSON and as CSV."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response

from data_contracts.invoices import DocumentKind
from serving.finance.contracts import (
    IssuedList,
    IssuedRow,
    Statement,
    StatementRow,
    VatPeriod,
    VatReport,
    VatRow,
)
from serving.finance.repository import Search
from serving.finance.service import Finance
from serving.web.answers import JsonAnswer, json_answer
from serving.web.callers import Callers
from serving.web.csv_answer import csv_answer
from serving.web.fields import DocumentedRoute, OrganizationId, Printable
from serving.web.problems import documented

Day = Annotated[date, Query(description="A day of the seller's calendar.")]
End = Annotated[date, Query(description="The first day that is not in it.")]
Text = Annotated[
    Printable, Query(max_length=100, description="Part of a number, of an organisation's id or of a name.")
]
After = Annotated[Printable | None, Query(max_length=32, description="The `next` of the page before.")]
Most = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Status = Literal["open", "paid"]


async def _asked(
    *,
    q: Text = "",
    kind: DocumentKind | None = None,
    status: Status | None = None,
    start: Day | None = None,
    end: End | None = None,
) -> Search:
    return Search(q, kind, status, start, end)


Asked = Annotated[Search, Depends(_asked)]
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}, **documented(403, 404)}
_MOST_IN_A_TABLE = 100_000


def router(finance: Finance, callers: Callers) -> APIRouter:
    """The routes for accounting."""
    endpoints = _Endpoints(finance)
    api = APIRouter(
        prefix="/v1", tags=["finance"], dependencies=[callers.operator("billing")], route_class=DocumentedRoute
    )
    answers = documented(403, 404)
    account = "/organizations/{organization_id}/statement"
    api.get("/invoices", response_model=IssuedList, responses=answers)(endpoints.invoices)
    api.get("/invoices.csv", response_class=Response, responses=_CSV)(endpoints.invoices_csv)
    api.get("/vat-report", response_model=VatReport, responses=answers)(endpoints.vat)
    api.get("/vat-report.csv", response_class=Response, responses=_CSV)(endpoints.vat_csv)
    api.get(account, response_model=Statement, responses=answers)(endpoints.statement)
    api.get(f"{account}.csv", response_class=Response, responses=_CSV)(endpoints.statement_csv)
    return api


class _Endpoints:
    def __init__(self, finance: Finance) -> None:
        self._finance = finance

    async def invoices(self, search: Asked, after: After = None, most: Most = 100) -> JsonAnswer[IssuedList]:
        """Invoices and credit notes of all organisations, newest first."""
        return json_answer(await self._finance.invoices(search, after=after, most=most))

    async def invoices_csv(self, search: Asked) -> Response:
        """The same as a table, all pages in one."""
        found = await self._finance.invoices(search, after=None, most=_MOST_IN_A_TABLE)
        return csv_answer("invoices", IssuedRow, found["invoices"])

    async def vat(self, start: Day, end: End, period: VatPeriod = "month") -> JsonAnswer[VatReport]:
        """The tax of the documents of a time, by period, country, category and rate, beside what the ledger booked."""
        return json_answer(await self._finance.vat(start=start, end=end, period=period))

    async def vat_csv(self, start: Day, end: End, period: VatPeriod = "month") -> Response:
        """The same as a table."""
        report = await self._finance.vat(start=start, end=end, period=period)
        return csv_answer("vat-report", VatRow, report["rows"])

    async def statement(
        self, organization_id: OrganizationId, start: Day | None = None, end: End | None = None
    ) -> JsonAnswer[Statement]:
        """The account of one organisation: every entry of its ledger, and what it owes after it."""
        return json_answer(await self._finance.statement(organization_id, start=start, end=end))

    async def statement_csv(
        self, organization_id: OrganizationId, start: Day | None = None, end: End | None = None
    ) -> Response:
        """The same as a table."""
        statement = await self._finance.statement(organization_id, start=start, end=end)
        return csv_answer(f"statement-{organization_id}", StatementRow, statement["rows"])
