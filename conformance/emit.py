"""Writes plain data as YAML or TOML, in as much of either as a manifest needs."""

import json
import re

BARE = re.compile(r"[A-Za-z_][\w\-]*")
PLAIN_YAML = re.compile(r"[A-Za-z][\w\-]*")
YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}


def yaml(value, depth=0):
    """Block style for tables, flow style (which is JSON) inside lists and for scalars."""
    lines = []
    for key, item in value.items():
        name = key if PLAIN_YAML.fullmatch(key) and key.lower() not in YAML_WORDS else json.dumps(key)
        if isinstance(item, dict) and item:
            lines.append(f"{'  ' * depth}{name}:")
            lines.append(yaml(item, depth + 1).rstrip("\n"))
        else:
            lines.append(f"{'  ' * depth}{name}: {yaml_scalar(item)}")
    return "\n".join(lines) + "\n"


def yaml_scalar(item):
    if isinstance(item, str) and PLAIN_YAML.fullmatch(item) and item.lower() not in YAML_WORDS:
        return item
    return json.dumps(item, ensure_ascii=False)


def toml(value):
    """Two levels of tables with headers, inline tables below."""
    heads = [f"{toml_key(k)} = {toml_value(v)}" for k, v in value.items() if not isinstance(v, dict)]
    blocks = []
    for key, table in value.items():
        if not isinstance(table, dict):
            continue
        flat = [f"{toml_key(k)} = {toml_value(v)}" for k, v in table.items() if not isinstance(v, dict)]
        if flat or not table:
            blocks.append("\n".join([f"[{toml_key(key)}]", *flat]))
        for name, inner in table.items():
            if isinstance(inner, dict):
                rows = [f"{toml_key(k)} = {toml_value(v)}" for k, v in inner.items()]
                blocks.append("\n".join([f"[{toml_key(key)}.{toml_key(name)}]", *rows]))
    return "\n".join(heads) + "\n\n" + "\n\n".join(blocks) + "\n"


def toml_key(key):
    return key if BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def toml_value(item):
    if isinstance(item, dict):
        return "{ " + ", ".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in item.items()) + " }" if item else "{}"
    if isinstance(item, list):
        return "[" + ", ".join(map(toml_value, item)) + "]"
    return json.dumps(item, ensure_ascii=False)
