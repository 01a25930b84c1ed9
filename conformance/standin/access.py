"""Whether policies allow what a call asks for: a deny wins, one allow is enough, `*` and `?` are wildcards, names are
compared segment by segment. What a call asks for is `asks`' business."""

import re


def fits(pattern, text):
    """Whether a pattern with wildcards is all of a text."""
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(c) or re.escape(c) for c in pattern), text, re.DOTALL) is not None


def listed(value):
    return value if isinstance(value, list) else [value]


def names(pattern, resource):
    """Whether a statement's resource names the one that is asked about. Only `*` names what has no name."""
    if pattern == "*" or resource == "*":
        return pattern == "*"
    theirs, ours = pattern.split(":", 5), resource.split(":", 5)
    if len(theirs) != 6 or len(ours) != 6:
        return False
    theirs[4] = theirs[4] or ours[4]  # an empty account is the owner of the policy
    return all(fits(a, b) for a, b in zip(theirs, ours))


def holds(condition, tags):
    """Whether every line of a condition holds; one that is not known does not."""
    pairs = [f"{k}&{v}" for k, v in (tags or {}).items()]
    compare = {"for_any_value:string_equal": str.__eq__, "for_any_value:string_like": fits}
    return all(operator in compare and key == "qcs:resource_tag"
               and any(compare[operator](wanted, pair) for wanted in listed(values) for pair in pairs)
               for operator, lines in condition.items() for key, values in lines.items())


def concerns(statement, asked):
    """Whether a statement speaks of this action on this resource."""
    return (any(fits(a.removeprefix("name/"), asked["action"]) for a in listed(statement["action"]))
            and any(names(r, asked["resource"]) for r in listed(statement["resource"]))
            and holds(statement.get("condition", {}), asked["tags"]))


def denied(documents, asks):
    """Those that the documents do not allow."""
    return [asked for asked in asks if not allowed(documents, asked)]


def allowed(documents, asked):
    effects = {s["effect"] for d in documents for s in d["statement"] if concerns(s, asked)}
    return effects == {"allow"}
