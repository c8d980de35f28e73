"""Mails as Python's email package reads them: paths on standard input, one JSON object a line on standard output."""
import email
import email.header
import email.policy
import json
import re
import sys


def older(text):
    """RFC 2047 by the older decoder: it keeps all white space within words, and adds none between them."""
    return str(email.header.make_header(email.header.decode_header(re.sub(r"\r?\n", "", text))))


def names(mail, legacy, field):
    """Display names of a field, each as both decoders read it: the newer one squeezes white space."""
    if mail[field] is None:
        return []
    found = [[address.display_name] for address in mail[field].addresses]
    words = re.findall(r"((?:=\?\S+\?=\s*)+)<", re.sub(r"\r?\n", "", legacy[field]))
    if len(words) == len(found):
        for name, word in zip(found, words):
            name.append(older(word.strip()))
    return found


def decode(path):
    with open(path, "rb") as file:
        envelope, raw = file.read().split(b"\n", 1)
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    legacy = email.message_from_bytes(raw, policy=email.policy.compat32)
    return {
        "file": path,
        "envelope": envelope.decode().strip(),
        "fields": [name for name in mail.keys()],
        "defects": [str(defect) for part in mail.walk() for defect in part.defects],
        "values": {name.lower(): str(mail[name]) for name in mail.keys()},
        "addresses": {name.lower(): [address.addr_spec for address in mail[name].addresses]
                      for name in mail.keys() if hasattr(mail[name], "addresses")},
        "names": {name.lower(): names(mail, legacy, name) for name in mail.keys() if hasattr(mail[name], "addresses")},
        "parts": [{"type": part.get_content_type(), "filename": part.get_filename(), "id": part["Content-ID"],
                   "params": sorted(key for key, _ in part.get_params(failobj=[])[1:]),
                   "content": part.get_payload(decode=True).decode("utf-8", "replace")}
                  for part in mail.walk() if not part.is_multipart()],
    }


for line in sys.stdin.buffer.read().splitlines():
    print(json.dumps(decode(line.decode())))
