#!/usr/bin/env python3
"""Starts the stand-in for the cloud; see README.md. Everything lives in the package of the same name."""

from standin.server import main

if __name__ == "__main__":
    main()
