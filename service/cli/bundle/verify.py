"""Verifies, offline, what a Shipslog transparency log has given away. Python 3.8 or newer, nothing to install.

    verify.py FOLDER --log-key LOG.vkey                       a whole history, as `shipslog export` wrote it
    verify.py RECEIPT.json ENVELOPE.json --log-key LOG.vkey   one record

Exit code 0: verified. 1: something is not as it was recorded. 2: it cannot be told (a file cannot be read, no key).
Read it before you believe it; it shares no code with Shipslog. It checks that the log signed the checkpoint, that the
entries are the tree under its root, that every record is what its entry commits to, that its signatures verify, and
that each key was registered, valid, not revoked and within its scope at that place. It does not check that records are
well-formed CDEvents, what erased or withheld records said, nor the cosignatures of witnesses.
"""
import argparse, base64, datetime, hashlib, json, os, pathlib, re, sys, urllib.parse
README = "e04d4a93c43433f28e3d0429a9af70494c833f2c7542f1355be2ce0554743c33"  # SHA-256 of the README.md in every bundle
class Wrong(Exception): """Something is not as it was recorded."""
def demand(condition, message):
    if not condition: raise Wrong(message)
def sha256(*parts): return hashlib.sha256(b"".join(parts)).digest()
def contents(path): return pathlib.Path(path).read_bytes()

# --- Ed25519 (RFC 8032 section 5.1), strictly: one encoding for each key and signature, no point of small order
P = 2**255 - 19                                         # the field
L = 2**252 + 27742317777372353535851937790883648493     # the order of the base point
D = -121665 * pow(121666, P - 2, P) % P                 # the curve: -x^2 + y^2 = 1 + D x^2 y^2
def add(p, q):  # The sum of two points (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z. Holds for every pair, equal ones too
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * D * p[3] * q[3] % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P
def combine(m, p, n, q):  # m times p plus n times q, bit by bit
    total, both = (0, 1, 1, 0), add(p, q)
    for bit in range(255, -1, -1):
        total, in_m, in_n = add(total, total), m >> bit & 1, n >> bit & 1
        if in_m or in_n: total = add(total, both if in_m and in_n else p if in_m else q)
    return total
def encode(p):
    inverse = pow(p[2], P - 2, P)
    return (p[1] * inverse % P | (p[0] * inverse % P & 1) << 255).to_bytes(32, "little")
def decode(data):  # The point of 32 bytes, or None. Encoding it again must give the same bytes
    y = int.from_bytes(data, "little") & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    x = x if x & 1 == data[31] >> 7 else -x % P
    point = x, y % P, 1, x * y % P
    return point if x * x % P == square and encode(point) == data else None
def is_small(p):  # Whether eight times the point is nothing: anybody can sign under such a point
    for _ in range(3): p = add(p, p)
    return p[0] == 0 and p[1] == p[2]
BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

class Key:
    def __init__(self, der):  # From a SubjectPublicKeyInfo (RFC 8410): a fixed prefix and the 32 bytes of the point
        point = decode(der[12:]) if len(der) == 44 and der[:12].hex() == "302a300506032b6570032100" else None
        demand(point and not is_small(point), "not a usable Ed25519 public key")
        self.data, self.id, self.minus = der[12:], sha256(der).hex(), (-point[0] % P, point[1], 1, -point[3] % P)
    def verifies(self, message, signature):  # Whether R is exactly S B - k A
        r, s = signature[:32], int.from_bytes(signature[32:], "little")
        k = int.from_bytes(hashlib.sha512(r + self.data + message).digest(), "little") % L
        point = combine(s, BASE, k, self.minus)
        return len(signature) == 64 and s < L and encode(point) == r and not is_small(point)

# --- Texts, each with one spelling only
def unbase64(text):
    data = base64.b64decode(text, validate=True)
    demand(base64.b64encode(data).decode() == text, "base64 in another spelling")
    return data
def unbase64_dsse(text):  # DSSE allows both alphabets, padded or not, in what is posted
    return unbase64(text.rstrip("=").replace("-", "+").replace("_", "/") + "=" * (-len(text.rstrip("=")) % 4))
def number(text):
    demand(re.fullmatch("0|[1-9][0-9]{0,19}", text) and int(text) < 2**64, "not a number in its only spelling")
    return int(text)
quoted = json.JSONEncoder(ensure_ascii=False).encode
def unjson(data):  # Strict JSON: no member twice, nothing but text in UTF-8
    def unique(pairs):
        demand(len(dict(pairs)) == len(pairs), "a member of a JSON object occurs twice")
        return dict(pairs)
    value = json.loads(data.decode(), object_pairs_hook=unique, parse_constant=lambda text: demand(False, text))
    quoted(value).encode()  # fails on half a surrogate pair
    return value
def log_key(line):  # VKEY [from=SIZE] [to=SIZE]: name, id, key (C2SP signed-note), and the sizes that it may sign
    vkey, *conditions = line.split()
    name, key_id, data = vkey.split("+", 2)
    data, sizes = unbase64(data), dict(condition.split("=") for condition in conditions)
    right = data[0] == 1 and sha256(name.encode(), b"\n", data).hex()[:8] == key_id and set(sizes) <= {"from", "to"}
    demand(right, "not a log key with its conditions")
    key = Key(bytes.fromhex("302a300506032b6570032100") + data[1:])
    return name, bytes.fromhex(key_id), key, int(sizes.get("from", 0)), int(sizes.get("to", 2**64))
def checkpoint(note, keys):  # Origin, size and root of what one of the keys signed (C2SP signed-note, tlog-checkpoint)
    text, _, lines = note[:-1].rpartition("\n\n")
    origin, size, root = text.split("\n")
    demand(note[-1] == "\n" and origin and not re.search("[\0-\x09\x0b-\x1f\x7f-\x9f]", note), "not a signed note")
    size, root, signed, seen = number(size), unbase64(root), False, set()
    demand(len(root) == 32 and (size or root == sha256()), "the checkpoint's root is no root")
    for line in lines.split("\n"):
        name, blob = re.fullmatch("\u2014 ([^\\s+]+) ([^ ]+)", line).groups()
        blob = unbase64(blob)
        demand(len(blob) > 4 and (name, blob[:4]) not in seen, "a signature of the checkpoint is malformed or repeated")
        seen.add((name, blob[:4]))
        for key_name, key_id, key, first, last in keys:  # lines of keys that you did not give count for nothing
            if (name, blob[:4]) == (key_name, key_id) and name == origin:
                demand(key.verifies((text + "\n").encode(), blob[4:]), "the checkpoint's signature does not verify")
                signed = signed or first <= size <= last
    demand(signed and len(seen) <= 100, "no key that you gave signed a checkpoint of this origin and size")
    return origin, size, root
ENTRY = re.compile("shipslog-entry/v1\ntime ([0-9]+)\ncommitment ([^\n]{44})\npayload-type "
                   "([!-~](?:[ -~]{0,253}[!-~])?)\n((?:signer [0-9a-f]{64} [^\n]{44}\n)+)")
def entry(leaf):  # Time, commitment, payload type, and key id and SHA-256 of each signature, in order of key ids
    match = ENTRY.fullmatch(leaf.decode())
    demand(match and len(leaf) + 20 - len(match[1]) <= 1024, "a leaf is not an entry")
    signers = [(line[7:71], unbase64(line[72:])) for line in match[4].splitlines()]
    demand(all(a[0] < b[0] for a, b in zip(signers, signers[1:])), "the signers of an entry are not in order")
    return number(match[1]), unbase64(match[2]), match[3], signers
def sealed(commitment, payload_type, payload, salt):  # What was signed (DSSE v1.0.2), if the entry commits to it
    pae = f"DSSEv1 {len(payload_type)} {payload_type} {len(payload)} ".encode() + payload
    demand(len(salt) == 32 and sha256(b"shipslog-commitment/v1\0", salt, pae) == commitment, "it is of another record")
    return pae

# --- Who may sign what: it follows from the log itself, whose first entry introduces the key of the service
OWN = "administration", "question"  # who may do what, and what auditors asked: said by the service alone
TYPES = [f"application/{name}+json" for name in ("vnd.cdevents", "cloudevents", *map("vnd.shipslog.{}".format, OWN))]
KNOWN = re.compile(  # the CDEvents whose content is read
    "artifact[.](deleted|downloaded|packaged|published|signed)|(branch|environment|repository)[.](created|deleted)|"
    "(environment|repository)[.]modified|(approval|ticket)[.](closed|created|updated)|testoutput[.]published|"
    "change[.](abandoned|created|merged|reviewed|updated)|service[.](deployed|published|removed|rolledback|upgraded)|"
    "incident[.](detected|reported|resolved)|(build|deployment|pipelinerun|testsuiterun|testcaserun)[.]queued|"
    "(build|deployment|pipelinerun|taskrun|testsuiterun|testcaserun)[.](started|finished)|testcaserun[.]skipped")
class Rights:
    def __init__(self, origin, listed):
        self.origin, self.listed, self.by_id, self.by_name, self.gone, self.held = origin, listed, {}, {}, set(), set()
    def administer(self, index, what):  # What the service decided about keys; tokens prove nothing here
        name = "shipslog" if what["action"] == "log_created" else what.get("name")
        known = self.by_name.get(name, {"index": 0, "revoked": True})
        begins = (index, what.get("origin")) == (0, self.origin)
        demand(what["action"] != "log_created" or begins, "the log does not begin as this log")
        if what["action"] in ("log_created", "producer_registered"):
            key = Key(unbase64("".join(what["public_key"].split("-----")[2].split())))
            demand(key.id not in self.by_id and known["revoked"], f"the key or the name of producer {name} is taken")
            self.by_id[key.id] = self.by_name[name] = dict(what, key=key, name=name, index=index, revoked=False)
        if what["action"] == "producer_revoked":
            demand(known["index"] and not known["revoked"], f"there is no producer {name} to revoke")
            known["revoked"] = True
        if what["action"] == "event_erased":
            demand(what["index"] in self.gone, f"entry {what['index']} is said to be erased, but it is there")
            self.gone.remove(what["index"])
    def valid(self, key_id, time):  # The producer with this key, if valid now. Texts compare as the times they say
        demand(key_id in self.by_id, f"nobody has registered the key {key_id}")
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=time)
        producer, moment = self.by_id[key_id], moment.isoformat(timespec="milliseconds") + "Z"
        name, first, end = producer["name"], producer.get("valid_from"), producer.get("valid_until")
        demand(not producer["revoked"] and (not first or first <= moment) and (not end or moment < end),
               f"the key of {name} was not valid here")
        demand(not self.listed or self.listed.get(key_id, (0,))[0] == name, f"{name} is not in your list with this key")
        return producer
    def admit(self, index, time, signers, signatures, signed, event, payload_type):  # One may say this
        ours, permitted = event.get("customData"), False
        ours = ours.get("shipslog", {}) if isinstance(ours, dict) else {}
        demand([bool(ours.get(m)) for m in OWN] == [payload_type == own for own in TYPES[2:]], "wrong payload type")
        if index == 0: self.administer(0, ours["administration"])
        for (key_id, _), signature in zip(signers, signatures):
            producer = self.valid(key_id, time)
            demand(producer["key"].verifies(signed, signature), "a signature does not verify")
            reserved = producer["index"] and any(map(ours.get, (*OWN, "received", "gate", "document")))
            permitted = permitted or not reserved and in_scope(producer.get("scope") or {}, event, ours)
        demand(permitted, "its signers might not say this")
        if index and ours.get("administration"): self.administer(index, ours["administration"])
def in_scope(scope, event, ours):  # Whether an event is of a scope: where that gives none, of any
    kind, subject = event["context"]["type"], event["subject"]
    twins = "deployment.(queued|started|finished)|incident.(detected|reported|resolved)"  # read like those of CDEvents
    read = re.sub(rf"^dev\.cdeventsx\.shipslog-(?=({twins})\.[0-9])", "dev.cdevents.", kind)
    match = re.fullmatch(r"dev\.cdeventsx?\.(.+)\.([^.]+)(\.[0-9]{1,6}){3}(-[^.]*)?", read)
    about, verb = (match[1], match[2]) if match else (kind, "")
    known = match and read.startswith("dev.cdevents.") and KNOWN.fullmatch(f"{about}.{verb}")
    content = subject["content"] if known else {}
    types = {re.sub(r"^dev\.cdeventsx?\.|\.\*$", "", pattern) for pattern in scope.get("event_types", [])}
    typed = not types or kind in scope["event_types"] or types & {about, f"{about}.{verb}"}
    part = lambda value, name: value.get(name) if isinstance(value, dict) and isinstance(value.get(name), str) else None
    named = lambda what: (subject["id"] if known and about == what else part(content.get(what), "id")) or ours.get(what)
    service, environment, artifact = named("service"), named("environment"), part(content, "artifactId")
    ends = verb != "finished" or part(content, "outcome") in ("success", "pass", "failure", "fail", "cancel", "error")
    deploys = known and about == "deployment" and artifact and ends
    if deploys and not service:  # then it is the name in the package URL of the artifact
        path = re.split("[?#]", artifact)[0].rstrip("/")
        service = urllib.parse.unquote(re.sub("@[^/]*$", "", path).rpartition("/")[2])
    live = deploys or about == "shipslog-attestation" or known and about in (
        "service", "testsuiterun", "testcaserun", "approval", "incident", "environment")
    return (typed and (not scope.get("services") or service in scope["services"]) and
            (not scope.get("environments") or environment in scope["environments"] or not environment and not live))

# --- The two things that can be verified
def bundle(folder, keys, listed, allowed):
    seen = set()
    def read(name):
        path = os.path.join(folder, name)
        demand(os.path.isfile(path) and not os.path.islink(path), f"{name} is missing")
        seen.add(path)
        return contents(path)
    os.listdir(folder)  # a folder that is not there is not a bundle that is wrong
    origin, size, root = checkpoint(read("checkpoint").decode(), keys)
    demand(sha256(read("README.md")).hex() == README, "README.md is not that of format v1")
    demand(read("verify.py") == contents(__file__), "verify.py is another than the one that is running")
    rights, edge, last = Rights(origin, listed), [], 0
    for start in range(0, size, 256):
        width, digits = min(256, size - start), str(start // 256)
        groups = re.findall("...", digits.zfill(-(-len(digits) // 3) * 3))  # C2SP tlog-tiles: x001/234, .p/7
        name = "".join(f"x{group}/" for group in groups[:-1]) + groups[-1] + (f".p/{width}" if width < 256 else "")
        data, lines = read(f"tile/entries/{name}"), read(f"envelopes/{name}.jsonl").split(b"\n")
        demand(len(lines) == width + 1 and not lines[-1], f"envelopes/{name}.jsonl does not hold {width} lines")
        for index, line in enumerate(lines[:-1], start):
            length = 2 + int.from_bytes(data[:2], "big")
            leaf, data = data[2:length], data[length:]
            try:
                last = record(index, leaf, line, last, rights)
            except Exception as error:
                raise Wrong(f"entry {index}: {error if isinstance(error, Wrong) else repr(error)}") from error
            node = sha256(b"\0", leaf)  # the tree of RFC 6962 section 2.1
            while index & 1:  # the edge holds one hash for each complete subtree, the largest first
                node, index = sha256(b"\1", edge.pop(), node), index >> 1
            edge.append(node)
        demand(not data, f"tile/entries/{name} holds more than {width} entries")
    demand(not rights.gone, f"{sorted(rights.gone)[:9]} are gone, and no entry says that they were erased")
    while len(edge) > 1: edge[-2:] = [sha256(b"\1", *edge[-2:])]
    demand(edge == [root] or size == 0, "the entries are not the tree that the log signed")
    for path, folders, files in os.walk(folder):
        for found in (os.path.join(path, name) for name in folders + files):
            fits = found in seen or os.path.isdir(found) and os.listdir(found) and not os.path.islink(found)
            demand(fits, f"{found} does not belong into the bundle")
    if rights.held and not allowed:
        raise OSError(f"{len(rights.held)} entries are withheld, unchecked: --allow-withheld lets them be")
    return f"{size} entries of {origin}, root {base64.b64encode(root).decode()}; {len(rights.held)} of them withheld"
def record(index, leaf, line, last, rights):  # One entry with its line, which must be in its exact form. Gives its time
    time, commitment, payload_type, signers = entry(leaf)
    demand(time >= last, "it is earlier than the one before it")
    if absent := re.fullmatch(rf'\{{"index":{index},"(erased|withheld)":true\}}', line.decode()):
        demand(absent[1] == "withheld" or payload_type not in TYPES[2:], "this is never erased")
        (rights.gone if absent[1] == "erased" else rights.held).add(index)  # a later entry has to say: erased
        for key_id, _ in signers: rights.valid(key_id, time)
        return time
    kept = unjson(line)
    envelope, payload = kept["envelope"], unbase64(kept["envelope"]["payload"])
    sigs = [signature["sig"] for signature in envelope["signatures"]]
    form = ",".join(f'{{"keyid":"{signer[0]}","sig":"{sig}"}}' for signer, sig in zip(signers, sigs))
    form = (f'{{"index":{index},"salt":"{kept["salt"]}","envelope":{{"payloadType":{quoted(payload_type)},'
            f'"payload":"{envelope["payload"]}","signatures":[{form}]}}}}')
    demand(form.encode() == line, "its line is not in its exact form")
    sigs = [unbase64(sig) for sig in sigs]
    demand([sha256(sig) for sig in sigs] == [digest for _, digest in signers], "it commits to other signatures")
    signed, event = sealed(commitment, payload_type, payload, unbase64(kept["salt"])), unjson(payload)
    demand(payload_type in TYPES, "its payload is no event")
    event = event["data"] if payload_type == TYPES[1] else event
    rights.admit(index, time, signers, sigs, signed, event, payload_type)
    return time
def receipt(receipt_file, envelope_file, keys, listed, _):
    text, posted = contents(receipt_file), contents(envelope_file)
    given = unjson(text)
    form = (f'{{"index":{given["index"]},"entry":"{given["entry"]}","salt":"{given["salt"]}",'
            f'"proof":{quoted(given["proof"])},"envelope_sha256":"{given["envelope_sha256"]}"}}')
    demand(text in (form.encode(), form.encode() + b"\n"), "the receipt is not in its exact form")
    head, _, note = given["proof"].partition("\n\n")
    title, index, *hashes = head.split("\n")
    demand((title, index) == ("c2sp.org/tlog-proof@v1", f"index {given['index']}") and len(hashes) < 64, "no proof")
    origin, size, root = checkpoint(note, keys)
    node, at, last = sha256(b"\0", leaf := unbase64(given["entry"])), given["index"], size - 1
    demand(0 <= at <= last, "the entry is not in the tree")
    for step in map(unbase64, hashes):  # RFC 9162 section 2.1.3.2
        demand(last > 0 and len(step) == 32, "the proof is too long, or holds what is no hash")
        while at == last and not at & 1: at, last = at >> 1, last >> 1
        node = sha256(b"\1", step, node) if at & 1 else sha256(b"\1", node, step)
        at, last = at >> 1, last >> 1
    demand(last == 0 and node == root, "the proof does not lead to the root that the log signed")
    demand(sha256(posted).hex() == given["envelope_sha256"], "the receipt is for another envelope")
    envelope, (_, commitment, payload_type, signers) = unjson(posted), entry(leaf)
    demand(envelope["payloadType"] == payload_type, "the entry is about another payload type")
    signed = sealed(commitment, payload_type, unbase64_dsse(envelope["payload"]), unbase64(given["salt"]))
    sigs = {sha256(sig): sig for sig in (unbase64_dsse(signature["sig"]) for signature in envelope["signatures"])}
    for key_id, digest in signers:
        demand(digest in sigs, "the envelope does not carry a signature that the entry names")
        demand(not listed or key_id in listed and listed[key_id][1].verifies(signed, sigs[digest]),
               f"the key {key_id} is not in your list of producers, or its signature does not verify")
    return f"entry {given['index']} of {origin}, in the tree of {size} entries"
def trust(given):
    lines = lambda path: [line for line in contents(path).decode().splitlines() if line.strip() and line[0] != "#"]
    keys = [log_key(line) for path in given.log_key for line in lines(path)]
    listed = (line.rsplit(None, 1) for line in (lines(given.producers) if given.producers else []))
    return keys, {key.id: (name.strip(), key) for name, key in ((name, Key(unbase64(key))) for name, key in listed)}
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log-key", action="append", required=True, help="VKEY [from=SIZE] [to=SIZE] a line")
    parser.add_argument("--producers", help="your own list of producers, NAME KEY a line, the key as in its PEM file")
    parser.add_argument("--allow-withheld", action="store_true", help="let a history pass with withheld records")
    parser.add_argument("what", nargs="+", help="FOLDER, or RECEIPT and ENVELOPE")
    given, sure = parser.parse_args(), False
    try:
        (keys, listed), sure = trust(given), True
        print("Verified:", (receipt if given.what[1:] else bundle)(*given.what, keys, listed, given.allow_withheld))
    except Exception as error:
        wrong = sure and not isinstance(error, OSError)  # your own files, and what cannot be read, convict nobody
        print("NOT VERIFIED:" if wrong else "CANNOT TELL:", error, file=sys.stderr)
        sys.exit(1 if wrong else 2)
if __name__ == "__main__": main()
