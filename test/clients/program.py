"""Drives an API server through the official Python client.

usage: program.py KUBECONFIG

Prints one line of JSON per step: {"step": NAME, "error": TEXT or null}.
"""

import json
import sys
import threading
import traceback

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.stream import stream

GROUP, VERSION, PLURAL, NAMESPACE = "kubevirt.io", "v1", "virtualmachineinstances", "default"
TIMEOUT_SECONDS = 20

config.load_kube_config(config_file=sys.argv[1])
core = client.CoreV1Api()
custom = client.CustomObjectsApi()
steps = []


def step(function):
    steps.append(function)
    return function


def expect(found, wanted):
    assert found == wanted, f"expected {wanted!r}, found {found!r}"


def expect_code(code, call):
    try:
        call()
    except ApiException as error:
        expect(error.status, code)
        return json.loads(error.body)
    raise AssertionError(f"expected HTTP {code}, but the call succeeded")


def config_map(name, **data):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name), data=data)


def machine(name, labels=None):
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"domain": {"memory": {"guest": "64Mi"}, "devices": {}}},
    }


@step
def version_and_discovery():
    info = client.VersionApi().get_code()
    assert info.git_version.startswith("v1."), info.git_version
    names = {group.name for group in client.ApisApi().get_api_versions().groups}
    assert {"apiextensions.k8s.io", "rbac.authorization.k8s.io", GROUP} <= names, names
    resources = {resource.name: resource for resource in core.get_api_resources().resources}
    expect(resources["pods/eviction"].kind, "Eviction")
    expect(sorted(resources["pods/exec"].verbs), ["create", "get"])


@step
def create_read_replace_delete():
    made = core.create_namespaced_config_map(NAMESPACE, config_map("py-one", a="1"), field_manager="py")
    assert made.metadata.uid and made.metadata.creation_timestamp.tzinfo
    expect(made.metadata.managed_fields[0].manager, "py")
    stale = core.read_namespaced_config_map("py-one", NAMESPACE)
    made.data["b"] = "2"
    core.replace_namespaced_config_map("py-one", NAMESPACE, made)
    stale.data["c"] = "3"
    status = expect_code(409, lambda: core.replace_namespaced_config_map("py-one", NAMESPACE, stale))
    expect(status["reason"], "Conflict")
    expect_code(409, lambda: core.create_namespaced_config_map(NAMESPACE, config_map("py-one")))
    expect(core.delete_namespaced_config_map("py-one", NAMESPACE).status, "Success")
    expect_code(404, lambda: core.read_namespaced_config_map("py-one", NAMESPACE))


@step
def a_dry_run_stores_nothing():
    core.create_namespaced_config_map(NAMESPACE, config_map("py-dry"), dry_run="All")
    expect_code(404, lambda: core.read_namespaced_config_map("py-dry", NAMESPACE))


@step
def patches_of_a_built_in():
    core.create_namespaced_config_map(NAMESPACE, config_map("py-patch", a="1", b="2"))
    # A dict goes out as a strategic merge patch, a list as a JSON patch.
    patched = core.patch_namespaced_config_map("py-patch", NAMESPACE, {"data": {"b": None, "c": "3"}})
    expect(patched.data, {"a": "1", "c": "3"})
    patched = core.patch_namespaced_config_map(
        "py-patch", NAMESPACE, [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "remove", "path": "/data/a"}]
    )
    expect(patched.data, {"c": "3"})


@step
def strategic_merge_knows_keys():
    account = {"metadata": {"name": "py-account"}, "imagePullSecrets": [{"name": "one"}]}
    core.create_namespaced_service_account(NAMESPACE, account)
    patch = {"imagePullSecrets": [{"name": "two"}]}
    patched = core.patch_namespaced_service_account("py-account", NAMESPACE, patch)
    expect(sorted(item.name for item in patched.image_pull_secrets), ["one", "two"])


@step
def server_side_apply():
    maps = DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")

    def apply(manager, value, **more):
        fields = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "py-apply"}, "data": {"key": value}}
        # This version of the client sends a body of this type only as text.
        body = json.dumps(fields)
        return maps.server_side_apply(body=body, name="py-apply", namespace=NAMESPACE, field_manager=manager, **more)

    expect(apply("first", "1").data.key, "1")
    status = expect_code(409, lambda: apply("second", "2"))
    expect(status["details"]["causes"][0]["reason"], "FieldManagerConflict")
    expect(apply("second", "2", force_conflicts=True).data.key, "2")


@step
def pages_of_a_list():
    for number in range(5):
        body = config_map(f"py-page-{number}")
        body.metadata.labels = {"set": "py-pages"}
        core.create_namespaced_config_map(NAMESPACE, body)
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map(NAMESPACE, label_selector="set=py-pages", limit=2, _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    expect(names, [f"py-page-{number}" for number in range(5)])
    core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="set=py-pages")
    expect(core.list_namespaced_config_map(NAMESPACE, label_selector="set=py-pages").items, [])


@step
def a_watch_from_a_list():
    revision = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version

    def change():
        core.create_namespaced_config_map(NAMESPACE, config_map("py-watch", a="1"))
        core.patch_namespaced_config_map("py-watch", NAMESPACE, {"data": {"a": "2"}})
        core.delete_namespaced_config_map("py-watch", NAMESPACE)

    changing = threading.Thread(target=change)
    changing.start()
    seen = []
    watcher = watch.Watch()
    for event in watcher.stream(
        core.list_namespaced_config_map,
        NAMESPACE,
        resource_version=revision,
        field_selector="metadata.name=py-watch",
        timeout_seconds=TIMEOUT_SECONDS,
    ):
        seen.append((event["type"], event["object"].data["a"]))
        if event["type"] == "DELETED":
            watcher.stop()
    changing.join()
    expect(seen, [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")])


@step
def a_watch_of_a_revision_to_come_fails():
    watcher = watch.Watch()
    try:
        for _ in watcher.stream(
            core.list_namespaced_config_map, NAMESPACE, resource_version="999999999", timeout_seconds=2
        ):
            raise AssertionError("an event")
    except ApiException as error:
        expect(error.status, 410)
        return
    raise AssertionError("the watch ended without an error")


@step
def custom_objects():
    made = custom.create_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, machine("py-vm", {"set": "py"}))
    expect(made["metadata"]["generation"], 1)
    patched = custom.patch_namespaced_custom_object(
        GROUP, VERSION, NAMESPACE, PLURAL, "py-vm", {"metadata": {"annotations": {"a": "b"}}}
    )
    expect(patched["metadata"]["annotations"]["a"], "b")
    listed = custom.list_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, label_selector="set=py")
    expect([item["metadata"]["name"] for item in listed["items"]], ["py-vm"])
    everywhere = custom.list_cluster_custom_object(GROUP, VERSION, PLURAL)
    assert any(item["metadata"]["name"] == "py-vm" for item in everywhere["items"])
    bad = machine("py-bad")
    bad["spec"]["domain"]["devices"]["disks"] = "none"
    expect(expect_code(422, lambda: custom.create_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, bad))["reason"], "Invalid")


@step
def a_watch_of_custom_objects():
    watcher = watch.Watch()
    for event in watcher.stream(
        custom.list_namespaced_custom_object, GROUP, VERSION, NAMESPACE, PLURAL, timeout_seconds=TIMEOUT_SECONDS
    ):
        expect(event["type"], "ADDED")
        expect(event["object"]["metadata"]["name"], "py-vm")
        watcher.stop()


@step
def deletion_of_custom_objects():
    custom.delete_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, "py-vm")
    left = custom.list_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL)["items"]
    assert all("deletionTimestamp" in item["metadata"] for item in left), left


@step
def the_dynamic_client():
    dynamic = DynamicClient(client.ApiClient())
    machines = dynamic.resources.get(api_version=f"{GROUP}/{VERSION}", kind="VirtualMachineInstance")
    expect(machines.name, PLURAL)
    assert "vmi" in machines.short_names, machines.short_names
    made = machines.create(body=machine("py-dynamic"), namespace=NAMESPACE)
    expect(machines.get(name="py-dynamic", namespace=NAMESPACE).metadata.uid, made.metadata.uid)


@step
def a_log():
    expect(core.read_namespaced_pod_log("web", NAMESPACE), "one\ntwo\n")


@step
def exec_in_a_pod():
    command = ["sh", "-c", "read line; echo out $line; echo err >&2; exit 3"]
    session = stream(
        core.connect_get_namespaced_pod_exec,
        "web",
        NAMESPACE,
        command=command,
        stdin=True,
        stdout=True,
        stderr=True,
        tty=False,
        _preload_content=False,
    )
    session.write_stdin("in\n")
    session.run_forever(timeout=TIMEOUT_SECONDS)
    expect(session.read_stdout(), "out in\n")
    expect(session.read_stderr(), "err\n")
    expect(session.returncode, 3)


@step
def tokens_of_accounts():
    body = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    made = core.create_namespaced_service_account_token("py-account", NAMESPACE, body)
    review = client.AuthenticationV1Api().create_token_review(
        client.V1TokenReview(spec=client.V1TokenReviewSpec(token=made.status.token))
    )
    expect(review.status.user.username, f"system:serviceaccount:{NAMESPACE}:py-account")


@step
def an_eviction():
    body = client.V1Eviction(metadata=client.V1ObjectMeta(name="web", namespace=NAMESPACE))
    core.create_namespaced_pod_eviction("web", NAMESPACE, body)
    expect_code(404, lambda: core.read_namespaced_pod("web", NAMESPACE))


def main():
    for function in steps:
        error = None
        try:
            function()
        except Exception:
            error = traceback.format_exc(limit=3)
        print(json.dumps({"step": function.__name__.replace("_", " "), "error": error}), flush=True)


main()
