"""Thumbs: pictures are made smaller by a worker. (They are words here, and it counts their letters.)"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI, Form, HTTPException, Request, WebSocket, WebSocketDisconnect
from redis import Redis
from rq import Queue
from rq.job import Job
from starlette.middleware.sessions import SessionMiddleware

from version import VERSION

app = FastAPI(title="Thumbs", version=VERSION)
app.add_middleware(SessionMiddleware, secret_key=os.environ["SECRET_KEY"], same_site="lax", https_only=True)
redis = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue("thumbs", connection=redis)


def user_of(request: Request) -> str:
    user = request.session.get("user")
    if not user:
        raise HTTPException(401, "log in first")
    return user


User = Annotated[str, Depends(user_of)]


@app.post("/login")
def login(request: Request, name: Annotated[str, Form()]):
    request.session["user"] = name
    return {"version": VERSION, "user": name}


@app.get("/me")
def me(request: Request, user: User):
    return {"version": VERSION, "user": user, "url": str(request.url_for("me")), "from": request.client.host}


@app.post("/jobs", status_code=202)
def add_job(user: User, word: Annotated[str, Form()]):
    # The function by its name, and plain arguments: a worker of either version may take the job.
    job = queue.enqueue("jobs.shrink", word, result_ttl=3600)
    return {"version": VERSION, "job": job.id}


@app.get("/jobs/{job_id}")
def job_state(job_id: str, user: User):
    job = Job.fetch(job_id, connection=redis)
    return {"version": VERSION, "state": job.get_status(), "result": job.return_value()}


@app.websocket("/live")
async def live(socket: WebSocket):
    user = socket.session.get("user")
    if not user:
        await socket.close(1008, "log in first")
        return
    await socket.accept()
    try:
        while True:
            await socket.send_text(f"{VERSION} {user}: {await socket.receive_text()}")
    except WebSocketDisconnect:
        pass


@app.get("/health")
def health():
    redis.ping()
    return {"status": "ok"}
