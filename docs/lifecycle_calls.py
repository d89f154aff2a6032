"""The reference's calls about a subscription's life beyond changes of plan."""

from docs.money_calls import Call


def try_out(call: Call, of: str) -> None:
    """The product asks what a trial allows, and the operator extends it."""
    call("GET", f"{of}/entitlements")
    call("PUT", f"{of}/trial", {"ends_at": "2026-04-30T12:00:00Z"})


def live_on(call: Call, of: str) -> None:
    """The customer is asked why, stays for an offer, and is paused, resumed, cancelled and kept by the operator."""
    subscription = f"{of}/subscription"
    call("GET", f"{subscription}/cancellation")
    call("POST", f"{subscription}/cancellation", {"reason": "too_expensive", "comment": "The budget was cut."})
    call("POST", f"{subscription}/cancellation/offer", {"offer": "stay-2026", "reason": "too_expensive"})
    call("POST", f"{subscription}/pause")
    call("DELETE", f"{subscription}/pause")
    call("POST", f"{subscription}/cancellation", {"reason": "project_over"})
    call("DELETE", f"{subscription}/cancellation")
