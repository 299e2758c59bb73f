"""What Schemathesis calls around each request, so that a run does not take from itself what it asks with.

Whoever asks keeps name, password, session and proof: what changes the own account is asked by dora, whom nobody else
needs, what guesses passwords of the own account by gina, who is soon locked out, and what ends the session by emil, who
signs in for each. Acts on people whom the run needs are turned to fred.
Connections come from many addresses: what the platform lets one guess is soon used up.
"""

import ipaddress
import itertools
import json
import os
import pathlib
import time

import schemathesis
import urllib3.util.connection

from run import PROVE_EVERY_S, Platform

RUN = json.loads(pathlib.Path(os.environ["MARQUE_CONTRACT_RUN"]).read_text())
ENDS_SESSION = "DELETE /v1/session"
GUESSES = ["/v1/session/step-up", "/v1/account/password", "/v1/account/totp", "/v1/account/totp/confirmation"]
COUNT = itertools.count(1 << 16)
connect = urllib3.util.connection.create_connection


def connect_from_elsewhere(address, timeout=None, source_address=None, socket_options=None):
    from_address = ipaddress.IPv4Address((127 << 24) + next(COUNT) % ((1 << 24) - 1))
    return connect(address, timeout, (str(from_address), 0), socket_options)


urllib3.util.connection.create_connection = connect_from_elsewhere


class Dora:
    """One session for the whole run: her name may change, and her password cannot, as nobody guesses it."""

    def __init__(self):
        self.platform, self.prove_at = Platform(RUN["url"]), 0.0
        self.platform.token = RUN["tokens"]["dora"]

    def token(self):
        if time.monotonic() > self.prove_at:
            self.platform.ask("POST", "/v1/session/step-up", {"password": RUN["passwords"]["dora"]})
            self.prove_at = time.monotonic() + PROVE_EVERY_S
        return self.platform.token


DORA = Dora()


def token_of(name):
    platform = Platform(RUN["url"])
    platform.sign_in(name, RUN["passwords"][name])
    return platform.token


@schemathesis.hook
def before_call(_context, case, _kwargs):
    if case.method == "GET":
        return
    path = case.path_parameters or {}
    if path.get("person_id") in RUN["needed"]:
        path["person_id"] = RUN["spare"]
    # Requests that are to be without credentials, or with wrong ones, stay so.
    if not case.headers.get("authorization", "").startswith("Bearer mq_"):
        return
    if case.operation.label == ENDS_SESSION:
        case.headers["authorization"] = f"Bearer {token_of('emil')}"
    elif case.operation.path in GUESSES:
        case.headers["authorization"] = f"Bearer {RUN['tokens']['gina']}"
    elif case.operation.path.startswith("/v1/account"):
        case.headers["authorization"] = f"Bearer {DORA.token()}"


def is_nothing(value):
    """What is sent as a parameter without a value: also lists and objects of nothing."""
    within = value.values() if isinstance(value, dict) else value
    return value in (None, "") or (isinstance(value, dict | list | tuple) and all(map(is_nothing, within)))


@schemathesis.hook
def filter_case(_context, case):
    """A parameter without a value is as if it were not there, which a schema cannot say."""
    return not any(map(is_nothing, (case.query or {}).values()))
