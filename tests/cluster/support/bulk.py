"""Many objects at once, faster than kubectl, which asks for one after the other."""

import http.client
import json
import queue
import ssl
import threading

from .cluster import Cluster, Object

_WORKERS = 8


def create_all(
    cluster: Cluster, path: str, objects: list[Object], at_once: int = _WORKERS, again: int = 0
) -> int:
    """Creates objects below a path such as /apis/gateway.solo.io/v1/namespaces/x/virtualservices.

    So many are asked for at once, from the first moment on. So many answers of 500 are tried again; returns how many
    there were.
    """
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for one in objects:
        waiting.put(json.dumps(one).encode())
    failures: list[str] = []
    repeated: list[bytes] = []
    together = threading.Barrier(at_once, timeout=60)

    def work() -> None:
        connection = _connect(cluster)
        connection.connect()
        together.wait()
        while not failures:
            try:
                body = waiting.get_nowait()
            except queue.Empty:
                return
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status == 500 and len(repeated) < again:
                repeated.append(body)
                waiting.put(body)
            elif answer.status != 201:
                failures.append(f"{answer.status} {said[:300]!r}")

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    assert waiting.empty(), "some of the clients did not come to their requests"
    return len(repeated)


def _connect(cluster: Cluster) -> http.client.HTTPSConnection:
    pki = cluster.folder / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    return http.client.HTTPSConnection("172.30.0.1", 6443, context=context, timeout=60)
