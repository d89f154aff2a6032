"""Prices of Pricing2Yaml: a number, a text such as "Contact sales", or arithmetic with `#variables`."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from data_contracts.catalogue.price_units import price_unit
from data_contracts.yaml_reading.entries import Entry, exact_number
from data_contracts.yaml_reading.places import Scalar

MAX_PRICE: Final = 10**10
"""The largest price, in major units."""

SOLD_BY: Final = "month, quarter, half year or year"

MAX_EXPRESSION: Final = 500
_MAX_PARENTHESES: Final = 20

_ARITHMETIC = re.compile(r"[\d.\s()+*/-]*[+*/][\d.\s()+*/-]*", re.ASCII)
_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*|\.\d+)|#(\w+)|([-+*/()]))", re.ASCII)
_BEGINS_AS_NUMBER = re.compile(r"[-+.]?\d", re.ASCII)
_WORDS_OF_NOTHING = frozenset({"free"})
_NOT_PRICES = frozenset({".inf", "+.inf", "-.inf", ".nan", "inf", "-inf", "nan", "infinity", "true", "false"})


class NotArithmetic(ValueError):
    """A price expression has no value; the text says why."""


def read_price(entry: Entry, *, variables: Mapping[str, Fraction]) -> Fraction | str | None:
    """The value as a price: exact major units per month, or a text for a price on request; `None` after a fault."""
    written = entry.node.text.strip() if isinstance(entry.node, Scalar) else None
    if written is None or not written:
        entry.fault(f"must be a number, an expression or a text, is {entry.shown}")
        return None
    if written.lower() in _NOT_PRICES or "\n" in written or len(written) > MAX_EXPRESSION:
        entry.fault(f"must be a number, an expression or a text of one line, is {entry.shown}")
        return None
    price = exact_number(written)
    if price is None and written.lower() in _WORDS_OF_NOTHING:
        price = Fraction(0)
    if price is None and ("#" in written or _ARITHMETIC.fullmatch(written)):
        try:
            price = evaluate(written, variables=variables)
        except NotArithmetic as error:
            entry.fault(f"cannot be worked out: {error}")
            return None
    if price is None:
        if _BEGINS_AS_NUMBER.match(written):
            entry.warn(f"is {entry.shown}, no number: it is shown as a text, and the plan is sold on request")
        return written
    return _checked(entry, price)


def _checked(entry: Entry, price: Fraction) -> Fraction | None:
    if price < 0:
        entry.fault(f"must not be negative, is {entry.shown}")
        return None
    if price > MAX_PRICE:
        entry.fault(f"must be at most {MAX_PRICE}, is {entry.shown}")
        return None
    return price


def check_period(unit: Entry | None) -> None:
    """Note a fault where a plan is priced for a time that is no billing interval, such as `/week`.

    A price for two years that were sold by the year would be charged twice.
    """
    if unit is not None and isinstance(unit.node, Scalar) and price_unit(unit.node.text) is None:
        unit.fault(f"must be per {SOLD_BY}, is {unit.shown}: a price for another time cannot be sold")


def evaluate(expression: str, *, variables: Mapping[str, Fraction]) -> Fraction:
    """The exact value of an expression of `+ - * /`, parentheses, numbers and `#variables`; raises `NotArithmetic`."""
    tokens = _tokens(expression, variables)
    value, rest = _sum(tokens, 0, 0)
    if rest != len(tokens):
        raise NotArithmetic(f"{tokens[rest]!s} is not expected where it stands")
    return value


def _tokens(expression: str, variables: Mapping[str, Fraction]) -> list[Fraction | str]:
    tokens: list[Fraction | str] = []
    position = 0
    text = expression.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotArithmetic(
                f"{text[position:].strip()[:20]!r} is neither a number, a #variable nor one of + - * / ( )"
            )
        number, variable, operator = match.groups()
        if variable is not None and variable not in variables:
            raise NotArithmetic(f"there is no number #{variable} among the variables")
        tokens.append(Fraction(number) if number else variables[variable] if variable else operator)
        position = match.end()
    return tokens


def _sum(tokens: list[Fraction | str], at: int, depth: int) -> tuple[Fraction, int]:
    value, at = _product(tokens, at, depth)
    while at < len(tokens) and tokens[at] in {"+", "-"}:
        sign = 1 if tokens[at] == "+" else -1
        term, at = _product(tokens, at + 1, depth)
        value += sign * term
    return value, at


def _product(tokens: list[Fraction | str], at: int, depth: int) -> tuple[Fraction, int]:
    value, at = _factor(tokens, at, depth)
    while at < len(tokens) and tokens[at] in {"*", "/"}:
        divides = tokens[at] == "/"
        factor, at = _factor(tokens, at + 1, depth)
        if divides and factor == 0:
            raise NotArithmetic("it divides by zero")
        value = value / factor if divides else value * factor
    return value, at


def _factor(tokens: list[Fraction | str], at: int, depth: int) -> tuple[Fraction, int]:
    sign = 1
    while at < len(tokens) and tokens[at] in {"+", "-"}:
        sign = -sign if tokens[at] == "-" else sign
        at += 1
    if at == len(tokens):
        raise NotArithmetic("it ends too early")
    term = tokens[at]
    if isinstance(term, Fraction):
        return sign * term, at + 1
    if term != "(" or depth >= _MAX_PARENTHESES:
        raise NotArithmetic(f"{term} is not expected where it stands")
    value, at = _sum(tokens, at + 1, depth + 1)
    if at == len(tokens) or tokens[at] != ")":
        raise NotArithmetic("a parenthesis is not closed")
    return sign * value, at + 1
