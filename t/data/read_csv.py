"""A CSV file as Python's csv module reads it: a JSON array of rows."""
import csv
import json
import sys

csv.field_size_limit(1 << 30)
with open(sys.argv[1], encoding='utf-8-sig', newline='') as file:
    json.dump(list(csv.reader(file, strict=True)), sys.stdout)
