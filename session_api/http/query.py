"""Reads the parameters of a request for counts: which version, which users, how idle."""

from typing import Annotated, Any, TypeVar, cast

import falcon
import msgspec

from session_api.counts.cursor import Cursor
from session_api.counts.query import Query
from session_api.version_name import VersionName

T = TypeVar("T")
MAX_USERS = 1000
MAX_IDLE = 400 * 86400  # seconds
PARAMETERS: dict[str, Any] = {
    "limit": Annotated[int, msgspec.Meta(ge=0, le=MAX_USERS)],
    "page": Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]*\Z")],
    "idle": Annotated[int, msgspec.Meta(ge=0, le=MAX_IDLE)],
    "version": VersionName,
}


def query(req: falcon.Request) -> Query:
    """What is asked for, from the parameters of active-sessions. Raises HTTPInvalidParam."""

    def read(name: str, default: T) -> T:
        text = req.get_param(name)
        if text is None:
            return default
        try:
            return cast(T, msgspec.convert(text, PARAMETERS[name], strict=False))
        except msgspec.ValidationError as error:
            raise falcon.HTTPInvalidParam(f"{error}.", name) from None

    page = read("page", "")
    try:
        cursor = Cursor.decode(page) if page else None
    except ValueError:
        raise falcon.HTTPInvalidParam("It is not a nextPage of an answer.", "page") from None
    return Query(read("limit", Query.limit), cursor, read("idle", Query.idle), read("version", Query.version))
