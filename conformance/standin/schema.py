"""Checks requests against the official definitions: an unknown member, a missing one or one of the
wrong type is refused. The same check over answers (`violations`) keeps the stand-in itself honest."""

import json
import pathlib

from .refusal import Refusal

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "definitions"


class Definition:
    """One service: its version, its actions, the shape of every object."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        self.service, self.version = raw["service"], raw["version"]
        self.actions, self.objects = raw["actions"], raw["objects"]

    def check_request(self, action, params):
        for code, where in self._walk(self.actions[action]["request"], params, ""):
            raise Refusal(code, f"the parameter `{where}` of {action} is not valid")

    def violations(self, action, answer):
        """What is wrong with an answer of ours; empty unless the stand-in has a bug."""
        return [where for _, where in self._walk(self.actions[action]["response"], answer, "", True)]

    def _walk(self, name, value, path, answer=False):
        if not isinstance(value, dict):
            yield "InvalidParameter", path or "(body)"
            return
        members = self.objects[name]
        for key in value:
            if key not in members:
                yield "UnknownParameter", path + key
        for key, member in members.items():
            if key not in value:
                if member.get("required") and not answer:
                    yield "MissingParameter", path + key
            elif not (answer and value[key] is None and member.get("nullable")):
                yield from self._value(member, value[key], path + key, answer)

    def _value(self, member, value, path, answer):
        kind = member["type"]
        if kind == "object":
            yield from self._walk(member["of"], value, path + ".", answer)
        elif kind == "list":
            if not isinstance(value, list):
                yield "InvalidParameter", path
                return
            for index, item in enumerate(value):
                inner = member["of"]
                element = {"type": "object", "of": inner} if inner in self.objects else {"type": inner}
                yield from self._value(element, item, f"{path}.{index}", answer)
        elif not scalar(kind, value):
            yield "InvalidParameter", path


def scalar(kind, value):
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int64":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "uint64":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if kind == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, str)


def load_all():
    return {d.service: d for d in map(Definition, sorted(FOLDER.glob("*.json")))}
