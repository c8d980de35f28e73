"""The links of texts, as Python's HTML parser and mail parser see them.

mail_links.py FILE...: a JSON object a line. A mail (.eml) is taken apart first.
html: targets of a and area that are http or https; plain: URLs of the text;
images: sources of images; texts: the two texts themselves.
"""
import email
import email.policy
import html.parser
import json
import pathlib
import re
import sys


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.targets, self.images = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        first = dict(reversed(attrs))
        target = re.sub(r"[\t\r\n]", "", (first.get("href") or "").strip(" \t\r\n\f"))
        if tag in ("a", "area") and re.match("https?://", target, re.I):
            self.targets.append(target)
        if tag == "img":
            self.images.append(first.get("src") or "")


def texts_of(path):
    data = path.read_bytes()
    if path.suffix != ".eml":
        return {path.suffix[1:]: data.decode()}, {}
    mail = email.message_from_bytes(data.split(b"\r\n", 1)[1], policy=email.policy.default)
    parts = {"text/html": "html", "text/plain": "txt"}
    texts = {parts[p.get_content_type()]: p.get_content().replace("\r\n", "\n") for p in mail.walk() if p.get_content_type() in parts}
    return texts, {name.lower(): value for name, value in mail.items()}


for name in sys.argv[1:]:
    texts, fields = texts_of(pathlib.Path(name))
    links = Links(texts.get("html", ""))
    plain = [url.rstrip(".,") for url in re.findall(r"https?://[^\s<>\"]+", texts.get("txt", ""))]
    print(json.dumps({"html": links.targets, "images": links.images, "plain": plain, "texts": texts, "fields": fields}))
