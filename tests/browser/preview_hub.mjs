/* For preview.mjs alone: settings of seeing, answered in place of a hub that has none yet. */
export function hubState(cameras) {
    const id = (name) => cameras.find((c) => c.name === name).id;
    const ago = (days) => new Date(Date.now() - days * 864e5).toISOString();
    const zones = {
        [id("Front garden")]: [
            { id: "0a000001", name: "Path", kind: "include", direction: "both", points: [[1500, 3600], [5600, 2500], [8800, 5200], [5200, 9600], [1800, 8000]] },
            { id: "0a000002", name: "Street", kind: "exclude", direction: "both", points: [[0, 0], [10000, 0], [10000, 1500], [0, 2300]] },
            { id: "0a000003", name: "Gate", kind: "line", direction: "in", points: [[2300, 8700], [7800, 8200]] },
        ],
        [id("Driveway")]: [{ id: "0a000004", name: "Parking place", kind: "include", direction: "both", points: [[1000, 1000], [9000, 1000], [9000, 9000], [1000, 9000]] }],
    };
    const base = { on: true, cameras: [], zones: [], schedule: [], presence: "any", who: "anyone", dwell_s: 0, cooldown_s: 60, channels: [] };
    return {
        on: true, model: { name: "Built-in classifier", kind: "motion-classifier", state: "ready", message: null }, models: [],
        vision: { state: "working", since: null, message: null, frames: 48211, skipped: 310, detect_ms: 7.2 },
        presence: { now: "home", by: "the owner" }, zones, masks: { [id("Front garden")]: [[[8200, 1800], [9900, 1800], [9900, 4200], [8200, 4200]]] },
        rules: [
            { ...base, id: "aa000001", name: "People on the path", labels: ["person"], zones: ["0a000001"], dwell_s: 3, cooldown_s: 300 },
            { ...base, id: "aa000002", name: "Anybody while we are out", labels: ["person", "vehicle"], presence: "away", schedule: [{ days: [1, 2, 3, 4, 5, 6, 7], from: "22:00", to: "06:00" }], channels: ["cc000001"] },
            { ...base, id: "aa000003", name: "The cat wants in", labels: ["pet"], cameras: [id("Porch")], on: false, cooldown_s: 900 },
        ],
        faces: { on: true, suggest: false, people: [
            { id: "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f001", name: "Ada", consent: { by: "ada@example.org", at: ago(9) }, added: ago(9), exclude: false, templates: 3 },
            { id: "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f002", name: "Grace", consent: { by: "ada@example.org", at: ago(2) }, added: ago(2), exclude: true, templates: 1 },
        ] },
        channels: [
            { id: "cc000001", kind: "webpush", name: "Chrome on Android", on: true, settings: { endpoint: "https://push.example.org" }, state: "ok", message: "taken", since: null, waiting: 0 },
            { id: "cc000002", kind: "smtp", name: "E-mail", on: true, settings: { url: "smtps://mail.example.org", to: "ada@example.org" }, state: "failing", message: "mail.example.org does not answer; next try in 40 s", since: null, waiting: 2 },
            { id: "cc000003", kind: "mqtt", name: "Home Assistant", on: true, settings: { host: "homeassistant.local", port: 1883 }, state: "new", message: "nothing was sent yet", since: null, waiting: 0 },
        ],
        muted_until: 0,
    };
}

/* The same given to a hub that sees; answers with what it made of it. */
export async function giveHub(page, state) {
    return page.evaluate(async (s) => {
        const command = (verb, args) => window.cardea.client.command(verb, args);
        for (const [camera, zones] of Object.entries(s.zones)) await command("zone.set", { camera, zones });
        for (const { id, ...rule } of s.rules) await command("rule.add", { ...rule, channels: [] });
        await command("notify.add", { kind: "ntfy", name: "My phone", url: "http://127.0.0.1:18830/topic" });
        return command("see.get", {});
    }, state);
}

/* Answers between the page and its worker, before a command would be sealed. */
export async function stubHub(context, state) {
    await context.addInitScript((state) => {
        const kept = JSON.parse(sessionStorage.getItem("stub") ?? "null") ?? state;
        const list = { "rule.": "rules", "notify.": "channels" };
        const answer = (verb, args) => {
            if (verb === "see.get") return kept;
            if (verb === "see.set") {
                if ("on" in args) kept.on = args.on;
                if ("presence" in args) kept.presence = { now: args.presence, by: "the owner" };
                if ("muted_until" in args) kept.muted_until = args.muted_until;
                if ("faces" in args) kept.faces.on = args.faces;
                if ("suggest" in args) kept.faces.suggest = args.suggest;
                return {};
            }
            if (verb === "zone.set") return (kept.zones[args.camera] = args.zones), {};
            if (verb === "mask.set") return (kept.masks[args.camera] = args.masks), {};
            for (const [prefix, key] of Object.entries(list)) {
                if (verb === `${prefix}add`) { const id = Math.random().toString(16).slice(2, 10); kept[key].push({ on: true, ...args, id }); return { id }; }
                if (verb === `${prefix}set`) { Object.assign(kept[key].find((x) => x.id === args.id), args); return {}; }
                if (verb === `${prefix}remove`) { kept[key] = kept[key].filter((x) => x.id !== args.id); return {}; }
            }
            if (verb === "notify.test") return { taken: true, said: "250 queued" };
            if (verb === "event.feedback") return { kept: 1, forgotten: 0 };
            if (verb === "face.suggestions") return { suggestions: [] };
            if (verb === "see.debug") {
                const now = Date.now() * 1000;
                const frames = Array.from({ length: 120 }, (_, i) => {
                    const x = 2500 + 40 * i;
                    return { wall: now - (120 - i) * 5e5, ms: 7 + (i % 5), regions: i % 7 === 0 ? [] : [[x - 400, 3600, 1700, 3400], [7000, 900, 900, 700]], tracks: i % 7 === 0 ? [] : [{ id: 17, label: "person", score: 0.86, box: [x, 3900, 900, 2900], still: false, state: "seen" }] };
                });
                return { frames, why: [{ track: 17, label: "person", rule: "People on the path", because: "dwell", text: "It stayed for 2 s; this rule waits for 3 s." }] };
            }
            return undefined;
        };
        const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (message, ...rest) {
            const reply = message?.method === "command" ? answer(message.args[0], message.args[1] ?? {}) : undefined;
            if (reply === undefined) return post.call(this, message, ...rest);
            sessionStorage.setItem("stub", JSON.stringify(kept));
            setTimeout(() => this.onmessage({ data: { id: message.id, result: structuredClone(reply) } }), 60);
        };
    }, state);
}
