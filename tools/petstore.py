#!/usr/bin/env python3
"""The backend of examples/petstore: a list of pets as JSON, on loopback only."""

import argparse
import http.server
import json

PETS = [
    {"id": 1, "name": "Dog", "status": "available"},
    {"id": 2, "name": "Cat", "status": "pending"},
]
PREFIX = "/api/pets"


def find(path: str) -> object | None:
    """What a path holds: all pets, one of them, or nothing."""
    path = path.partition("?")[0].rstrip("/")
    if path == PREFIX:
        return PETS
    return next((pet for pet in PETS if path == f"{PREFIX}/{pet['id']}"), None)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # pylint: disable=invalid-name
        found = find(self.path)
        status, content = (404, {"error": "no such pet"}) if found is None else (200, found)
        body = (json.dumps(content) + "\n").encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # pylint: disable=invalid-name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9090, help="[%(default)s]")
    port = parser.parse_args().port
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        print(f"pets at http://127.0.0.1:{port}{PREFIX} and {PREFIX}/<id>; Ctrl-C ends", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
