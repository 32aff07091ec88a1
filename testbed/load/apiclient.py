"""A program that uses the app with a bearer token: no cookies, and none of the headers that browsers add."""

from __future__ import annotations

import random
import re

from .caller import Caller
from .scene import Answer
from .serving import Place

ASSET = re.compile(r'(?:href|src)="(/assets/[^"]+)"')
JSON = {"Accept": "application/json"}


class ApiClient(Caller):
    """Calls of a program whose session is a bearer token."""

    async def log_in(self) -> str | None:
        """The token; None if there is none, which has been counted as a failure."""
        form = {"user": self.person.name, "email": f"{self.person.name}@example.test"}
        answer = await self.send("POST", "/login", self.person.session, data=form, headers=JSON)
        token = self.field(answer, "/login", "token")
        if answer is not None and not token:
            self.fail("POST", "/login", "no token")
        return token if isinstance(token, str) and token else None

    async def browse(self) -> None:
        """Gets a document and its assets, makes an API call, and now and then posts a note."""
        page = await self._get("/")
        document = self.person.session.place
        for path in ASSET.findall(page.text) if page else ():
            if await self._get(path, document) is None:
                return
        await self.ask("/api/whoami", self.person.session, {})
        if random.random() < 0.25:
            await self.pin_note(self.person.session, {})

    async def _get(self, path: str, document: Place | None = None) -> Answer | None:
        return await self.send("GET", path, self.person.session, document)
