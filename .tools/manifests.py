"""Checks what .tools/manifests rendered: manifests.py OUT ENVOY_GATEWAY ISTIO_API PROMETHEUS_OPERATOR

The last three are folders of published modules, for the schemas of their custom resources. ConfigMaps are
unpacked into OUT/configs and OUT/policies, for `doorward lint`.
"""

import re
import shutil
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

KUBERNETES = "1.37.0"


class Loader(yaml.CSafeLoader):
    """The fast one; and a lone `=`, which YAML 1.1 keeps for itself, is a text."""


Loader.add_constructor("tag:yaml.org,2002:value", yaml.CSafeLoader.construct_scalar)
ROOT = Path(__file__).resolve().parent.parent
problems = []


def main(out, *modules):
    custom = {}
    gateway, istio, operator = map(Path, modules)
    for source in [
        *sorted((gateway / "charts/gateway-helm/charts/crds/crds").rglob("*.yaml")),
        istio / "kubernetes/customresourcedefinitions.gen.yaml",
        *sorted((operator / "example/prometheus-operator-crd").glob("*.yaml")),
    ]:
        collect(source, custom)

    seen = 0
    files = sorted((out / "rendered").glob("*.yaml"))
    files += sorted((ROOT / "deploy/envoy-gateway").glob("*.yaml"))
    files += [ROOT / "deploy/istio/authorization-policy.yaml", ROOT / "deploy/istio/envoy-filter.yaml"]
    for file in files:
        documents = documents_of(file.read_text())
        if not documents:
            problems.append(f"{file.name}: nothing in it")
        for document in documents:
            seen += 1
            name = f"{file.name}: {document.get('kind')} {document.get('metadata', {}).get('name')}"
            conforms(name, document, custom)
            if document["kind"] == "Deployment":
                restricted(name, document["spec"]["template"]["spec"])
            if document["kind"] == "ConfigMap":
                unpack(out, f"{file.stem}-{document['metadata']['name']}", document["data"])
        references(file.name, documents)
    istio_provider(istio)
    hardening()
    if problems:
        sys.exit("\n".join(problems))
    print(f"{seen} objects conform to the schemas of Kubernetes {KUBERNETES} and of {len(custom)} custom resources")


def documents_of(text):
    return [d for d in yaml.load_all(text, Loader) if d]


def document_of(text):
    return yaml.load(text, Loader)


def collect(source, custom):
    """The schemas of the custom resources in a file, refusing keys that they do not name."""
    for document in documents_of(source.read_text()):
        if document.get("kind") != "CustomResourceDefinition":
            continue
        for version in document["spec"]["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            closed(schema)
            for key in ("apiVersion", "kind", "metadata"):
                schema["properties"][key] = {}
            custom[f"{document['spec']['group']}/{version['name']}", document["spec"]["names"]["kind"]] = schema


def closed(schema):
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
    if "properties" in schema:
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for child in schema["properties"].values():
            closed(child)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            closed(schema[key])


def conforms(name, document, custom):
    schema = custom.get((document.get("apiVersion"), document.get("kind")))
    if schema:
        for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
            problems.append(f"{name}: {'/'.join(map(str, error.path))}: {error.message[:300]}")
        return
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        problems.append(f"{name}: {'/'.join(map(str, error.path))}: {error.message[:300]}")
    except kubernetes_validate.SchemaNotFoundError:
        problems.append(f"{name}: no schema for {document.get('apiVersion')}")


def restricted(name, pod):
    """The Pod Security Standard `restricted`, and a read-only root."""
    if pod.get("automountServiceAccountToken") is not False:
        problems.append(f"{name}: mounts the token of its account")
    for container in pod["containers"] + pod.get("initContainers", []):
        own = container.get("securityContext", {})
        both = {**pod.get("securityContext", {}), **own}
        wanted = {
            "runAsNonRoot": both.get("runAsNonRoot") is True,
            "runAsUser": both.get("runAsUser", 0) > 0,
            "seccompProfile": both.get("seccompProfile") == {"type": "RuntimeDefault"},
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
        }
        problems.extend(f"{name}: {container['name']}: {key}" for key, good in wanted.items() if not good)
        mounts, volumes = {m["name"] for m in container.get("volumeMounts", [])}, {v["name"] for v in pod["volumes"]}
        problems.extend(f"{name}: {container['name']}: no volume {gone}" for gone in mounts - volumes)
        ports = {p["name"] for p in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container.get(probe, {})
            port = (asked.get("httpGet") or asked.get("tcpSocket") or {}).get("port")
            if port is not None and port not in ports:
                problems.append(f"{name}: {container['name']}: {probe} asks a port without name: {port}")


def references(file, documents):
    """ConfigMaps that pods mount, accounts and targets are in the same rendering, or known to come from elsewhere."""
    have = {(d["kind"], d["metadata"]["name"]) for d in documents}
    elsewhere = {("ConfigMap", "shop-envoy")}
    for document in documents:
        wanted = set()
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            wanted |= {("ConfigMap", v["configMap"]["name"]) for v in pod["volumes"] if "configMap" in v}
            wanted |= {("ServiceAccount", pod[k]) for k in ["serviceAccountName"] if k in pod}
        if document["kind"] == "HorizontalPodAutoscaler":
            wanted.add(("Deployment", document["spec"]["scaleTargetRef"]["name"]))
        problems.extend(f"{file}: {kind} {name} is not there" for kind, name in wanted - have - elsewhere)
        labels = {k: v for d in documents if d["kind"] == "Deployment" for k, v in d["spec"]["template"]["metadata"]["labels"].items()}
        selector = {
            "Service": lambda s: s["selector"],
            "PodDisruptionBudget": lambda s: s["selector"]["matchLabels"],
            "NetworkPolicy": lambda s: s["podSelector"]["matchLabels"],
        }.get(document["kind"])
        if selector and not selector(document["spec"]).items() <= labels.items():
            problems.append(f"{file}: {document['kind']} {document['metadata']['name']} selects no pod")


def unpack(out, name, data):
    if "doorward.yaml" in data:
        folder = out / "configs" / name
        folder.mkdir(parents=True)
        # The policy lies elsewhere in the pod; here a complete one stands in for it.
        text = re.sub(r"(?m)^policies: .*$", "policies: policies", data["doorward.yaml"])
        (folder / "doorward.yaml").write_text(text)
        shutil.copytree(ROOT / "policies", folder / "policies")
    elif "envoy.yaml" not in data:
        folder = out / "policies" / name
        folder.mkdir(parents=True)
        for file, text in data.items():
            (folder / file).write_text(text)


def istio_provider(istio):
    """MeshConfig is no custom resource: its fields are read out of its protobuf."""
    proto = (istio / "mesh/v1alpha1/config.proto").read_text()
    message = proto.split("message EnvoyExternalAuthorizationGrpcProvider {", 1)[1].split("\n    }", 1)[0]
    fields = {re.sub(r"_(\w)", lambda m: m[1].upper(), f) for f in re.findall(r"^\s+[\w.]+ (\w+) = \d+;", message, re.M)}
    mesh = document_of((ROOT / "deploy/istio/values.yaml").read_text())["meshConfig"]
    for provider in mesh["extensionProviders"]:
        for field in provider["envoyExtAuthzGrpc"]:
            if field not in fields:
                problems.append(f"istio/values.yaml: {field} is not one of {sorted(fields)}")


def hardening():
    """What the other deployments set in Envoy is what deploy/envoy/envoy.yaml sets."""
    envoy = document_of((ROOT / "deploy/envoy/envoy.yaml").read_text())
    manager = envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    trailers, authorizer, _ = manager["http_filters"]

    kept = {"envoy.filters.http.ext_authz": authorizer, "envoy.filters.network.http_connection_manager": {"typed_config": manager}, "strip-client-trailers": trailers}
    for patch in document_of((ROOT / "deploy/istio/envoy-filter.yaml").read_text())["spec"]["configPatches"]:
        value = patch["patch"]["value"]
        if "name" in value:
            same(f"istio/envoy-filter.yaml: {value['name']}", {"typed_config": value["typed_config"]}, kept[value["name"]])

    for patch in document_of((ROOT / "deploy/envoy-gateway/envoy-patch-policy.yaml").read_text())["spec"]["jsonPatches"]:
        operation = patch["operation"]
        reference = authorizer["typed_config"] if "ext_authz" in operation["jsonPath"] else manager
        for key in operation["path"].strip("/").split("/"):
            reference = reference[int(key)] if key.isdigit() else reference.get(key)
        same(f"envoy-gateway/envoy-patch-policy.yaml: {operation['path']}", operation["value"], reference)

    traffic = document_of((ROOT / "deploy/envoy-gateway/client-traffic-policy.yaml").read_text())["spec"]
    if "clientIPDetection" in traffic:
        problems.append("client-traffic-policy.yaml: clientIPDetection turns use_remote_address off")
    early = manager["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
    stripped = traffic["headers"]["earlyRequestHeaders"]
    same("client-traffic-policy.yaml: remove", stripped["remove"], [m["remove"] for m in early if "remove" in m])
    matches = [m["remove_on_match"]["key_matcher"] for m in early if "remove_on_match" in m]
    patterns = [m["safe_regex"]["regex"] if "safe_regex" in m else m["prefix"] for m in matches]
    same("client-traffic-policy.yaml: removeOnMatch", [m["value"] for m in stripped["removeOnMatch"]], patterns)
    common = manager["common_http_protocol_options"]
    for ours, theirs in [
        (traffic["timeout"]["http"]["requestHeadersReceivedTimeout"], manager["request_headers_timeout"]),
        (traffic["timeout"]["http"]["streamIdleTimeout"], manager["stream_idle_timeout"]),
        (traffic["timeout"]["http"]["idleTimeout"], common["idle_timeout"]),
        (traffic["connection"]["connectionLimit"]["maxStreamDuration"], common["max_stream_duration"]),
        (traffic["http2"]["maxConcurrentStreams"], manager["http2_protocol_options"]["max_concurrent_streams"]),
    ]:
        same("client-traffic-policy.yaml", ours, theirs)
    for policy in documents_of((ROOT / "deploy/envoy-gateway/security-policies.yaml").read_text()):
        if policy["kind"] == "SecurityPolicy" and policy["spec"]["extAuth"]["failOpen"] is not False:
            problems.append("security-policies.yaml: failOpen")


def same(where, ours, theirs):
    """`ours` may say less than `theirs`, and nothing else."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            same(f"{where}.{key}", value, theirs.get(key))
    elif ours != theirs:
        problems.append(f"{where}: `{ours}`, where deploy/envoy/envoy.yaml has `{theirs}`")


main(Path(sys.argv[1]), *sys.argv[2:])
