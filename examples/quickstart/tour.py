"""The tour: requests past a real Envoy, and what must come back.

Each step is one request with the answer that the policy in ../../policies promises. Standard library
only: HTTP/1.1 is Python's own client, gRPC the `call` program beside this file.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import subprocess
import sys
import textwrap
import time

ISSUER = "https://id.doorward.example"

# Who takes part: the token's user, roles and groups. What it does not say, ../../policies/bindings.yaml adds.
PEOPLE = {
    "viewer": {"user": "vera@example.com", "roles": "viewer"},
    "organizer": {"user": "omar@example.com", "groups": "/staff/events"},  # a binding makes the group organizer
    "manager": {"user": "carol@example.com"},  # a binding makes her manager
    "admin": {"user": "ada@example.com", "roles": "admin,auditor"},
}


@dataclasses.dataclass
class Step:
    """One request, and the answer it must get."""

    title: str
    send: str  # `GET /path`, or `GRPC package.Service/Method`
    status: int  # HTTP status, or gRPC code
    why: str
    reason: str = ""  # the `reason` of the answer; empty: allowed
    token: str = ""
    headers: tuple = ()
    told: dict = dataclasses.field(default_factory=dict)  # headers the upstream must have got; None: not at all
    answer: dict = dataclasses.field(default_factory=dict)  # headers of the answer
    saw: str = ""  # `METHOD /path` as the upstream must have got it, where it differs from `send`
    by_envoy: bool = False  # refused by Envoy itself, before it asks
    logged: str = ""  # the word in doorward's log, where the caller is told less


SPOOFED = (("x-user-id", "root"), ("X-User-Roles", "admin"), ("x-user-id", "second"))
NOBODY = {"x-user-id": None, "x-user-roles": None}

CHAPTERS = [
    (
        "Who is there?",
        [
            Step("Anyone may ask for the health", "GET /events/health", 200, "the route says `access: anonymous`"),
            Step(
                "but not for the events",
                "GET /events",
                401,
                "the route needs the code event:read, and no token says who asks",
                reason="token_missing",
                answer={"www-authenticate": "Bearer"},
            ),
            Step("A token whose time is over", "GET /events", 401, "it expired an hour ago", "token_expired", token="expired"),
            Step(
                "A token for another service",
                "GET /events",
                401,
                "its audience is `billing`; the configuration says `shop`",
                reason="token_invalid",
                token="elsewhere",
                logged="audience_mismatch",
            ),
            Step(
                "A token that someone else signed",
                "GET /events",
                401,
                "says admin, but the key that signed it is not the issuer's",
                reason="token_invalid",
                token="stranger",
                logged="key_unknown",
            ),
            Step(
                "A token whose signature was changed",
                "GET /events",
                401,
                "one character differs",
                reason="token_invalid",
                token="forged",
                logged="signature_invalid",
            ),
        ],
    ),
    (
        "What may they do?",
        [
            Step(
                "Vera, a viewer, reads an event",
                "GET /events/e-1",
                200,
                "viewer grants event:read; the service is told who she is",
                token="viewer",
                told={
                    "x-user-id": "vera@example.com",
                    "x-user-roles": "viewer",
                    "x-user-codes": "event:read,venue:read",
                    "x-user-primary-role": "viewer",
                    "x-user-tenant": "acme",
                    "x-user-groups": None,
                },
            ),
            Step(
                "but creates none",
                "POST /events",
                403,
                "event:create is granted by organizer and admin",
                reason="code_missing",
                token="viewer",
            ),
            Step(
                "Omar, an organizer, does",
                "POST /events",
                200,
                "his token names a group; a binding in the policy makes that group organizer",
                token="organizer",
                told={"x-user-id": "omar@example.com", "x-user-roles": "organizer", "x-user-groups": "/staff/events"},
            ),
            Step(
                "but deletes none",
                "DELETE /events/e-1",
                403,
                "the route wants the role admin beside the code",
                reason="role_missing",
                token="organizer",
            ),
            Step(
                "Carol, a manager, changes a venue",
                "PUT /venues/v-1",
                200,
                "her token names no role at all; a binding does, and manager grants venue:*",
                token="manager",
                told={"x-user-id": "carol@example.com", "x-user-roles": "manager"},
            ),
            Step("and removes it", "DELETE /venues/v-1", 200, "venue:* covers venue:delete too", token="manager"),
            Step(
                "Ada, an admin, reads no audit trail",
                "GET /events/e-1/audit",
                403,
                "she is auditor too, but admin denies audit:*, and a deny wins over every grant",
                reason="code_missing",
                token="admin",
            ),
            Step(
                "and no one gets inside",
                "GET /events/internal/metrics",
                403,
                "the route says `access: denied`",
                reason="route_denied",
                token="admin",
            ),
            Step(
                "The report is for the office",
                "GET /events/report",
                403,
                "127.0.0.1 is not in the network `office`",
                reason="ip_denied",
                token="admin",
            ),
            Step(
                "What no route names does not exist",
                "GET /events/e-1/secrets",
                404,
                "default deny, for admins as for everyone",
                reason="route_unknown",
                token="admin",
            ),
            Step("nor does what no service has", "GET /billing", 404, "no service answers for it", "service_unknown", token="admin"),
            Step(
                "A method the path does not have",
                "DELETE /events",
                405,
                "the path is known, for other methods",
                reason="method_not_allowed",
                token="admin",
                answer={"allow": "GET, HEAD, POST"},
            ),
        ],
    ),
    (
        "Tricks",
        [
            Step(
                "Vera says she is root",
                "GET /events/e-1",
                200,
                "identity headers are set anew or removed on every allow; hers never arrive",
                token="viewer",
                headers=SPOOFED,
                told={"x-user-id": "vera@example.com", "x-user-roles": "viewer"},
            ),
            Step(
                "So does someone without a token",
                "GET /events/health",
                200,
                "on anonymous routes too",
                headers=SPOOFED,
                told=NOBODY,
            ),
            Step(
                "and in other spellings",
                "GET /events/health",
                200,
                "to some services x.user.id is x-user-id",
                headers=(("x.user.id", "root"), ("x-user.roles", "admin")),
                told={**NOBODY, "x.user.id": None, "x-user.roles": None},
            ),
            Step(
                "or with an underscore",
                "GET /events/health",
                400,
                "to many services x_user_id is x-user-id, so no header may have one",
                headers=(("X_User_Id", "root"),),
                by_envoy=True,
            ),
            Step(
                "Up from an open path",
                "GET /events/health/../e-1",
                401,
                "Envoy resolves the dots for all: /events/e-1",
                reason="token_missing",
            ),
            Step(
                "the same, encoded",
                "GET /events/health/%2e%2e/internal/metrics",
                403,
                "is /events/internal/metrics",
                reason="route_denied",
                token="admin",
            ),
            Step(
                "with an encoded slash",
                "GET /events/health%2f..%2finternal",
                400,
                "a service might decode it, so it goes no further",
                token="admin",
                by_envoy=True,
            ),
            Step(
                "encoded twice",
                "GET /events/%252e%252e/venues",
                400,
                "could be read in two ways: refused, never repaired",
                reason="path_ambiguous",
                token="admin",
            ),
            Step(
                "with a path parameter",
                "GET /events/health;/e-1",
                400,
                "some services cut off what follows a `;`",
                reason="path_ambiguous",
                token="admin",
            ),
            Step(
                "or an empty segment",
                "GET //events//internal",
                403,
                "Envoy merges slashes for all: /events/internal",
                reason="route_denied",
                token="admin",
            ),
            Step(
                "A POST that says it is a DELETE",
                "POST /events",
                200,
                "decided as POST, and the service sees nothing else",
                token="organizer",
                headers=(("x-http-method-override", "DELETE"),),
                told={"x-http-method-override": None},
            ),
        ],
    ),
    (
        "gRPC",
        [
            Step(
                "Vera gets an event",
                "GRPC events.v1.EventService/GetEvent",
                0,
                "viewer grants event:read here too",
                token="viewer",
                headers=(("x-user-id", "root"),),
                told={"x-user-id": "vera@example.com"},
            ),
            Step(
                "but deletes none",
                "GRPC events.v1.EventService/DeleteEvent",
                7,
                "the route wants the role admin beside the code",
                reason="role_missing",
                token="viewer",
            ),
            Step(
                "Nobody gets one",
                "GRPC events.v1.EventService/GetEvent",
                16,
                "no token says who asks",
                reason="token_missing",
            ),
            Step(
                "Carol updates a venue",
                "GRPC venues.v1.VenueService/UpdateVenue",
                0,
                "venue:* by binding, over gRPC as over HTTP",
                token="manager",
                told={"x-user-id": "carol@example.com"},
            ),
        ],
    ),
]

GRPC_CODES = {0: "OK", 7: "PERMISSION_DENIED", 12: "UNIMPLEMENTED", 14: "UNAVAILABLE", 16: "UNAUTHENTICATED"}


class Keys:
    """Development tokens, each minted once by `doorward token`."""

    def __init__(self, doorward, folder):
        self.doorward = doorward
        self.folder = folder

    def token(self, name):
        path = self.folder / f"{name}.jwt"
        if not path.exists():
            path.write_text(self.mint(name))
        return path.read_text()

    def saved(self, name):
        self.token(name)
        return self.folder / f"{name}.jwt"

    def mint(self, name):
        if name == "forged":
            head, body, signature = self.token("viewer").split(".")
            other = "A" if signature[10] != "A" else "B"
            return f"{head}.{body}.{signature[:10]}{other}{signature[11:]}"
        person = PEOPLE.get(name) or PEOPLE["admin" if name == "stranger" else "viewer"]
        command = [self.doorward, "token", "--issuer", ISSUER, "--user", person["user"]]
        command += ["--audience", "billing" if name == "elsewhere" else "shop"]
        command += ["--expires-in", "-3600" if name == "expired" else "86400"]
        command += ["--key", str(self.folder / ("stranger.pem" if name == "stranger" else "private.pem"))]
        command += ["--claim", 'tenant="acme"']
        for option in ("roles", "groups"):
            if option in person:
                command += [f"--{option}", person[option]]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def walk(port, call, keys, stack):
    """Walks all steps; true when every answer was as told."""
    number = wrong = 0
    for chapter, steps in CHAPTERS:
        print(f"\n{bold(chapter)}", flush=True)
        for step in steps:
            number += 1
            reached, log = upstream_lines(stack), decisions(stack)
            got = ask_grpc(step, port, call, keys) if step.send.startswith("GRPC ") else ask_http(step, port, keys)
            got.decision = new_decision(stack, len(log), step)
            problems = compare(step, got, upstream_lines(stack) - reached)
            wrong += bool(problems)
            show(number, step, got, problems)
    if wrong:
        print(f"\n{red(f'{wrong} of {number} requests were not answered as told')}", flush=True)
    else:
        print(f"\n{green(f'all {number} requests were answered as told')}", flush=True)
    return wrong == 0


def upstream_lines(stack):
    """How many requests have reached the services: each is one line of their logs."""
    return sum((stack.folder / f"{name}.log").read_bytes().count(b"\n") for name in ("events", "venues"))


def decisions(stack):
    """The lines of doorward's log that tell of decisions."""
    lines = (stack.folder / "doorward.log").read_text().splitlines(keepends=True)
    whole = (json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n"))
    return [line for line in whole if "decision_id" in line]


def new_decision(stack, before, step):
    """The line of this step; Envoy's own refusals have none."""
    for _ in range(0 if step.by_envoy else 200):
        fresh = decisions(stack)[before:]
        if fresh:
            return fresh[-1]
        time.sleep(0.01)
    return {}


@dataclasses.dataclass
class Got:
    status: int
    reason: str
    headers: list  # of the answer
    seen: dict | None  # what the upstream says it got
    decision: dict = dataclasses.field(default_factory=dict)  # its line in doorward's log


def ask_http(step, port, keys):
    method, path = step.send.split(" ")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in all_headers(step, keys):
        connection.putheader(name, value)
    if method in ("POST", "PUT", "PATCH"):
        connection.putheader("content-length", "2")
        connection.endheaders(b"{}")
    else:
        connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    try:
        body = json.loads(text)
    except ValueError:
        body = {}
    seen = body if answer.status == 200 else None
    return Got(answer.status, body.get("reason", ""), answer.getheaders(), seen)


def ask_grpc(step, port, call, keys):
    command = [str(call), "--to", f"127.0.0.1:{port}", "--id", "e-1"]
    for name, value in all_headers(step, keys):
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run([*command, step.send.removeprefix("GRPC ")], stdout=subprocess.PIPE, text=True, check=True)
    body = json.loads(done.stdout)
    reason = body.get("message", "").split(":")[0]  # `reason: sentences`
    return Got(body["code"], reason, [], body if body["code"] == 0 else None)


def all_headers(step, keys):
    token = [("authorization", f"Bearer {keys.token(step.token)}")] if step.token else []
    return [*token, *step.headers]


def compare(step, got, reached):
    """What is not as told, in words."""
    problems = []
    if got.status != step.status:
        problems.append(f"the status is {got.status}, not {step.status}")
    if not step.by_envoy and got.reason != step.reason:
        problems.append(f"the reason is `{got.reason}`, not `{step.reason}`")
    allowed = not step.reason and not step.by_envoy
    if reached != (1 if allowed else 0):
        problems.append(f"{reached} requests reached the services")
    logged = step.logged or step.reason or "allowed"
    if not step.by_envoy and got.decision.get("reason") != logged:
        problems.append(f"the log says `{got.decision.get('reason')}`, not `{logged}`")
    for name, part in step.answer.items():
        values = [value for key, value in got.headers if key.lower() == name]
        if len(values) != 1 or part not in values[0]:
            problems.append(f"the answer's `{name}` is {values}, not `{part}`")
    for name, value in step.told.items():
        values = [found for key, found in (got.seen or {}).get("headers", []) if key.lower() == name]
        if values != ([] if value is None else [value]):
            problems.append(f"the service got {name} = {values}, not {value}")
    if got.seen and not step.send.startswith("GRPC "):
        seen = f"{got.seen['method']} {got.seen['path']}"
        if seen != (step.saw or step.send):
            problems.append(f"the service got `{seen}`")
    return problems


def show(number, step, got, problems):
    who = {"": "no token", **{name: f"token of {person['user']}" for name, person in PEOPLE.items()}}
    sent = f"{step.send.replace('GRPC ', 'gRPC ')}   {dim(who.get(step.token, f'token: {step.token}'))}"
    print(f"\n {red('✗') if problems else green('✓')} {number:2}  {bold(step.title)}")
    line("→", sent)
    for name, value in step.headers:
        line(" ", f"{name}: {value}")
    if step.send.startswith("GRPC "):
        answer = f"{got.status} {GRPC_CODES.get(got.status, '')}"
    else:
        answer = f"{got.status} {http.client.responses.get(got.status, '')}"
    colour = green if got.seen is not None else yellow
    line("←", f"{colour(answer)}   {'refused by Envoy' if step.by_envoy else got.reason}")
    for name in step.answer:
        for key, value in got.headers:
            if key.lower() == name:
                line(" ", f"{name}: {value}")
    if got.seen is not None:
        told = [(name, value) for name, value in got.seen["headers"] if "user" in name and name != "user-agent"]
        if not told:
            line("⇢", dim(f"{got.seen['service']} was told of no user"))
        for at, (name, value) in enumerate(told):
            line("⇢" if at == 0 else " ", f"{name}: {value}")
    line(" ", step.why)
    if got.decision.get("place"):
        also = f"{got.decision['reason']}, " if step.logged else ""
        line(" ", dim(f"log: {also}{got.decision.get('route')} at policies/{got.decision['place']}"))
    for problem in problems:
        line("✗", red(problem))
    sys.stdout.flush()


def line(mark, text):
    first, *more = textwrap.wrap(text, 100, break_long_words=False) or [""]
    print(f"        {dim(mark)} {first}")
    for rest in more:
        print(f"          {rest}")


COLOURS = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(code):
    return lambda text: f"\x1b[{code}m{text}\x1b[0m" if COLOURS else text


bold, dim, red, green, yellow = (paint(code) for code in ("1", "2", "31", "32", "33"))
