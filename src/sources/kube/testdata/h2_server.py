#!/usr/bin/env python3
"""A small HTTP/2 server with TLS on loopback, whose paths are the ways in which servers behave and misbehave.

h2_server.py CERTIFICATE KEY [CLIENT_CA]: prints its port, and ends when its standard input is closed.

/echo        what was asked, as JSON: method, headers, body, connection, client (the name in its certificate)
/status/429  that code, with retry-after: 7
/lines/N     N lines, 10 ms apart
/large/N     N bytes at once
/hang        the head of an answer, then nothing; the connection lives
/silent      nothing; the connection lives
/cut         half an answer, then the end of the connection
/reset       half an answer, then the end of the stream
/freeze      the head of an answer; from then on the connection says nothing at all
/private     401 but for those who say "Bearer good"
/conflict    409 with the Status of an API server
/apis/N/*    a watch: N objects as initial events, then one more every 5 ms, until N + 50; see Connection.watch
              a list: no objects, and the version N + 50
/apis/missing.x/*   404: a group that is not there, as /apis says
/apis/coordination.k8s.io/*   GET, POST and PUT of objects, which have versions
"""

import asyncio
import json
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.exceptions


CONFLICT = {"kind": "Status", "status": "Failure", "message": "the object has been modified", "reason": "Conflict"}


class Connection(asyncio.Protocol):
    count = 0
    objects = {}

    def __init__(self):
        Connection.count += 1
        self.number = Connection.count
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.requests = {}
        self.window = asyncio.Event()
        self.frozen = False

    def connection_made(self, transport):
        self.transport = transport
        self.h2.initiate_connection()
        self.flush()

    def connection_lost(self, _):
        self.frozen = True
        self.window.set()

    def flush(self):
        if not self.frozen:
            self.transport.write(self.h2.data_to_send())

    def data_received(self, data):
        if self.frozen:
            return
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                headers = [(k.decode(), v.decode()) for k, v in event.headers]
                self.requests[event.stream_id] = (headers, bytearray())
            elif isinstance(event, h2.events.DataReceived):
                self.requests[event.stream_id][1].extend(event.data)
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, (h2.events.WindowUpdated, h2.events.StreamReset, h2.events.ConnectionTerminated)):
                self.window.set()
            if isinstance(event, h2.events.StreamEnded):
                asyncio.ensure_future(self.answer(event.stream_id, *self.requests.pop(event.stream_id)))
        self.flush()

    def head(self, stream, code=200, *more):
        self.h2.send_headers(stream, [(":status", str(code)), ("content-type", "application/json"), *more])
        self.flush()

    async def send(self, stream, data, end=False):
        view = memoryview(data)
        while view:
            size = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(view))
            if size == 0:
                self.window.clear()
                await self.window.wait()
                if self.frozen:
                    return
                continue
            self.h2.send_data(stream, bytes(view[:size]))
            view = view[size:]
            self.flush()
        if end:
            self.h2.end_stream(stream)
        self.flush()

    async def answer(self, stream, headers, body):
        try:
            path = dict(headers)[":path"]
            await self.answer_path(stream, path, headers, bytes(body))
        except (h2.exceptions.ProtocolError, KeyError):
            pass  # the client has let go of the stream

    async def answer_path(self, stream, path, headers, body):
        words = path.split("?")[0].strip("/").split("/")
        if words[0] == "status":
            self.head(stream, int(words[1]), ("retry-after", "7"))
            await self.send(stream, b"no", end=True)
        elif words[0] == "lines":
            self.head(stream)
            for n in range(int(words[1])):
                await self.send(stream, b"line %d\n" % n)
                await asyncio.sleep(0.01)
            await self.send(stream, b"", end=True)
        elif words[0] == "large":
            self.head(stream)
            await self.send(stream, b"x" * int(words[1]), end=True)
        elif words[0] == "hang":
            self.head(stream)
        elif words[0] == "cut":
            self.head(stream)
            await self.send(stream, b"half")
            self.transport.close()
        elif words[0] == "reset":
            self.head(stream)
            await self.send(stream, b"half")
            self.h2.reset_stream(stream, 2)
            self.flush()
        elif words[0] == "freeze":
            self.head(stream)
            self.frozen = True
        elif words[0] == "conflict":
            self.head(stream, 409)
            await self.send(stream, json.dumps(CONFLICT).encode(), end=True)
        elif words[0] == "private" and dict(headers).get("authorization") != "Bearer good":
            self.head(stream, 401)
            await self.send(stream, b"who are you", end=True)
        elif words[:2] == ["apis", "coordination.k8s.io"]:
            code, answer = self.store(dict(headers)[":method"], path, body)
            self.head(stream, code)
            await self.send(stream, json.dumps(answer).encode(), end=True)
        elif words == ["apis"]:
            self.head(stream)
            group = {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]}
            await self.send(stream, json.dumps({"kind": "APIGroupList", "groups": [group]}).encode(), end=True)
        elif words[:2] == ["apis", "missing.x"]:
            self.head(stream, 404)
            await self.send(stream, b"404 page not found\n", end=True)
        elif words[0] == "apis" and "watch=true" not in path:
            self.head(stream)
            newest = {"kind": "XList", "metadata": {"resourceVersion": str(int(words[1]) + 50)}, "items": []}
            await self.send(stream, json.dumps(newest).encode(), end=True)
        elif words[0] == "apis":
            await self.watch(stream, int(words[1]), path, cut=words[-1] == "cut")
        elif words[0] != "silent":
            peer = self.transport.get_extra_info("peercert") or {}
            client = [value for names in peer.get("subject", ()) for key, value in names if key == "commonName"]
            self.head(stream)
            echo = {"connection": self.number, "client": "".join(client), "body": body.decode(), "headers": headers}
            await self.send(stream, json.dumps(echo).encode(), end=True)

    def store(self, method, path, body):
        """What an API server does with an object and its version."""
        sent = json.loads(body or b"{}")
        if method == "POST":
            path += "/" + sent["metadata"]["name"]
        known = self.objects.get(path)
        if method == "GET":
            return (200, known) if known else (404, {})
        version = known["metadata"]["resourceVersion"] if known else None
        if sent["metadata"].get("resourceVersion") != version:
            return 409, CONFLICT
        sent["metadata"]["resourceVersion"] = str(int(version or 0) + 1)
        self.objects[path] = sent
        return 200, sent

    async def watch(self, stream, count, path, cut):
        """Objects of about 2 kB; a watch goes on where it is told to. With `cut`, the connection ends every 10 events."""

        def line(kind, name, version, more=None):
            metadata = {"name": name, "namespace": "ns", "resourceVersion": str(version), "uid": "u", **(more or {})}
            return json.dumps({"type": kind, "object": {"metadata": metadata, "spec": "x" * 2000}}).encode() + b"\n"

        self.head(stream)
        at = count
        if "resourceVersion=" in path:
            at = int(path.split("resourceVersion=")[1].split("&")[0])
        else:
            await self.send(stream, b"".join(line("ADDED", f"o{n}", n + 1) for n in range(count)))
            await self.send(stream, line("BOOKMARK", "", count, {"annotations": {"k8s.io/initial-events-end": "true"}}))
        for n in range(at, count + 50):
            await asyncio.sleep(0.005)
            await self.send(stream, line("ADDED", f"o{n}", n + 1))
            if cut and n % 10 == 9:
                await self.send(stream, line("ADDED", f"o{n + 1}", n + 2)[:100])
                self.transport.close()
                return


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    context.set_alpn_protocols(["h2"])
    if len(sys.argv) > 3:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(sys.argv[3])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
