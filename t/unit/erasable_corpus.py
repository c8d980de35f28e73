"""Mails before and after a person was erased: FOLDER/N.before, N.after, N.person. Judged by Python's parser."""
import email
import email.header
import pathlib
import re
import sys

SENDERS = ("from", "sender", "resent-from", "resent-sender")


def decoded(value):
    try:
        return str(email.header.make_header(email.header.decode_header(str(value))))
    except (LookupError, ValueError):
        return str(value)


def text(part):
    content = part.get_payload(decode=True) or b""
    try:
        return content.decode(part.get_content_charset() or "latin-1", "replace")
    except LookupError:
        return content.decode("latin-1")


def readings(mail):
    """What a reader is shown: (where, text)."""
    for part in mail.walk():
        for name, value in part.items():
            yield name.lower(), re.sub(r"boundary=(\"[^\"]*\"|[^;\s]*)", "", decoded(value), flags=re.I)
        if part.is_multipart():
            yield "between", (part.preamble or "") + (part.epilogue or "")
        elif part.get_content_maintype() == "text":
            yield "text", text(part)


def tells(person, reading):
    """Does it tell of the person, and not only of somebody whose address ends so?"""
    return re.search(r"(?<![\w.+=-])" + re.escape(person) + r"(?![\w-]|\.\w)", reading, re.I)


def main(folder):
    judged = told = 0
    wrong = []
    for file in sorted(pathlib.Path(folder).glob("*.person")):
        person, path = file.read_text().split("\n")
        before, after = (email.message_from_bytes(file.with_suffix(s).read_bytes()) for s in (".before", ".after"))
        own = [value for name in SENDERS for value in before.get_all(name, [])]
        if any(tells(person, decoded(value)) for value in own):
            continue
        found = [r for r in readings(before) if tells(person, r[1])]
        left = [r for r in readings(after) if tells(person, r[1])]
        judged += 1
        told += len(found)
        wrong += [f"{path}: {person} in {where}: {reading[:200]!r}" for where, reading in left]
        if not found and file.with_suffix(".before").read_bytes() != file.with_suffix(".after").read_bytes() and not own:
            wrong.append(f"{path}: {person} is nowhere in it, but it is not what it was")
    print(f"# {judged} mails and people, {told} places")
    print("\n".join(wrong))
    return 1 if wrong or not told else 0


sys.exit(main(sys.argv[1]))
