// A push service and the browsers behind it: takes what RFC 8030 says, checks who sends by RFC 8292, and opens each
// message as a browser does (RFC 8291), with WebCrypto and nothing of ours.
//
//   node push_service.mjs            prints "ready http://127.0.0.1:PORT"
//   POST /subscribe                  → {"endpoint","p256dh","auth"}
//   POST /push/ID                    a message
//   GET /messages                    → {"messages":[{"id","topic","urgency","ttl","bytes","plain","sub","key"}],"refused":[text]}
//   POST /control {"status":n,"times":n,"retry_after":n?,"kind"?:"endless"|"slow"|"redirect"}   how the next ones are answered
import http from "node:http";
import { webcrypto } from "node:crypto";

const { subtle } = webcrypto;
const P256 = { name: "ECDH", namedCurve: "P-256" };
const b64 = (bytes) => Buffer.from(bytes).toString("base64url");
const raw = (text) => new Uint8Array(Buffer.from(text, "base64url"));
const text = (s) => new TextEncoder().encode(s);
const concat = (...parts) => new Uint8Array(Buffer.concat(parts.map((p) => Buffer.from(p))));

const browsers = new Map();
const messages = [];
const refused = [];
let control = { times: 0 };
let origin = "";

async function hkdf(salt, secret, info, length) {
  const key = await subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  return new Uint8Array(await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, length * 8));
}

async function open(browser, body) {
  if (body.length > 4096) throw new Error(`${body.length} bytes are more than 4096`);
  const salt = body.subarray(0, 16);
  const recordSize = Buffer.from(body).readUInt32BE(16);
  const keyLength = body[20];
  const sender = body.subarray(21, 21 + keyLength);
  const sealed = body.subarray(21 + keyLength);
  if (sealed.length > recordSize) throw new Error("more than one record");
  const peer = await subtle.importKey("raw", sender, P256, false, []);
  const shared = new Uint8Array(await subtle.deriveBits({ name: "ECDH", public: peer }, browser.keys.privateKey, 256));
  const secret = await hkdf(browser.auth, shared, concat(text("WebPush: info\0"), browser.publicKey, sender), 32);
  const key = await hkdf(salt, secret, text("Content-Encoding: aes128gcm\0"), 16);
  const nonce = await hkdf(salt, secret, text("Content-Encoding: nonce\0"), 12);
  const aes = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  const plain = new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv: nonce }, aes, sealed));
  let end = plain.length - 1;
  while (end > 0 && plain[end] === 0) end--;
  if (plain[end] !== 2) throw new Error("the last record does not end as one");
  return Buffer.from(plain.subarray(0, end)).toString("utf8");
}

async function whoSends(header) {
  const match = /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)$/.exec(header ?? "");
  if (!match) throw new Error(`no VAPID authorization: ${header}`);
  const [, head, claims, signature, k] = match;
  const key = await subtle.importKey("raw", raw(k), { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  const good = await subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, raw(signature), text(`${head}.${claims}`));
  const said = JSON.parse(Buffer.from(raw(claims)));
  const kind = JSON.parse(Buffer.from(raw(head)));
  const left = said.exp - Date.now() / 1000;
  if (!good) throw new Error("the token's signature is wrong");
  if (kind.alg !== "ES256" || said.aud !== origin) throw new Error(`for ${said.aud}, not ${origin}`);
  if (left <= 0 || left > 86400) throw new Error(`expires in ${left} s`);
  return { sub: said.sub, key: k };
}

async function push(id, request, body) {
  const browser = browsers.get(id);
  if (!browser) return [404, "no such subscription"];
  const h = request.headers;
  const sender = await whoSends(h.authorization);
  if (h["content-encoding"] !== "aes128gcm") throw new Error(`encoded as ${h["content-encoding"]}`);
  if (!/^\d+$/.test(h.ttl ?? "")) throw new Error("no TTL");
  if (!/^[\w-]{1,32}$/.test(h.topic ?? "")) throw new Error(`topic ${h.topic}`);
  if (!["very-low", "low", "normal", "high"].includes(h.urgency)) throw new Error(`urgency ${h.urgency}`);
  const plain = await open(browser, body);
  messages.push({ id, topic: h.topic, urgency: h.urgency, ttl: Number(h.ttl), bytes: body.length, plain, at: Date.now(), ...sender });
  return [201, ""];
}

async function subscribe() {
  const keys = await subtle.generateKey(P256, true, ["deriveBits"]);
  const publicKey = new Uint8Array(await subtle.exportKey("raw", keys.publicKey));
  const auth = webcrypto.getRandomValues(new Uint8Array(16));
  const id = b64(webcrypto.getRandomValues(new Uint8Array(9)));
  browsers.set(id, { keys, publicKey, auth });
  return { endpoint: `${origin}/push/${id}`, p256dh: b64(publicKey), auth: b64(auth) };
}

function misbehave(response) {
  control.times--;
  if (control.kind === "redirect") return response.writeHead(307, { Location: `${origin}/elsewhere` }).end();
  if (control.kind === "endless") {
    response.writeHead(control.status);
    const more = () => { while (!response.destroyed && response.write("x".repeat(16384))); };
    response.on("drain", more);
    return more();
  }
  if (control.kind === "slow") return undefined; // says nothing, and keeps the connection
  const headers = control.retry_after ? { "Retry-After": String(control.retry_after) } : {};
  return response.writeHead(control.status, headers).end("not now");
}

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", async () => {
    const body = new Uint8Array(Buffer.concat(pieces));
    const json = (o) => response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(o));
    try {
      if (request.url === "/subscribe") return json(await subscribe());
      if (request.url === "/count") return json(messages.length);
      if (request.url === "/messages") return json({ messages, refused });
      if (request.url === "/control") return json((control = JSON.parse(Buffer.from(body))));
      if (control.times > 0) return misbehave(response);
      const [status, words] = await push(request.url.replace("/push/", ""), request, body);
      response.writeHead(status).end(words);
    } catch (e) {
      refused.push(String(e.message ?? e));
      response.writeHead(400).end(String(e.message ?? e));
    }
  });
});
server.listen(0, "127.0.0.1", () => {
  origin = `http://127.0.0.1:${server.address().port}`;
  console.log(`ready ${origin}`);
});
