#!/usr/bin/env python3
"""check_openapi.py: every request of docs/openapi.yaml, to a real vault, right and wrong.

Each request is sent without a token, with a broken one, with each field and parameter missing, of another type, too
long, too small, too large, with a field too many, and with bodies that are no JSON. Each of those must be answered by
4xx in JSON with an error word of the list: never 2xx, never 500, never a connection that just breaks. Successful
answers are compared with their schema, and the vault must know no address that the file does not describe.
"""
import base64, json, os, re, socket, subprocess, sys, tempfile, urllib.parse, http.client

import yaml

SOURCE = os.environ.get("CARDEA_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CARDEA_BUILD") or os.path.join(SOURCE, "build")
VAULT = os.environ.get("CARDEA_VAULT") or os.path.join(BUILD, "src/vault/cardea-vault")
PROVE = os.path.join(BUILD, "src/vault/vault_prove")

API = yaml.safe_load(open(os.path.join(SOURCE, "docs/openapi.yaml")))
WORDS = set(API["components"]["schemas"]["Error"]["properties"]["error"]["enum"])
OTHER_TYPES = [None, True, 12345678901234567890123, -1, 1.5, [], {}, "\u0000", "\U0001f600", ["a"], ""]

failures = []
sent = 0


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def resolve(schema):
    while "$ref" in schema:
        node = API
        for part in schema["$ref"].lstrip("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def sample(schema):
    """A value that a schema allows."""
    schema = resolve(schema)
    if "example" in schema:
        return schema["example"]
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {k: sample(v) for k, v in schema["properties"].items() if k in schema.get("required", [])}
    if schema.get("x-hex"):
        return "0a" * schema["x-hex"]
    if schema.get("x-keyring"):
        return b64(b"CRDK\1\1" + bytes(400))
    if schema.get("format") == "base64url":
        return b64(bytes(schema.get("x-bytes", 8)))
    if schema.get("type") == "integer":
        return schema.get("minimum", 1)
    return "a" * max(1, schema.get("minLength", 1))


def wrong_values(schema):
    """Values that a schema forbids, with what is wrong about each."""
    schema = resolve(schema)
    kind = schema.get("type")
    for value in OTHER_TYPES:
        if kind == "string" and isinstance(value, str) and allowed_text(schema, value):
            continue
        if kind == "integer" and isinstance(value, int) and not isinstance(value, bool) and \
                schema.get("minimum", value) <= value <= schema.get("maximum", value):
            continue
        yield f"is {json.dumps(value)[:30]}", value
    if kind == "integer":
        if "maximum" in schema:
            yield "is too large", schema["maximum"] + 1
        if "minimum" in schema:
            yield "is too small", schema["minimum"] - 1
    if kind == "string":
        if "maxLength" in schema:
            yield "is too long", "a" * (schema["maxLength"] + 1)
        if "x-bytes" in schema:
            yield "is a byte longer", b64(bytes(schema["x-bytes"] + 1))
            yield "is a byte shorter", b64(bytes(schema["x-bytes"] - 1))
            yield "has padding", base64.urlsafe_b64encode(bytes(schema["x-bytes"] - 1)).decode() + "="
        if "x-maxBytes" in schema:
            yield "is too long", b64(bytes(schema["x-maxBytes"] + 1))
        if "x-hex" in schema:
            good = sample(schema)
            yield "is upper case", good.upper()
            yield "is a digit shorter", good[1:]
            yield "is a digit longer", good + "0"


def allowed_text(schema, value):
    if schema.get("x-bytes") or schema.get("x-maxBytes") or schema.get("enum"):
        return value in schema.get("enum", [])
    if len(value) < schema.get("minLength", 0) or len(value) > schema.get("maxLength", 1 << 30):
        return False
    return "\u0000" not in value and bool(re.match(schema.get("pattern", ""), value))


class Vault:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cardea-api-")
        self.staff = os.path.join(self.folder.name, "staff.pub")
        self.process = subprocess.Popen([VAULT, "--staff-key", self.staff, "--listen", "127.0.0.1:0", "--index", "memory", "--blobs", "memory",
                                         "--signup", "open"], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening http://"), line
        self.url = line.split()[1]
        self.host = self.url[len("http://"):]

    def stop(self):
        self.process.terminate()
        status = self.process.wait(120)
        if status:
            failures.append(f"the vault ended with status {status}")

    def send(self, method, path, headers=None, body=None):
        global sent
        sent += 1
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            endless = answer.status == 200 and answer.getheader("Content-Type") == "application/octet-stream" and \
                answer.getheader("Transfer-Encoding") == "chunked"
            return answer.status, dict(answer.getheaders()), b"" if endless else answer.read()
        finally:
            connection.close()

    def tokens(self):
        """Makes a household and an account; Authorization by scheme and role."""
        out = subprocess.run([PROVE, self.url, self.staff], check=True, capture_output=True, text=True).stdout.split("\n")
        tokens = {"owner": out[0], "writer": out[1], "provider": out[2]}
        body = sample(API["components"]["schemas"]["SignUp"])
        status, _, raw = self.send("POST", "/v1/accounts", {}, json.dumps(body))
        assert status == 201, raw
        tokens["session"] = "Session " + json.loads(raw)["token"]
        return tokens


def refused(vault, what, method, path, headers=None, body=None):
    try:
        status, answer_headers, raw = vault.send(method, path, headers, body)
    except (http.client.HTTPException, OSError) as e:
        failures.append(f"{method} {path[:90]} {what}: the connection broke: {e!r}")
        return
    problem = None
    if not 400 <= status < 500:
        problem = f"{status}"
    elif method != "HEAD":
        try:
            error = json.loads(raw)
            if error.get("error") not in WORDS or not error.get("message"):
                problem = f"{status}, but the answer is {raw[:80]!r}"
            elif answer_headers.get("Content-Type") != "application/json":
                problem = f"{status}, but the type is {answer_headers.get('Content-Type')}"
        except ValueError:
            problem = f"{status}, but not in JSON: {raw[:80]!r}"
    if problem:
        failures.append(f"{method} {path[:90]} {what}: {problem}")


def conforms(value, schema, at="answer"):
    schema = resolve(schema)
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    kind = schema.get("type")
    if kind:
        wanted = tuple(kinds[k] for k in ([kind] if isinstance(kind, str) else kind))
        if not isinstance(value, wanted):
            return f"{at} is {value!r:.60}, not {kind}"
    if "const" in schema and value != schema["const"]:
        return f"{at} is {value!r}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{at} is {value!r}"
    if "pattern" in schema and not re.match(schema["pattern"], value):
        return f"{at} is {value!r}"
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                return f"{at} lacks {name}"
        for name, inner in value.items():
            if name not in schema.get("properties", {}):
                return f"{at} has {name}, which is not described"
            wrong = conforms(inner, schema["properties"][name], f"{at}.{name}")
            if wrong:
                return wrong
    if isinstance(value, list) and "items" in schema:
        for i, inner in enumerate(value):
            wrong = conforms(inner, schema["items"], f"{at}[{i}]")
            if wrong:
                return wrong
    return None


class Operation:
    def __init__(self, path, item, method, operation):
        self.path, self.method, self.operation = path, method.upper(), operation
        self.parameters = item.get("parameters", []) + operation.get("parameters", [])
        content = operation.get("requestBody", {}).get("content", {})
        self.json_schema = resolve(content["application/json"]["schema"]) if "application/json" in content else None
        self.binary = content.get("application/octet-stream")
        self.roles = [r for s in operation.get("security", []) for k, rs in s.items() for r in (rs or [k])]

    def headers(self, tokens, **more):
        headers = {"Authorization": tokens[self.roles[0]]} if self.roles else {}
        for p in self.parameters:
            if p["in"] == "header":
                headers[p["name"]] = p.get("example") or sample(p["schema"])
        headers.update({k: v for k, v in more.items()})
        return {k: v for k, v in headers.items() if v is not None}

    def url(self, **replaced):
        path, query = self.path, {}
        for p in self.parameters:
            value = replaced.get(p["name"], p.get("example", sample(p["schema"])))
            if p["in"] == "path":
                path = path.replace("{" + p["name"] + "}", urllib.parse.quote(str(value), safe="/"))
            elif p["in"] == "query" and value is not None and (p.get("required") or p["name"] in replaced):
                query[p["name"]] = value
        query.update({k: v for k, v in replaced.items() if k == "surplus"})
        return path + ("?" + urllib.parse.urlencode(query) if query else "")

    def body(self):
        if self.json_schema:
            return json.dumps(sample(self.json_schema))
        return b"x" * 64 if self.binary else None


def check_who(vault, op, tokens):
    if not op.roles:
        return
    for what, value in [("without a token", None), ("with a broken token", "Access AAAA"), ("with an empty token", ""),
                        ("with another scheme", "Basic AAAA"), ("with a long token", "Access " + "A" * 4000)]:
        refused(vault, what, op.method, op.url(), op.headers(tokens, Authorization=value), op.body())
    for role, token in tokens.items():
        if role not in op.roles:
            refused(vault, f"as {role}", op.method, op.url(), op.headers(tokens, Authorization=token), op.body())


def check_parameters(vault, op, tokens):
    for p in op.parameters:
        schema = resolve(p["schema"])
        if p["in"] == "query":
            if p.get("required"):
                refused(vault, f"without {p['name']}", op.method, op.url(**{p["name"]: None}), op.headers(tokens), op.body())
            for what, value in wrong_values(schema):
                text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
                if schema.get("type") == "string" and "enum" not in schema and allowed_text(schema, text):
                    continue
                if schema.get("type") == "integer" and re.fullmatch("[0-9]{1,18}", text) and int(text) <= schema["maximum"]:
                    continue
                refused(vault, f"where {p['name']} {what}", op.method, op.url(**{p["name"]: text}), op.headers(tokens), op.body())
        elif p["in"] == "path" and "maxLength" not in schema:
            for what, value in wrong_values(schema):
                if isinstance(value, str) and value and "\u0000" not in value:
                    refused(vault, f"where {p['name']} {what}", op.method, op.url(**{p["name"]: value}), op.headers(tokens), op.body())
        elif p["in"] == "header":
            for what, value in [("is missing", None), ("is empty", ""), ("is a word", "x"), ("is not quoted", "1")]:
                refused(vault, f"where {p['name']} {what}", op.method, op.url(), op.headers(tokens, **{p["name"]: value}), op.body())
    if any(p["in"] == "query" for p in op.parameters):
        refused(vault, "with a surplus parameter", op.method, op.url(surplus=1), op.headers(tokens), op.body())


def check_json(vault, op, tokens):
    good = sample(op.json_schema)
    for name, schema in op.json_schema["properties"].items():
        if name in op.json_schema["required"]:
            refused(vault, f"without {name}", op.method, op.url(), op.headers(tokens),
                    json.dumps({k: v for k, v in good.items() if k != name}))
        for what, value in wrong_values(schema):
            refused(vault, f"where {name} {what}", op.method, op.url(), op.headers(tokens), json.dumps({**good, name: value}))
    for what, body in [("with a surplus field", json.dumps({**good, "surplus": 1})), ("with an empty body", b""),
                       ("with no JSON", b"x"), ("with half of it", op.body()[:-3]), ("with an array", b"[]"),
                       ("with a number", b"1"), ("with a deep body", b"[" * 5000), ("with bytes", bytes(range(256))),
                       ("with a field twice", op.body()[:-1] + "," + op.body()[1:]),
                       ("with a long body", b" " * 200000), ("with bad UTF-8", b"{\"login\":\"\xff\"}")]:
        refused(vault, what, op.method, op.url(), op.headers(tokens), body)


def check_binary(vault, op, tokens):
    limit = op.binary.get("x-maxBytes")
    if "replies" not in op.path and "hubs" not in op.path:
        refused(vault, "with a body that is no such thing", op.method, op.url(), op.headers(tokens), b"x" * 300)
    refused(vault, "with an empty body", op.method, op.url(), op.headers(tokens), b"")
    if limit:
        refused(vault, "with a body that is too long", op.method, op.url(), op.headers(tokens), b"x" * (limit + 1))


def check_answer(vault, op, tokens):
    """The right request: its answer is described, whatever it is."""
    if op.operation.get("x-endless"):
        return
    status, headers, raw = vault.send(op.method, op.url(), op.headers(tokens), op.body())
    if status == 500:
        failures.append(f"{op.method} {op.path}: 500")
    described = op.operation["responses"].get(str(status)) or op.operation["responses"].get("default")
    if not described:
        failures.append(f"{op.method} {op.path}: {status} is not described")
        return
    content = resolve(described).get("content", {}).get("application/json")
    if content and op.method != "HEAD":
        wrong = conforms(json.loads(raw), content["schema"])
        if wrong:
            failures.append(f"{op.method} {op.path} {status}: {wrong}")
    for name in ("X-Content-Type-Options", "Cache-Control", "Content-Security-Policy", "Referrer-Policy"):
        if name not in headers:
            failures.append(f"{op.method} {op.path}: no {name}")


def check_routes(operations):
    """The table in routes.c and the file name the same requests."""
    text = open(os.path.join(SOURCE, "src/vault/routes.c")).read()
    table = set()
    for method, path in re.findall(r'\{"([A-Z]+)", "(/[^"]+)"', text):
        table.add((method, path.replace("…", "")))
    described = {(op.method, op.path) for op in operations}
    for missing in sorted(table - described):
        failures.append(f"{missing[0]} {missing[1]} is answered, and not described")
    for missing in sorted(described - table):
        failures.append(f"{missing[0]} {missing[1]} is described, and not answered")


def check_unreadable(vault):
    """What is no request of HTTP at all gets JSON too."""
    many = b"X: y\r\n" * 20000
    for name, raw in (("a version that is not there", b"GET /v1/vault HTTP/9.9\r\n\r\n"), ("no Host", b"GET /v1/vault HTTP/1.1\r\n\r\n"),
                      ("a header without a colon", b"GET /v1/vault HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n"),
                      ("a length that is no number", b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"),
                      ("a length beyond 64 bits", b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"),
                      ("a chunk of no length", b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
                      ("an endless address", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
                      ("endless headers", b"GET /v1/vault HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n")):
        host, port = vault.host.split(":")
        with socket.create_connection((host, int(port)), 60) as connection:
            answer = b""
            try:
                connection.sendall(raw)
                while more := connection.recv(65536):
                    answer += more
            except ConnectionError:
                pass  # it has answered before it had read all
        # libmicrohttpd 0.9.75 sends the head of some of its own answers twice.
        head, body = answer.partition(b"\r\n\r\n")[0], answer.rpartition(b"\r\n\r\n")[2]
        try:
            good = head.split()[1] in (b"400", b"413", b"414", b"431", b"505") and set(json.loads(body)) == {"error", "message"}
        except (ValueError, IndexError):
            good = answer == b"" and len(raw) > 65536
        if not good:
            failures.append(f"{name}: {answer[:200]}")


def main():
    operations = [Operation(path, item, method, operation) for path, item in API["paths"].items()
                  for method, operation in item.items() if method in ("get", "put", "post", "delete", "head")]
    check_routes(operations)
    vault = Vault()
    try:
        tokens = vault.tokens()
        for op in operations:
            before = len(failures)
            if not op.path.endswith("/current"):
                check_answer(vault, op, tokens)
            check_who(vault, op, tokens)
            check_parameters(vault, op, tokens)
            if op.json_schema:
                check_json(vault, op, tokens)
            if op.binary:
                check_binary(vault, op, tokens)
            for method in ("PATCH", "TRACE", "OPTIONS"):
                refused(vault, "by another method", method, op.url(), op.headers(tokens))
            print(f"{'not ok' if len(failures) > before else 'ok'} - {op.method} {op.path}", flush=True)
        check_unreadable(vault)
        status, _, raw = vault.send("GET", "/healthz")
        if status != 200:
            failures.append(f"after all that, /healthz says {status}")
    finally:
        vault.stop()
    for f in failures:
        print(f"# {f}")
    print(f"# {sent} requests")
    print(f"1..{len(operations)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
