#!/usr/bin/env python3
"""Looks at the TLS of each listener with sslyze (Mozilla's modern profile) and testssl.sh, the region's CA trusted.

    unshare --map-root-user --net run.py --marque PROGRAM

Runs in a network of its own, since the API speaks TLS on addresses other than loopback. Fails on what is above low
and not in allowed.toml, on what sslyze does not find modern, and on a finding in allowed.toml that is there no more.
"""

import argparse
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request

# TEST-NET-1 (RFC 5737): nobody's.
ADDRESS = "192.0.2.2"
LISTENERS = {"http": 8443, "mqtt": 8883, "est": 8884}
PATIENCE_S = 60
ABOVE_LOW = {"MEDIUM", "HIGH", "CRITICAL"}
# What testssl.sh says when it could not look at all, or not at something.
NOT_LOOKED, UNTOLD = "FATAL", "WARN"


def start(marque, data, log):
    listeners = [part for name, port in LISTENERS.items() for part in (f"--{name}", f"{ADDRESS}:{port}")]
    command = [marque, "cloud", "--data", data, "--hostname", ADDRESS, *listeners]
    return subprocess.Popen(command, stdout=log, stderr=log)


def wait_until_ready(platform, ca, log):
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if platform.poll() is not None:
            sys.exit(f"marque ended with {platform.returncode}:\n{log.read_text()}")
        try:
            context = ssl.create_default_context(cafile=ca)
            urllib.request.urlopen(f"https://{ADDRESS}:{LISTENERS['http']}/readyz", context=context, timeout=5)
            return
        except (urllib.error.URLError, FileNotFoundError):
            time.sleep(0.1)
    sys.exit(f"marque is not ready after {PATIENCE_S} s:\n{log.read_text()}")


def sslyze(listener, port, ca, folder):
    """What does not fit Mozilla's modern profile."""
    program = pathlib.Path(sys.executable).with_name("sslyze")
    report = folder / f"sslyze-{listener}.json"
    command = [program, "--mozilla_config=modern", f"--certinfo_ca_file={ca}", f"--json_out={report}",
               f"{ADDRESS}:{port}"]
    ran = subprocess.run(command, capture_output=True, text=True)
    scans = json.loads(report.read_text())["server_scan_results"] if report.exists() else []
    if [scan["scan_status"] for scan in scans] != ["COMPLETED"]:
        return [f"sslyze could not look:\n{ran.stdout}{ran.stderr}"]
    if ran.returncode == 0:
        return []
    compliance = ran.stdout.partition("COMPLIANCE AGAINST")[2]
    return [f"not modern:\n{compliance}"]


def testssl(listener, port, ca, folder):
    """What it found, by id."""
    report = folder / f"testssl-{listener}.json"
    command = ["testssl", "--quiet", "--color", "0", "--nodns", "none", "--warnings", "batch", "--add-ca", ca,
               "--jsonfile", report, f"{ADDRESS}:{port}"]
    ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if not report.exists():
        sys.exit(f"testssl found nothing to say:\n{ran.stdout}{ran.stderr}")
    findings = json.loads(report.read_text())
    if not any(finding["id"] == "TLS1_3" for finding in findings):
        sys.exit(f"testssl did not come to the end:\n{ran.stdout}{ran.stderr}")
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--marque", required=True)
    args = parser.parse_args()
    for command in (["ip", "link", "set", "lo", "up"], ["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"]):
        subprocess.run(command, check=True)
    text = (pathlib.Path(__file__).parent / "allowed.toml").read_text()
    allowed = {(listener, finding["id"]) for finding in tomllib.loads(text)["finding"]
               for listener in finding["listeners"]}
    wrong, seen = [], set()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        log = folder / "log"
        with log.open("w") as out:
            platform = start(args.marque, folder / "data", out)
        try:
            ca = folder / "data/pki/eu/ca.pem"
            wait_until_ready(platform, ca, log)
            for listener, port in LISTENERS.items():
                problems = sslyze(listener, port, ca, folder)
                print(f"{listener:5} sslyze  {'not modern' if problems else 'modern'}", flush=True)
                wrong += [f"{listener}: {problem}" for problem in problems]
                findings = testssl(listener, port, ca, folder)
                for finding in findings:
                    name = (listener, finding["id"])
                    said = f"{finding['severity']} {finding['id']}: {finding['finding']}"
                    if finding["severity"] == UNTOLD:
                        print(f"{listener:5} testssl {said}", flush=True)
                    if finding["severity"] not in ABOVE_LOW | {NOT_LOOKED}:
                        continue
                    verdict = "allowed" if name in allowed else "wrong"
                    print(f"{listener:5} testssl {said} ({verdict})", flush=True)
                    seen.add(name)
                    if name not in allowed:
                        wrong.append(f"{listener}: {said}")
                print(f"{listener:5} testssl {len(findings)} findings in all", flush=True)
        finally:
            platform.terminate()
            platform.wait(PATIENCE_S)
    wrong += [f"{listener}: `{finding}` is allowed and not found; take it out of allowed.toml"
              for listener, finding in sorted(allowed - seen)]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
