"""Validates OSCAL documents with NIST's JSON schema: validate.py SCHEMA FILE... Exit 1 names every error.

Patterns of the schema use \\p{L}, which Python's own `re` does not know.
"""

import json
import sys

import regex
from jsonschema import _keywords
from jsonschema.validators import validator_for

_keywords.re = regex

schema = json.load(open(sys.argv[1], encoding="utf-8"))
validator = validator_for(schema)(schema)
failed = False
for name in sys.argv[2:]:
    document = json.load(open(name, encoding="utf-8"))
    for error in validator.iter_errors(document):
        failed = True
        # The document may be any of eight models; what matters is the one that it names.
        inner = [e for e in error.context or [] if e.absolute_path or e.validator != "required"]
        for part in inner or [error]:
            print(f"{name}: {part.json_path}: {part.message[:300]}")
sys.exit(1 if failed else 0)
