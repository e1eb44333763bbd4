#!/usr/bin/env python3
"""Writes the classes of a recognition model, one a line, for programs that decode its output. usage: list_characters.py MODEL OUT"""

import pathlib
import sys

from ctc import characters

pathlib.Path(sys.argv[2]).write_text("".join(c + "\n" for c in characters(pathlib.Path(sys.argv[1]))))
