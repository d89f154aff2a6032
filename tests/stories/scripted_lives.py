"""How a scripted customer life is played over HTTP: one step after the other, nothing unsaid."""

from typing import Any

from tests.serving.lives import Life, amounts

PRICES = {"basic": "30", "scale": "60", "top": "90", "desk": "30"}
OFFERS = """families:
  shop: {templates: [], tiers: [basic, scale, top]}
  desk: {templates: [], tiers: [desk]}
plans:
  basic: {overage: {conversations: {price: '0.10', per: 1}}}
  scale: {overage: {conversations: {price: '0.10', per: 1}}}
promotions:
  tenth: {plans: [basic, scale], intervals: [month], percent: 10, cycles: 2, texts: {de: zehn}}
  five: {plans: [basic], intervals: [month], amount: '5.00', cycles: 1, texts: {de: fünf}}
  ever: {plans: [basic, scale, top], intervals: [month, year], percent: 50, texts: {de: halb}}
"""
YEARLY = "{monthly: 1, annual: 0.8}"

Step = tuple[Any, ...]
START: Step = ("2025-06-01", "take", "basic", [3000], 3000)
START_SCALE: Step = ("2025-06-01", "take", "scale", [6000], 6000)
START_TOP: Step = ("2025-06-01", "take", "top", [9000], 9000)
YEAR: Step = ("2025-06-01", "take", "basic year", [28800], 28800)
FEW_SEATS: Step = ("2025-06-01", "seats", 2)


def new_charges(life: Life, seen: int) -> list[int]:
    return [total for _, _, total in life.charges()[seen:]]


def live(life: Life, steps: list[Step]) -> None:
    seen = 0
    for when, verb, *words in steps:
        life.at(when)
        meanwhile = new_charges(life, seen)
        assert meanwhile == (words[0] if verb == "pass" else []), when
        act(life, verb, words)
        seen = len(life.charges())


def act(life: Life, verb: str, words: list[Any]) -> None:
    if verb == "take":
        (plan, interval, promotion), lines, due = asked(words[0]), words[1], words[2]
        quote = life.takes(plan, interval, **({"promotion": promotion} if promotion else {}))
        assert (amounts(quote), quote["due_now_cents"]) == (lines, due)
    elif verb == "want":
        plan, interval, _ = asked(words[0])
        quote = life.previews(plan, interval)
        assert (quote["quote"], [blocker["code"] for blocker in quote["blockers"]]) == (None, words[1])
    elif verb == "fail":
        answer = life.confirms(life.previews(words[0]))
        assert (answer.status_code, answer.json()["code"]) == (402, words[1])
    elif verb == "cancel":
        path = "/v1/organizations/acme/plan-changes/scheduled"
        assert life.service.client.delete(path, headers=life.service.host).status_code == 200
    elif verb == "card":
        life.pays_with(words[0])
    elif verb == "holds":
        held = life.subscription()
        assert f"{held['plan']} {held['interval']} {held['status']}" == words[0]
    elif verb in ("seats", "use"):
        life.uses("seats" if verb == "seats" else "conversations", words[0], life.service.clock().isoformat())


def asked(words: str) -> tuple[str, str, str | None]:
    """`basic`, `basic year` or `basic month tenth`: plan, interval, promotion."""
    plan, *rest = words.split()
    return plan, rest[0] if rest else "month", rest[1] if len(rest) > 1 else None
