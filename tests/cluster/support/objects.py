"""The objects that the cases apply, short to write."""

from typing import Any

from .cluster import Object

HTTP_PORT, HTTPS_PORT = 18080, 18443


def meta(name: str, namespace: str = "", **more: Any) -> Object:
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def gateway(name: str, port: int, namespace: str = "gloo-system", **spec: Any) -> Object:
    """In the namespace of a control plane, on all addresses."""
    return {
        "apiVersion": "gateway.solo.io/v1",
        "kind": "Gateway",
        "metadata": meta(name, namespace),
        "spec": {
            "bindAddress": "0.0.0.0",
            "bindPort": port,
            "proxyNames": ["gateway-proxy"],
            "httpGateway": {},
            **spec,
        },
    }


def virtual_service(
    name: str, domain: str, *routes: Object, options: Object | None = None, **spec: Any
) -> Object:
    host: Object = {"domains": [domain], "routes": list(routes)}
    if options:
        host["options"] = options
    return {
        "apiVersion": "gateway.solo.io/v1",
        "kind": "VirtualService",
        "metadata": meta(name),
        "spec": {"virtualHost": host, **spec},
    }


def route_table(name: str, *routes: Object) -> Object:
    return {
        "apiVersion": "gateway.solo.io/v1",
        "kind": "RouteTable",
        "metadata": meta(name),
        "spec": {"routes": list(routes)},
    }


def upstream(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Upstream",
        "metadata": meta(name),
        "spec": spec,
    }


def kube_upstream(name: str, service: str, namespace: str, port: int = 8080) -> Object:
    of = {"serviceName": service, "serviceNamespace": namespace, "servicePort": port}
    return upstream(name, kube=of)


def static_upstream(name: str, address: str, port: int = 8080) -> Object:
    return upstream(name, static={"hosts": [{"addr": address, "port": port}]})


def to_upstream(name: str, namespace: str, prefix: str = "/", **route: Any) -> Object:
    action = {"single": {"upstream": meta(name, namespace)}}
    return {"matchers": [{"prefix": prefix}], "routeAction": action, **route}


def to_service(name: str, namespace: str, prefix: str = "/", port: int = 8080) -> Object:
    action = {"single": {"kube": {"ref": meta(name, namespace), "port": port}}}
    return {"matchers": [{"prefix": prefix}], "routeAction": action}


def to_table(name: str, namespace: str, prefix: str = "/") -> Object:
    return {"matchers": [{"prefix": prefix}], "delegateAction": {"ref": meta(name, namespace)}}


def says(body: str, prefix: str = "/", status: int = 200) -> Object:
    """Answers without any backend."""
    return {
        "matchers": [{"prefix": prefix}],
        "directResponseAction": {"status": status, "body": body},
    }


def tls_secret(name: str, certificate: str, key: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta(name),
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": certificate, "tls.key": key},
    }
