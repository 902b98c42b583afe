"""What the framework takes by itself: a POST that does nothing and answers 202, served as the box is."""

from __future__ import annotations

import socket
from typing import Any

import click
import uvicorn
from litestar import Litestar, Response, post

ANSWER = b'{"id":"msg_0000000000000","status":"queued","session":"ses_0000000000000","to":"+33639980000"}'


@post("/api/v1/messages", status_code=202)
async def nothing() -> Response[Any]:
    return Response(ANSWER, media_type="application/json")


def main() -> None:
    bound = socket.create_server(("127.0.0.1", 0))
    settings = uvicorn.Config(
        Litestar([nothing], openapi_config=None, logging_config=None),
        loop="uvloop", http="httptools", lifespan="on", log_level="warning", access_log=False, server_header=False,
    )  # fmt: skip
    click.echo(f"http://127.0.0.1:{bound.getsockname()[1]}")
    uvicorn.Server(settings).run(sockets=[bound])


if __name__ == "__main__":
    main()
