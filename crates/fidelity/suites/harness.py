"""What suites share: an expectation is one line of JSON, whatever happens in it."""

import json

CHECKS = []


def check(operation, name, kind, source):
    def keep(run):
        CHECKS.append((operation, name, kind, source, run))
        return run

    return keep


def same(found, wanted, what="it"):
    if found != wanted:
        raise AssertionError(f"{what} is {found!r}, not {wanted!r}")


def run_all(told=str):
    """Runs what was kept; `told` says what is wrong by an error of the SDK's."""
    for operation, name, kind, source, run in CHECKS:
        line = {"operation": operation, "check": name, "kind": kind, "source": source, "ok": True}
        try:
            run()
        except Exception as cause:  # whatever it is, the others go on
            line |= {"ok": False, "detail": f"{type(cause).__name__}: {told(cause)}"[:300]}
        print(json.dumps(line), flush=True)
