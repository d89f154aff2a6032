"""Cards that their bank has replaced, or whose expiry was changed at the provider."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from serving.payments import charges, choice, repository
from serving.payments.choice import TAKEN_BACK
from serving.payments.gateway import MethodNews


def renewed(connection: Connection, news: MethodNews, *, now: datetime) -> None:
    """Keep a card as it is now; one that was refused counts as good again, and what is overdue is tried anew.

    After a payment that was taken back it is known with its new number, and collects nothing all the same.
    """
    for method in repository.of_reference(connection, news.reference):
        attached = replace(method.attached, brand=news.brand, last4=news.last4, expires=news.expires)
        if method.kind != "card" or attached == method.attached:
            continue
        repository.replace_attached(connection, method.payment_method_id, attached)
        if method.refused_because in TAKEN_BACK:
            repository.set_refused(connection, method.payment_method_id, method.refused_because)
            continue
        choice.accept(connection, method.payment_method_id)
        for charge in charges.in_arrears(connection, method.organization_id):
            charges.try_again(connection, charge, at=now)
