"""DKIM signatures as dkimpy judges them: paths on standard input, "pass" or "fail" a line on standard output.

The one argument is a file of public keys, "name record" a line, in place of DNS.
"""
import sys

import dkim

with open(sys.argv[1], "rb") as file:
    keys = dict(line.rstrip(b"\n").split(b" ", 1) for line in file)


def look_up(name, timeout=5):
    return keys.get(name.rstrip(b"."))


for path in sys.stdin.read().split():
    with open(path, "rb") as file:
        message = file.read()
    try:
        verified = dkim.DKIM(message, minkey=2048).verify(dnsfunc=look_up)
    except dkim.DKIMException:
        verified = False
    print("pass" if verified else "fail")
