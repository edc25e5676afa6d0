#!/usr/bin/env python3
"""Gives each Service of type LoadBalancer an address of a pool; kube-proxy does the rest.

  load_balancer.py SERVER PKI-FOLDER POOL

A `spec.loadBalancerIP` in the pool is honoured as soon as it is free.
"""

import ipaddress
import json
import pathlib
import ssl
import sys
import time
import urllib.request
from typing import Any, Iterator

Service = dict[str, Any]


class Api:
    """The few calls of the API that are made here."""

    def __init__(self, server: str, pki: pathlib.Path) -> None:
        self.server = server
        self.context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self.context.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    def open(self, path: str, method: str = "GET", body: object = None) -> Any:
        request = urllib.request.Request(
            self.server + path,
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/merge-patch+json"},
        )
        return urllib.request.urlopen(request, context=self.context, timeout=70)

    def services(self) -> tuple[list[Service], str]:
        with self.open("/api/v1/services") as answer:
            found = json.load(answer)
        return found["items"], found["metadata"]["resourceVersion"]

    def changes(self, since: str) -> Iterator[None]:
        """Yields at each change of a Service, for a minute."""
        query = f"watch=1&resourceVersion={since}&timeoutSeconds=60"
        with self.open(f"/api/v1/services?{query}") as answer:
            for _ in answer:
                yield

    def publish(self, service: Service, address: str) -> None:
        meta = service["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}/status"
        self.open(
            path, "PATCH", {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
        ).close()
        print(meta["namespace"], meta["name"], address, flush=True)


def addresses_of(service: Service) -> list[str]:
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    return [one["ip"] for one in ingress if "ip" in one]


def assign(api: Api, services: list[Service], pool: list[str]) -> None:
    """Gives addresses to those that have none, or another than they ask for."""
    balanced = [one for one in services if one["spec"].get("type") == "LoadBalancer"]
    used = {address for one in balanced for address in addresses_of(one)}
    for service in balanced:
        wanted = service["spec"].get("loadBalancerIP")
        have = addresses_of(service)
        if have and (not wanted or wanted in have):
            continue
        free = [address for address in pool if address not in used]
        address = wanted or (free[0] if free else None)
        if address in free:
            used.add(address)
            api.publish(service, address)


def main() -> None:
    server, pki, network = sys.argv[1:]
    api = Api(server, pathlib.Path(pki))
    pool = [str(address) for address in ipaddress.ip_network(network).hosts()]
    while True:
        try:
            services, version = api.services()
            assign(api, services, pool)
            for _ in api.changes(version):
                assign(api, api.services()[0], pool)
        except (OSError, ValueError, KeyError) as error:
            print(f"trying again: {error}", flush=True)
            time.sleep(0.3)


if __name__ == "__main__":
    main()
