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
    async def log_in(self) -> str | None:
        """Log in, and return the token; None if that failed, which has been counted."""
        form = {"user": self.person.name, "email": f"{self.person.name}@example.test"}
        answer = await self.send("POST", "/login", self.person.session, data=form, headers=JSON)
        token = self.field(answer, "/login", "token")
        if answer is not None and not token:
            self.fail("POST", "/login", "no token")
        return token if isinstance(token, str) and token else None

    async def browse(self) -> None:
        """One round of requests: a document and its assets, an API call, and now and then a note."""
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
