"""A cache of rendered recommendations."""

from collections import OrderedDict

from serving.words.locales import LocaleCode


class Rendered:
    """A cache of rendered recommendations by decision and language; the oldest are dropped when it is full."""

    def __init__(self, capacity: int = 2_000) -> None:
        self._capacity = capacity
        self._bodies: OrderedDict[tuple[str, LocaleCode], bytes] = OrderedDict()

    def get(self, decision_id: str, locale: LocaleCode) -> bytes | None:
        """The rendered answer, if it is still in the cache."""
        return self._bodies.get((decision_id, locale))

    def put(self, decision_id: str, locale: LocaleCode, body: bytes) -> None:
        """Add a rendered answer."""
        self._bodies[decision_id, locale] = body
        while len(self._bodies) > self._capacity:
            self._bodies.popitem(last=False)
