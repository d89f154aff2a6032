"""People over HTTP: accounts, roles, invitations and the end of sessions."""

from fastapi import APIRouter, Request, Response

from serving.operators.contracts import NewPerson, PersonAnswer, PersonChange, PersonIn, PersonList
from serving.operators.people import People
from serving.web.access import ScopeMissing
from serving.web.answers import JsonAnswer, json_answer
from serving.web.callers import Callers, actor_of, caller_of
from serving.web.fields import Id, StrictJsonRoute
from serving.web.problems import documented


def router(people: People, callers: Callers) -> APIRouter:
    """The routes on which accounts of people are kept; only a key that is `admin`, too, makes administrators."""
    api = APIRouter(
        prefix="/v1/people",
        tags=["operators"],
        route_class=StrictJsonRoute,
        dependencies=[callers.guarded("dashboards")],
    )

    @api.get("", response_model=PersonList, responses=documented(403))
    async def list_people() -> JsonAnswer[PersonList]:
        """Everybody who may look at the dashboards or at customers' pages."""
        return json_answer({"people": await people.all()})

    @api.post("", status_code=201, response_model=NewPerson, responses=documented(400, 403, 409, 413, 415))
    async def add_person(request: Request, wish: PersonIn) -> JsonAnswer[NewPerson]:
        """Open an account; its invitation is the path of the page on which the password is chosen."""
        _check_admin(request, concerns=wish.role == "admin")
        return json_answer(await people.add(wish, by=actor_of(request)), status=201)

    @api.patch("/{person_id}", response_model=PersonAnswer, responses=documented(400, 403, 404, 413, 415))
    async def change_person(request: Request, person_id: Id, change: PersonChange) -> JsonAnswer[PersonAnswer]:
        """Give a person another role, or close or open the account; its sessions follow at once."""
        _check_admin(request, concerns=change.role == "admin" or await people.is_admin(person_id))
        return json_answer(await people.change(person_id, change, by=actor_of(request)))

    @api.post("/{person_id}/invitation", status_code=201, response_model=NewPerson, responses=documented(403, 404))
    async def invite_person(request: Request, person_id: Id) -> JsonAnswer[NewPerson]:
        """A new invitation to choose a password; the old password and all sessions end now."""
        _check_admin(request, concerns=await people.is_admin(person_id))
        return json_answer(await people.invite(person_id, by=actor_of(request)), status=201)

    @api.delete("/{person_id}/sessions", status_code=204, response_class=Response, responses=documented(403, 404))
    async def end_sessions(request: Request, person_id: Id) -> Response:
        """Sign a person out everywhere."""
        await people.end_sessions(person_id, by=actor_of(request))
        return Response(status_code=204)

    return api


def _check_admin(request: Request, *, concerns: bool) -> None:
    """Raise `ScopeMissing` where an administrator's account is concerned and the key is no `admin`."""
    if concerns and "admin" not in caller_of(request).scopes:
        raise ScopeMissing("admin")
