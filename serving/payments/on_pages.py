"""The port to payment on our own pages: the provider's form, its hosted page, payments that their customer confirms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from serving.payments.gateway import AttachedMethod, MethodKind, Owner, Payment

FormKind = Literal["card", "sepa"]


@dataclass(frozen=True, slots=True)
class PageForm:
    """The data with which a page shows the provider's own form."""

    script: str
    """Address of the provider's script."""
    publishable_key: str
    """Names the seller's account to it; no secret."""


class OnPages(Protocol):
    """A provider with a form of its own, as it is used while the customer is present."""

    @property
    def form(self) -> PageForm:
        """The data of the provider's own form."""

    def begin_setup(self, owner: Owner, kinds: Sequence[FormKind]) -> str:
        """Begin to set up a method; the secret with which the form ends it. Raises `ProviderUnavailable`."""

    def hosted_setup(self, owner: Owner, kinds: Sequence[FormKind], *, back: str, given_up: str) -> str:
        """The provider's own page on which a method is set up without a script; raises `ProviderUnavailable`.

        It leads to `back`, in which `{CHECKOUT_SESSION_ID}` stands for its id, or to `given_up`.
        """

    def of_hosted_setup(self, session: str) -> str | None:
        """The token of a method that was set up on the hosted page; raises `ProviderUnavailable`."""

    def kind_of(self, token: str) -> MethodKind:
        """The kind of a method that was set up; raises `TokenRefused`, `ProviderUnavailable`."""

    def charge_present(
        self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str, return_url: str | None
    ) -> Payment:
        """Collect once per key while the customer is present: `pending` with an `action` where they must confirm it.

        With a `return_url` the action has an address that leads there afterwards, without it is for the form's script.
        """

    def cancel(self, *, key: str, method: AttachedMethod) -> Payment:
        """Cancel a payment that its customer has not confirmed; its outcome then. Raises `ProviderUnavailable`."""
