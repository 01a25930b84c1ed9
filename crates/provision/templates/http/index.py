"""Answers requests: the event holds method, path, headers, query and body."""

import json


def main_handler(event, context):
    name = (event.get("queryString") or {}).get("name", "world")
    return {
        "isBase64Encoded": False,
        "statusCode": 200,
        "headers": {"Content-Type": "application/json; charset=utf-8"},
        "body": json.dumps({"hello": name}, ensure_ascii=False),
    }
