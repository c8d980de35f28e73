"""Texts before and after they were rewritten: FOLDER/N.json and N.html or N.txt. Judged by Python's HTML parser."""
import html.parser
import json
import pathlib
import re
import sys

PREFIX = "https://track.invalid/c/"
PIXEL = '<img src="https://track.invalid/o/1" width="1" height="1" alt="">'
PLACEHOLDER = re.compile(r"\{\{|\{%|%(?![0-9A-Fa-f]{2})[\w.-]+%", re.ASCII)


class Links(html.parser.HTMLParser):
    """The addresses of a and area, as a browser reads them, and whether they may be tracked."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.pixels = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.pixels += tag == "img" and ("src", "https://track.invalid/o/1") in attrs
        first = dict(reversed(attrs))
        address = first.get("href")
        if tag in ("a", "area") and address:
            opted_out = "data-no-track" in first or "no-track" in (first.get("class") or "").lower().split()
            self.found.append((re.sub(r"[\t\r\n]", "", address.strip(" \t\r\n\f")), opted_out))


def urls_of(text):
    """The links of a plain text: all up to white space, less what is around them."""
    for match in re.finditer(r"(?<![A-Za-z0-9_+])https?://[A-Za-z0-9][^\s<>\"]*", text, re.I):
        url = match.group()
        while url[-1] in ".,;:!?'" or url[-1] == ")" and url.count("(") < url.count(")"):
            url = url[:-1]
        if not PLACEHOLDER.search(url):
            yield url


def is_tracked(address, opted_out):
    return bool(re.match(r"https?://", address, re.I)) and not opted_out and not PLACEHOLDER.search(address)


def undo_plain(after, urls):
    return re.sub(re.escape(PREFIX) + r"(\d+)\?a=1&b=2", lambda match: urls[int(match.group(1))], after)


def undo(before, after):
    """What stands in before for each tracked address of after; all else has to be the same."""
    assert after.count(PIXEL) == 1, "a pixel"
    after = after.replace(PIXEL, "")
    pieces = re.split(re.escape(PREFIX) + r"\d+\?a=1&amp;b=2", after)
    undone = pieces[0]
    for piece in pieces[1:]:
        quote = piece[0]
        assert quote in "\"'" and undone[-1] == quote, "a tracked address stands in quotes"
        if not before.startswith(undone):
            undone, piece, quote = undone[:-1], piece[1:], None  # they are ours
        value = re.compile(f"[^{quote}]*" if quote else r"[^\s>]*").match(before, len(undone)).group()
        undone += value + piece
    return undone


def check_plain(before, after, given):
    assert given == list(urls_of(before)), f"{given} were found"
    assert after.count(PREFIX) == len(given), "they are tracked"
    assert undo_plain(after, given) == before, "all else is as it was"


def check_html(before, after, given):
    wanted = [address for address, opted_out in Links(before).found if is_tracked(address, opted_out)]
    assert given == wanted, f"{len(given)} links were found, {len(wanted)} are there: {set(given) ^ set(wanted)}"
    links = Links(after)
    tracked = [address for address, _ in links.found if address.startswith(PREFIX)]
    assert [given[int(address[len(PREFIX):].split("?")[0])] for address in tracked] == given, "they are tracked"
    assert all(address.endswith("?a=1&b=2") for address in tracked), "they arrive whole"
    assert not [link for link in links.found if is_tracked(*link) and link[0] not in tracked], "none is left"
    assert links.pixels == 1, "one pixel that is seen"
    end = after.lower().rfind("</body")
    assert end < 0 or after[:end].endswith(PIXEL), "the pixel is in the body"
    assert undo(before, after) == before, "all else is as it was"


def check(path):
    about = json.loads(path.read_text())
    kind = pathlib.Path(about["path"]).suffix
    before = pathlib.Path(about["path"]).read_bytes().decode()
    after = path.with_suffix(kind).read_bytes().decode()
    (check_html if kind == ".html" else check_plain)(before, after, about["urls"])
    return len(about["urls"])


folder = pathlib.Path(sys.argv[1])
files = sorted(folder.glob("*.json"))
count = 0
for file in files:
    try:
        count += check(file)
    except AssertionError as error:
        sys.exit(f"{json.loads(file.read_text())['path']}: {error}")
assert files, "no texts"
print(f"# {count} links of {len(files)} texts")
