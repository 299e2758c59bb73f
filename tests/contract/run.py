#!/usr/bin/env python3
"""Asks a running platform for what its own OpenAPI document promises, with Schemathesis.

    run.py --url URL --data DIRECTORY [--examples N] [--seed N] [-- FLAGS OF SCHEMATHESIS]

DIRECTORY is the data folder of a fresh `marque demo`, whose operator's password and outbox it reads. All is asked twice: by the operator, and by
somebody with functions in Opel. What the latter may read of their own brand must stay out of the reach of somebody with
the same functions in Fiat. Each proves every few minutes who they are, so that what asks for a fresh proof gets it.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

# No administrator: whoever makes an account gives it functions only while nobody else could.
FUNCTIONS = ["operations", "updates", "security", "privacy", "support"]
PEERS = {"anna-of-opel": "opel", "ben-of-fiat": "fiat"}
# Whose account, whose session and about whom the run asks what nobody comes back from; hooks.py says how.
SPARE = ["dora", "emil", "fred", "gina"]
# A proof is fresh for ten minutes.
PROVE_EVERY_S = 240

CONFIGURATION = """
# The document names the shape of what is asked for; whether it can be done, as a person who exists, a role that the
# account's realm has or a time that lies ahead, is told by 422, 404 and 409. The first two may not do what the
# operator may, and strangers may not at all. Some answers lead elsewhere, or say that nothing has changed.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 303, 304, 403, 404, 409, 412, 422, 429, 503]

# And what is too long for any field is told of the body as a whole.
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429]

# Streams do not end by themselves.
[[operations]]
include-path = ["/v1/fleet/events", "/v1/vehicles/{{vehicle_id}}/signals/events"]
request-timeout = 0.5

# What is guessed there is refused as a stranger is; elsewhere, the run would have lost its session.
[[operations]]
include-path = ["/v1/session", "/v1/session/step-up", "/v1/account/password", "/v1/account/totp",
                "/v1/account/totp/confirmation"]
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 412, 422, 429, 503]

[auth.wfc]
path = "{people}"
"""

# The first asks what the operator may, who may most. In the second, all that anna reads is asked by ben, too.
AS_OPERATOR = 'user = "operator"'
AS_PEERS = f"""user = "{next(iter(PEERS))}"
peers = {json.dumps(list(PEERS))}
"""


class Refused(Exception):
    """The platform refused what the run itself needs."""


class Platform:
    """The API, as one of its users."""

    def __init__(self, url):
        self.url, self.token = url, None

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body)
        headers = {"content-type": "application/json", "idempotency-key": secrets.token_hex(16)}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        url = urllib.parse.urlsplit(self.url)
        # From an address of its own: who guesses passwords at the other one keeps nobody out here.
        peer = http.client.HTTPConnection(url.hostname, url.port, timeout=30, source_address=("127.0.0.2", 0))
        with contextlib.closing(peer):
            peer.request(method, path, data, headers)
            answer = peer.getresponse()
            text = answer.read()
        if answer.status >= 400:
            raise Refused(f"{method} {path} was answered {answer.status}: {text.decode()}")
        return json.loads(text) if text else None

    def sign_in(self, username, password):
        self.token = self.ask("POST", "/v1/session", {"username": username, "password": password})["token"]

    def other(self, username, password):
        """The same, as somebody else."""
        platform = Platform(self.url)
        platform.sign_in(username, password)
        return platform


def add_person(platform, data, username, brand, functions=()):
    """An account in one brand, and the password that was set for it."""
    body = {"username": username, "realm": "staff", "brands": [brand]}
    person = platform.ask("POST", "/v1/people", body)["person_id"]
    for function in functions:
        platform.ask("POST", f"/v1/people/{person}/roles", {"function": function, "brands": [brand]})
    platform.ask("POST", f"/v1/people/{person}/credential-reset")
    password = secrets.token_urlsafe(24)
    token = link_of(data / "outbox", username)
    Platform(platform.url).ask("POST", "/v1/credential-resets", {"token": token, "password": password})
    return person, password


def link_of(outbox, username):
    """The token in the letter to somebody. It is written right after the answer."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for letter in outbox.glob("*.txt"):
            lines = letter.read_text().splitlines()
            if f"Account: {username}" in lines:
                return next(line for line in lines if line.startswith("mqr_"))
        time.sleep(0.05)
    raise Refused(f"no letter to {username} in {outbox} after 30 s")


def credentials(name, platform):
    """The token of somebody, in the words of Web Fuzzing Commons."""
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {platform.token}"}]}


def prove(people):
    """Who they are, for what asks for a fresh proof."""
    for platform, password in people.values():
        platform.ask("POST", "/v1/session/step-up", {"password": password})


def ask_all(command, folder, environment, people):
    """Runs Schemathesis, and proves meanwhile again and again who asks. Whether it found nothing."""
    process = subprocess.Popen(command, cwd=folder, env=environment)
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(PROVE_EVERY_S) == 0
            prove(people)
    except (OSError, Refused):
        # It reports what it has found so far.
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def check_sessions(people):
    """A run whose sessions ended underway has asked as a stranger."""
    for name, (platform, _) in people.items():
        try:
            platform.ask("GET", "/v1/session")
        except Refused as refused:
            raise Refused(f"the session of {name} did not last: {refused}") from refused


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--seed", type=int)
    parser.add_argument("flags", nargs="*")
    args = parser.parse_args()
    operator = (args.data / "operator-password").read_text().strip()
    platform = Platform(args.url)
    platform.sign_in("operator", operator)
    peers = {name: add_person(platform, args.data, name, brand, FUNCTIONS) for name, brand in PEERS.items()}
    spare = {name: add_person(platform, args.data, name, "opel") for name in SPARE}
    people = {name: (platform.other(name, password), password) for name, (_, password) in peers.items()}
    people["operator"] = platform, operator
    needed = [person for person, _ in [*peers.values(), *(spare[name] for name in ("dora", "emil", "gina"))]]
    needed.append(platform.ask("GET", "/v1/session")["account"]["person_id"])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        auth = [credentials(name, platform) for name, (platform, _) in people.items()]
        (folder / "people.json").write_text(json.dumps({"auth": auth}))
        helpers = {name: platform.other(name, spare[name][1]) for name in ("dora", "gina")}
        tokens = {name: helper.token for name, helper in helpers.items()}
        told = {"url": args.url, "tokens": tokens, "needed": needed, "spare": spare["fred"][0],
                "passwords": {name: password for name, (_, password) in spare.items()}}
        (folder / "run.json").write_text(json.dumps(told))
        environment = os.environ | {
            "PYTHONPATH": str(pathlib.Path(__file__).parent),
            "SCHEMATHESIS_HOOKS": "hooks",
            "MARQUE_CONTRACT_RUN": str(folder / "run.json"),
        }
        clean = True
        for asked_by in (AS_OPERATOR, AS_PEERS):
            configuration = CONFIGURATION.format(people=folder / "people.json") + asked_by
            (folder / "schemathesis.toml").write_text(configuration)
            command = [pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file",
                       folder / "schemathesis.toml", "run", f"{args.url}/v1/openapi.json", "--checks", "all",
                       "--max-examples", str(args.examples), "--continue-on-failure", "--request-timeout", "10",
                       *args.flags]
            if args.seed is not None:
                command += ["--seed", str(args.seed)]
            clean &= ask_all(command, folder, environment, people)
            check_sessions(people | {name: (helper, None) for name, helper in helpers.items()})
        sys.exit(not clean)


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        sys.exit(str(refused))
