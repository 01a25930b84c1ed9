"""Runs for each object that arrives; one event may name several."""

from urllib.parse import unquote


def main_handler(event, context):
    keys = [unquote(r["cos"]["cosObject"]["key"]) for r in event.get("Records", [])]
    for key in keys:
        print(f"new object {key}")
    return {"seen": len(keys)}
