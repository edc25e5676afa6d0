"""The few custom resources that the resilience tests write."""


def direct(name: str, body: str, domain: str = "*") -> str:
    """A VirtualService that answers every path with a text."""
    return f"""\
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  virtualHost:
    domains: ["{domain}"]
    routes:
    - matchers: [{{prefix: /}}]
      directResponseAction: {{status: 200, body: {body}}}
"""


def gateway(port: int, route_options: str = "{}", options: str = "{}") -> str:
    """The Gateway of plain requests; `options` are those of HTTP."""
    return f"""\
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {{name: gateway-proxy, namespace: gloo-system}}
spec:
  bindAddress: 127.0.0.1
  bindPort: {port}
  httpGateway: {{options: {options}}}
  routeOptions: {route_options}
"""


def to_backend(name: str, port: int) -> str:
    """A VirtualService that sends everything to a port of this machine."""
    return f"""\
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  virtualHost:
    domains: ["*"]
    routes:
    - matchers: [{{prefix: /}}]
      routeAction: {{single: {{upstream: {{name: backend, namespace: default}}}}}}
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {{name: backend, namespace: default}}
spec:
  static: {{hosts: [{{addr: 127.0.0.1, port: {port}}}]}}
"""


def without_action(name: str) -> str:
    """A VirtualService that is well-formed, and wrong: its route does nothing."""
    return f"""\
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  virtualHost:
    domains: ["{name}.example"]
    routes:
    - matchers: [{{prefix: /}}]
"""


def settings(
    data: str,
    xds_address: str,
    validation_address: str,
    config: str = "config",
    max_bytes: int = 0,
    rest_address: str = "127.0.0.1:0",
    debug_address: str = "127.0.0.1:0",
) -> str:
    """Settings of file mode, for DATA/gloo-system/default.yaml: fields at the top level."""
    validation = f"{{validationServerGrpcMaxSizeBytes: {max_bytes}}}" if max_bytes else "{}"
    return f"""\
metadata: {{name: default, namespace: gloo-system}}
discoveryNamespace: gloo-system
watchNamespaces: [gloo-system]
refreshRate: 1s
gloo:
  xdsBindAddr: {xds_address}
  validationBindAddr: {validation_address}
  restXdsBindAddr: {rest_address}
  proxyDebugBindAddr: {debug_address}
gateway: {{validation: {validation}}}
directoryConfigSource: {{directory: {data}/{config}}}
directorySecretSource: {{directory: {data}/secret}}
directoryArtifactSource: {{directory: {data}/artifact}}
"""


def flat_gateway(port: int) -> str:
    """A Gateway as file mode has it."""
    return f"""\
metadata: {{name: gateway-proxy, namespace: gloo-system}}
bindAddress: 127.0.0.1
bindPort: {port}
httpGateway: {{}}
"""


def flat_direct(body: str) -> str:
    """A VirtualService as file mode has it, which answers with a text."""
    return f"""\
metadata: {{name: site, namespace: gloo-system}}
virtualHost:
  domains: ["*"]
  routes:
  - matchers: [{{prefix: /}}]
    directResponseAction: {{status: 200, body: {body}}}
"""


def flat_tls(ssl_port: int, secret: str) -> tuple[str, str]:
    """A Gateway with TLS, and a VirtualService with a certificate of its own, as file mode has them."""
    return (
        f"""\
metadata: {{name: gateway-proxy-ssl, namespace: gloo-system}}
bindAddress: 127.0.0.1
bindPort: {ssl_port}
ssl: true
proxyNames: [gateway-proxy]
httpGateway: {{}}
""",
        f"""\
metadata: {{name: secure, namespace: gloo-system}}
sslConfig: {{secretRef: {{name: {secret}, namespace: gloo-system}}}}
virtualHost:
  domains: ["*"]
  routes:
  - matchers: [{{prefix: /}}]
    directResponseAction: {{status: 200, body: secure}}
""",
    )


def flat_secret(name: str, certificate: str, key: str) -> str:
    """A Secret with a certificate, as file mode has it."""

    def block(text: str) -> str:
        return "\n".join("    " + line for line in text.strip().splitlines())

    return f"""\
metadata: {{name: {name}, namespace: gloo-system}}
tls:
  certChain: |
{block(certificate)}
  privateKey: |
{block(key)}
"""


def bootstrap(
    xds_port: int, admin_port: int, role: str | None, api_type: str = "GRPC", runtime: str = "", module: str = ""
) -> str:
    """The bootstrap of an Envoy that somebody else starts, over ADS: all at once, or DELTA_GRPC. It may say that it has
    a version of the module."""
    fields = [f"role: {role}"] if role else []
    metadata = f"metadata: {{{', '.join(fields + ([f'k8sgateway_module: {module!r}'] if module else []))}}}"
    return f"""\
node: {{id: gateway-proxy.gloo-system, cluster: gateway, {metadata}}}
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin_port}}}}}}}
layered_runtime: {{layers: [{{name: own, static_layer: {{{runtime}}}}}]}}
dynamic_resources:
  ads_config:
    api_type: {api_type}
    transport_api_version: V3
    grpc_services: [{{envoy_grpc: {{cluster_name: xds_cluster}}}}]
  cds_config: {{ads: {{}}, resource_api_version: V3}}
  lds_config: {{ads: {{}}, resource_api_version: V3}}
static_resources:
  clusters:
  - name: xds_cluster
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
    load_assignment:
      cluster_name: xds_cluster
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {xds_port}}}}}}}
"""
