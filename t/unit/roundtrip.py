"""Mails of a folder, N.eml, hold what N.json says: judged by Python's email package."""
import email
import email.header
import email.policy
import json
import pathlib
import re
import sys


def lines(text):
    return text.replace("\r\n", "\n")


def check_wire(raw):
    assert raw.endswith(b"\r\n"), "no line end at the end"
    assert b"\r" not in raw.replace(b"\r\n", b"") and b"\n" not in raw.replace(b"\r\n", b""), "a bare CR or LF"
    assert max(map(len, raw.split(b"\r\n"))) <= 998, "a line over 998"
    assert max(raw) < 128, "not 7-bit"
    head = raw.split(b"\r\n\r\n")[0].split(b"\r\n")
    for line in head:
        assert b"=?utf-8?" not in line or len(line) <= 76, f"an encoded word in a line over 76: {line}"
        for word in re.findall(rb"=\?utf-8\?[BQ]\?[^?]*\?=", line):
            assert len(word) <= 75, f"an encoded word over 75: {word}"
    for field in ("Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type"):
        count = sum(line.lower().startswith(field.lower().encode() + b":") for line in head)
        assert count == 1, f"{count} times {field}"
    assert not any(line.lower().startswith(b"bcc:") for line in head), "Bcc"


def names_of(header, legacy):
    """
    Display names of an address field. Python's address parser makes one space of several, and adds one between
    two encoded words; where the words tell it, the older decoder gives them exactly.
    """
    names = [address.display_name for address in header.addresses]
    if "=?" in legacy:
        words = re.findall(r"((?:=\?\S+\?=\s*)+)<", legacy)
        decoded = [str(email.header.make_header(email.header.decode_header(word.strip()))) for word in words]
        return names, decoded
    return names, []


def squeeze(text):
    return re.sub(r"\s+", "", text)


def check_names(mail, raw_mail, field, wanted):
    exact, decoded = names_of(mail[field], raw_mail[field])
    assert len(exact) == len(wanted), f"{field}: {exact}"
    for name in wanted:
        if name in decoded:
            continue
        assert any(name == other for other in exact), f"{field}: {name!r} not in {exact!r}, {decoded!r}"
    assert [squeeze(name) for name in exact] == [squeeze(name) for name in wanted], f"{field}: {exact!r}"


def parts_of(mail):
    return [part for part in mail.walk() if not part.is_multipart()]


def check(path):
    raw = path.read_bytes()
    wanted = json.loads(path.with_suffix(".json").read_text())
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    raw_mail = email.message_from_bytes(raw, policy=email.policy.compat32)

    check_wire(raw)
    for part in mail.walk():
        assert not part.defects, part.defects
    assert str(mail["Subject"]) == wanted["subject"], f"Subject: {mail['Subject']!r}"
    for field in ("From", "Reply-To", "To", "Cc"):
        boxes = wanted[field]
        assert (mail[field] is not None) == bool(boxes), field
        if boxes:
            assert [a.addr_spec for a in mail[field].addresses] == [b["email"] for b in boxes], field
            check_names(mail, raw_mail, field, [b["name"] for b in boxes])
    for name, value in wanted["headers"]:
        assert value in [str(v) for v in mail.get_all(name)], f"{name}: {mail.get_all(name)!r}"
    texts = {p.get_content_subtype(): p for p in parts_of(mail) if p.get_content_disposition() is None}
    for subtype in ("plain", "html"):
        text = wanted.get(subtype)
        assert (subtype in texts) == (text is not None), subtype
        if text is not None:
            got = texts[subtype].get_payload(decode=True).decode()
            if len(list(mail.walk())) == 1 and not text.endswith(("\n", "\r")):
                text += "\n"
            assert lines(got) == lines(text), f"{subtype}: {got!r}"
    files = [p for p in parts_of(mail) if p.get_content_disposition() is not None]
    # get_filename() strips
    assert sorted(p.get_filename() for p in files) == sorted(a["filename"].strip() for a in wanted["attachments"]), \
        f"filenames {[p.get_filename() for p in files]!r}"
    for part in files:
        attachment, = [a for a in wanted["attachments"] if a["filename"].strip() == part.get_filename()]
        assert part.get_payload(decode=True).hex() == attachment["hex"], part.get_filename()
        assert part.get_content_type() == attachment["type"], part.get_content_type()
        assert part.get_content_disposition() == attachment["disposition"], part.get_filename()
        assert part.get_param("name") is not None, "no name parameter"
        if attachment["disposition"] == "inline":
            assert part["Content-ID"] == f"<{attachment['contentid']}>", part["Content-ID"]


failed = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.eml")):
    try:
        check(path)
    except Exception as problem:
        failed += 1
        print(f"# {path.name}: {type(problem).__name__}: {problem}")
sys.exit(failed > 0)
