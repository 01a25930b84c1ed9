"""Runs when the timer fires; `Message` is the trigger's `argument`."""

import os


def main_handler(event, context):
    job = event.get("Message", "nothing in particular")
    print(f"log level {os.environ.get('LOG_LEVEL')}: doing {job}")
    return {"done": job}
