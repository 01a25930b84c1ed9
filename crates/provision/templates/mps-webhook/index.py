"""Tells a WeCom group how a media task ended. An event that says nothing about an end posts nothing."""

import json
import os
import urllib.request

ROBOT = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="


def message(event):
    """One line about a task that has ended, or None."""
    kind = event.get("EventType", "")
    task = event.get(kind + "Event") or event.get(kind) or {}
    if task.get("Status") != "FINISH":
        return None
    # FINISH only means that it is over: the parts say how it went.
    parts = [p for p in task.get("MediaProcessResultSet") or [] if isinstance(p, dict)]
    results = [part for p in parts for part in p.values() if isinstance(part, dict)]
    failed = task.get("ErrCode") or any(r.get("Status") == "FAIL" for r in results)
    word = "failed" if failed else "is done"
    return f"{kind} {task.get('TaskId', 'without an id')} {word}"


def main_handler(event, context):
    text = message(event)
    print("nothing to tell" if text is None else text)
    if text is None:
        return {"sent": False}
    body = json.dumps({"msgtype": "text", "text": {"content": text}}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    address = ROBOT + os.environ["WECOM_WEBHOOK_KEY"]
    request = urllib.request.Request(address, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    if answer.get("errcode") != 0:
        raise RuntimeError(f"WeCom refused the message: {answer.get('errcode')} {answer.get('errmsg')}")
    return {"sent": True}
