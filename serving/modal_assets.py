"""What the modal's script loads: its files and its words, open to every host page."""

from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.staticfiles import StaticFiles

from serving.locales import LocaleCode
from serving.parts import json_answer
from serving.texts import messages

router = APIRouter()

_OWN: Final = "modal."
_SHARED: Final = ("enterprise.", "metric.")
_OPEN: Final = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"}
"""Modules and words of another version do not fit together: a browser asks each time whether they are new."""


class OpenFiles(StaticFiles):
    """Static files that a page of any origin may load: they are the same for everybody."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, with the headers that let other origins read it."""
        answer = super().file_response(*args, **kwargs)
        answer.headers.update(_OPEN)
        return answer


@router.get("/modal/messages.{spoken}.json", include_in_schema=False)
async def modal_messages(spoken: LocaleCode) -> Response:
    """The modal's words in one language."""
    table = {key.removeprefix(_OWN): text for key, text in messages(spoken).items() if key.startswith((_OWN, *_SHARED))}
    answer = json_answer(table, locale=spoken)
    answer.headers.update(_OPEN)
    return answer
