"""Hands values back the way the platform does: same meaning, other spelling. Every distortion here is
either seen in the provider's published samples or reported by its clients; `wild` adds what nothing
forbids. A client that compares spellings instead of meanings plans changes for ever."""

import json
import urllib.parse

EXTRA_MEMBERS = {"StandinNote": "a member you have not heard of", "StandinList": [], "StandinNull": None}


class Speller:
    def __init__(self, mode, rng):
        self.mode, self.rng = mode, rng

    def chance(self, p=0.5):
        return self.mode != "plain" and self.rng.random() < p

    def wild(self, p=0.5):
        return self.mode == "wild" and self.rng.random() < p

    def shuffled(self, items):
        items = list(items)
        if self.mode != "plain":
            self.rng.shuffle(items)
        return items

    def empty_list(self):
        """`null` and `[]` are both seen for nullable lists."""
        return None if self.chance() else []

    def empty_text(self):
        return None if self.chance() else ""

    def keys(self, table):
        return dict(self.shuffled(table.items()))

    def text(self, value):
        """JSON text of a value, compact or spaced, slashes escaped or not."""
        separators = (", ", ": ") if self.chance(0.3) else (",", ":")
        out = json.dumps(value, ensure_ascii=self.chance(0.3), separators=separators)
        return out.replace("/", "\\/") if self.chance(0.4) else out

    def number(self, value):
        """A number inside a text, whose type nobody promises."""
        return self.rng.choice([str(value), float(value)]) if self.wild(0.4) else value

    def document(self, document, account):
        """A policy or trust document: key order, scalar or array, optional `name/`, `:root` or the uin."""
        if self.mode == "plain":
            return json.dumps(document)
        out = {"version": document["version"],
               "statement": self.shuffled(self.statement(s, account) for s in document["statement"])}
        out = self.keys(out)
        if self.wild(0.1):
            out = {"strategyInfo": out}
        text = self.text(out)
        # Samples are URL-encoded: they were made with GET.
        return self.rng.choice([urllib.parse.quote, urllib.parse.quote_plus])(text) if self.wild(0.2) else text

    def statement(self, statement, account):
        out = {}
        for key, value in statement.items():
            if key == "action":
                out[key] = self.values([self.action(a) for a in listed(value)])
            elif key == "principal" and isinstance(value, dict):
                out[key] = self.keys({kind: self.values([self.principal(p) for p in listed(who)])
                                      for kind, who in value.items()})
            elif key == "resource":
                out[key] = self.shuffled(listed(value))
            elif key == "condition":
                out[key] = self.keys({op: {k: self.values(listed(v)) for k, v in tests.items()}
                                      for op, tests in value.items()})
            else:
                out[key] = value
        if "condition" not in out and self.wild(0.2):
            out["condition"] = {}
        return self.keys(out)

    def values(self, items):
        items = self.shuffled(items)
        return items[0] if len(items) == 1 and self.chance() else items

    def action(self, action):
        """`name/sts:AssumeRole` and `sts:AssumeRole` are one action."""
        if action == "*" or not self.chance(0.4):
            return action
        return action[5:] if action.startswith("name/") else "name/" + action

    def principal(self, who):
        """`qcs::cam::uin/1:root` and `qcs::cam::uin/1:uin/1` are one account."""
        if who.startswith("qcs::cam::uin/") and self.chance():
            uin, _, tail = who[len("qcs::cam::uin/"):].partition(":")
            if tail == "root":
                return f"qcs::cam::uin/{uin}:uin/{uin}"
            if tail == f"uin/{uin}":
                return f"qcs::cam::uin/{uin}:root"
        return who

    def extra(self, table):
        """Members that no definition names: a client must not fall over them."""
        if self.chance(0.5):
            table = {**table, **EXTRA_MEMBERS}
        return self.keys(table)


def listed(value):
    return list(value) if isinstance(value, list) else [value]
