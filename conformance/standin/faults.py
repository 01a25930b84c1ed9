"""Breaks calls on demand. A rule says which calls it meets and what happens to them:

    {"service": "scf", "action": "GetFunction", "region": "ap-beijing", "access": "read"|"write",
     "nth": 2 | [1, 3], "probability": 0.2, "times": 5,
     "kind": "refuse", "code": "InternalError", "ms": 100, "status": 502}

All selectors are optional. `nth` counts the calls the selectors meet, from one. Kinds: refuse (`code`),
throttle, http500 and http500_after (`status`, 502 unless told), drop_before and drop_after (an error page,
or the connection closes, before or after the call took effect), truncate (half the answer), delay (`ms`), stale (a read answers as of before the last
write), wrong_content_type, garbage (a web page with status 200), stay_pending (a change takes `ms`).
"""

import random

from .refusal import require

KINDS = {"refuse", "throttle", "http500", "http500_after", "drop_before", "drop_after", "truncate", "delay", "stale",
         "wrong_content_type", "garbage", "stay_pending"}
SELECTORS = {"service", "action", "region", "access"}
KNOWN = SELECTORS | {"nth", "probability", "times", "kind", "code", "message", "ms", "status"}


class Faults:
    def __init__(self, rules, seed):
        for rule in rules:
            require(isinstance(rule, dict) and set(rule) <= KNOWN and rule.get("kind") in KINDS,
                    "InvalidParameter", f"not a fault rule: {rule}")
        self.rules = [{**rule, "met": 0, "hit": 0} for rule in rules]
        self.rng = random.Random(f"faults/{seed}")

    def uses(self, kind):
        return any(rule["kind"] == kind for rule in self.rules)

    def pick(self, service, action, region, write):
        """The first rule that strikes this call, or None. Every rule that meets it counts it."""
        facts = {"service": service, "action": action, "region": region,
                 "access": "write" if write else "read"}
        chosen = None
        for rule in self.rules:
            if any(rule[s] != facts[s] for s in SELECTORS if s in rule):
                continue
            rule["met"] += 1
            if chosen is None and self.strikes(rule):
                rule["hit"] += 1
                chosen = rule
        return chosen

    def strikes(self, rule):
        if rule["hit"] >= rule.get("times", rule["hit"] + 1):
            return False
        if "nth" in rule:
            nth = rule["nth"]
            return rule["met"] in (nth if isinstance(nth, list) else [nth])
        return self.rng.random() < rule.get("probability", 1.0)
