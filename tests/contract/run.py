#!/usr/bin/env python3
"""Asks a running platform for what its own OpenAPI document promises, with Schemathesis.

    run.py --url URL --data DIRECTORY [--examples N] [--seed N] [-- FLAGS OF SCHEMATHESIS]

DIRECTORY is the data folder of a `marque demo`, whose operator's password and outbox it reads. Three people ask:
one with all functions in Opel, one in Fiat, and the operator. Each signs in anew every few minutes, so that what
asks for a fresh proof of who one is gets it. What the first two may read of their own brand must stay out of the
other's reach.
"""

import argparse
import json
import pathlib
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

FUNCTIONS = ["administrator", "operations", "updates", "security", "privacy", "support"]
PEERS = {"anna-of-opel": "opel", "ben-of-fiat": "fiat"}
# A proof is fresh for ten minutes.
SIGN_IN_EVERY_S = 240

# Each with its reason.
CONFIGURATION = """
# The document names the shape of what is asked for; whether it can be done, as a person who exists, a role that the
# account's realm has or a time that lies ahead, is told by 422, 404 and 409. The first two may not do what the
# operator may, and strangers may not at all.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 412, 422, 429, 503]

[auth.wfc]
path = "{people}"
refresh_interval = {refresh}
peers = {peers}
"""


class Platform:
    """The API, as one of its users."""

    def __init__(self, url):
        self.url, self.token = url, None

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "idempotency-key": secrets.token_hex(16)}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path} was answered {error.code}: {error.read().decode()}")
        return json.loads(text) if text else None

    def sign_in(self, username, password):
        self.token = self.ask("POST", "/v1/session", {"username": username, "password": password})["token"]


def add_person(platform, data, username, brand):
    """An account with every function that staff has in one brand, and the password that was set for it."""
    body = {"username": username, "realm": "staff", "brands": [brand]}
    person = platform.ask("POST", "/v1/people", body)["person_id"]
    for function in FUNCTIONS:
        platform.ask("POST", f"/v1/people/{person}/roles", {"function": function, "brands": [brand]})
    platform.ask("POST", f"/v1/people/{person}/credential-reset")
    password = secrets.token_urlsafe(24)
    token = link_of(data / "outbox", username)
    Platform(platform.url).ask("POST", "/v1/credential-resets", {"token": token, "password": password})
    return password


def link_of(outbox, username):
    """The token in the letter to somebody. It is written right after the answer."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for letter in outbox.glob("*.txt"):
            lines = letter.read_text().splitlines()
            if f"Account: {username}" in lines:
                return next(line for line in lines if line.startswith("mqr_"))
        time.sleep(0.05)
    sys.exit(f"no letter to {username} in {outbox} after 30 s")


def credentials(url, name, password):
    """How Schemathesis signs somebody in, in the words of Web Fuzzing Commons."""
    return {
        "name": name,
        "loginEndpointAuth": {
            "verb": "POST",
            "externalEndpointURL": f"{url}/v1/session",
            "contentType": "application/json",
            "payloadRaw": json.dumps({"username": name, "password": password}),
            "token": {
                "extractFrom": "body",
                "extractSelector": "/token",
                "sendIn": "header",
                "sendName": "Authorization",
                "sendTemplate": "Bearer {token}",
            },
        },
    }


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
    people = {name: add_person(platform, args.data, name, brand) for name, brand in PEERS.items()}
    people["operator"] = operator
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        auth = [credentials(args.url, name, password) for name, password in people.items()]
        (folder / "people.json").write_text(json.dumps({"auth": auth}))
        (folder / "people.json").chmod(0o600)
        configuration = CONFIGURATION.format(
            people=folder / "people.json", refresh=SIGN_IN_EVERY_S, peers=json.dumps(list(PEERS))
        )
        (folder / "schemathesis.toml").write_text(configuration)
        command = [pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file",
                   folder / "schemathesis.toml", "run", f"{args.url}/v1/openapi.json", "--checks", "all",
                   "--max-examples", str(args.examples), "--continue-on-failure", "--rate-limit", "auto",
                   "--request-timeout", "10", *args.flags]
        if args.seed is not None:
            command += ["--seed", str(args.seed)]
        sys.exit(subprocess.run(command, cwd=folder).returncode)


if __name__ == "__main__":
    main()
