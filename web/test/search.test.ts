/* The event index: each filter against a plain walk over all events, words, updates, forgetting, and its speed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../shared/api.ts";
import { EventStore } from "../shared/eventstore.ts";
import type { Household } from "../shared/household.ts";
import { EventIndex, words, type Filter } from "../shared/search.ts";
import { labelFits, type SeenEvent } from "../shared/seeing.ts";
import { count } from "../shared/stats.ts";
import { blank, household } from "./made.ts";

const { events, names } = household(20_000);
const index = new EventIndex();
events.forEach((e, i) => index.add(e, i));

const idsOf = (f: Filter): string[] => Array.from(index.find(f, names).rows, (r) => events[index.refOf(r)]!.id);
const plain = (fits: (e: SeenEvent) => boolean): string[] => events.filter(fits).sort((a, b) => b.begin - a.begin).map((e) => e.id);
const who = (e: SeenEvent): string => (e.face === null ? "" : "person" in e.face ? e.face.person : "unknown");
const from = 19_990 * 86_400;
const to = from + 86_400;

const cases: [string, Filter, (e: SeenEvent) => boolean][] = [
    ["everything", {}, () => true],
    ["a label", { labels: ["dog"] }, (e) => e.label === "dog"],
    ["a group", { labels: ["vehicle"] }, (e) => ["car", "truck"].includes(e.label)],
    ["without motion", { without: ["motion"] }, (e) => e.label !== "motion"],
    ["a camera", { cameras: ["c3", "c4"] }, (e) => ["c3", "c4"].includes(e.camera)],
    ["a zone", { zones: ["z4"] }, (e) => e.zones.includes("z4")],
    ["a person", { people: ["p1"] }, (e) => who(e) === "p1"],
    ["unknown people", { people: ["unknown"] }, (e) => who(e) === "unknown"],
    ["alerted", { alerted: true }, (e) => e.alert !== null],
    ["quiet", { alerted: false }, (e) => e.alert === null],
    ["a day", { from, to }, (e) => e.begin / 1e6 >= from && e.begin / 1e6 < to],
    ["all at once", { labels: ["person"], cameras: ["c1"], alerted: true, from, to }, (e) => e.label === "person" && e.camera === "c1" && e.alert !== null && e.begin / 1e6 >= from && e.begin / 1e6 < to],
    ["words of a camera, by their beginnings", { text: "fro doo" }, (e) => ["c0"].includes(e.camera) || (e.camera === "c6") || (/door/i.test([e.alert?.name, ...e.quiet.map((q) => q.name)].join(" ")) && /front/i.test(names.cameras[e.camera]!))],
    ["all words must fit", { text: "dog lawn" }, (e) => e.label === "dog" && e.zones.some((z) => names.zones[z] === "Lawn")],
    ["accents and case do not matter", { text: "ELODIE" }, (e) => who(e) === "p2"],
    ["a group's name is a word", { text: "vehicle street" }, (e) => labelFits("vehicle", e.label) && e.zones.some((z) => names.zones[z] === "Street")],
    ["nothing fits", { text: "zeppelin" }, () => false],
    ["an empty range", { from: to, to: from }, () => false],
];
for (const [name, filter, fits] of cases) test(`finds ${name}`, () => assert.deepEqual(idsOf(filter), plain(fits)));

test("words are cut at what is no letter or digit", () => assert.deepEqual(words("Élodie's  car-port 2, ÜBER"), ["elodie", "s", "car", "port", "2", "uber"]));

test("an update takes the place of what it replaces, whichever comes first", () => {
    for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]]) {
        const told = [blank("a", { open: true }), blank("b", { replaces: "a", label: "dog" }), blank("c", { replaces: "b", label: "cat" })];
        const i = new EventIndex();
        for (const n of order) i.add(told[n]!, n);
        const found = i.find({}, names);
        assert.deepEqual(Array.from(found.rows, i.refOf), [2], `order ${order}`);
        assert.equal(i.count, 1);
        for (const id of ["a", "b", "c"]) assert.equal(i.refOf(i.rowFor(id)!), 2, "each of its names leads to it");
        assert.equal(i.rowFor("d"), null);
    }
    const circle = new EventIndex();
    circle.add(blank("a", { replaces: "b" }), 0);
    circle.add(blank("b", { replaces: "a" }), 1);
    assert.equal(circle.rowFor("a"), null);
});

test("what comes later is in its place by time", () => {
    const i = new EventIndex();
    const at = (id: string, s: number): SeenEvent => blank(id, { begin: s * 1e6, end: s * 1e6 });
    [at("c", 30), at("a", 10)].forEach((e, n) => i.add(e, n));
    assert.deepEqual(Array.from(i.find({}, names).begins), [30, 10]);
    [at("d", 40), at("b", 20), at("z", 5)].forEach((e, n) => i.add(e, n));
    assert.deepEqual(Array.from(i.find({}, names).begins), [40, 30, 20, 10, 5]);
    assert.deepEqual(Array.from(i.find({ from: 10, to: 40 }, names).begins), [30, 20, 10]);
});

test("what was deleted is not found, and its place is used again", () => {
    const i = new EventIndex();
    for (let n = 0; n < 100; n++) i.add(blank(`e${n}`, { begin: n * 1e6, end: n * 1e6, camera: n % 2 ? "c1" : "c0" }), n);
    assert.equal(i.forget("c1", 10, 20), 5);
    assert.equal(i.find({ cameras: ["c1"] }, names).total, 45);
    assert.equal(i.forget("c0"), 50);
    assert.equal(i.find({}, names).total, 45);
    i.add(blank("e11", { begin: 11e6, end: 11e6, camera: "c1" }), 11);
    assert.equal(i.find({}, names).total, 46);
});

test("counts over days add up to what was found", () => {
    const end = 20_000 * 86_400;
    const begin = end - 30 * 86_400;
    const found = index.find({ from: begin, to: end, without: ["motion"] }, names);
    const s = count(index, found, begin, end);
    const sum = (l: number[]): number => l.reduce((a, b) => a + b, 0);
    assert.equal(sum(s.byLabel.map(sum)), found.total);
    assert.equal(sum(s.hours), found.total);
    assert.equal(sum(s.alerts) + sum(s.quiet), found.total);
    assert.equal(sum(s.cameras.map((c) => c.events)), found.total);
    assert.ok(s.days.length >= 30 && s.days.length <= 32);
});

test("100 000 events are searched in under 50 ms", () => {
    const many = household(100_000);
    const i = new EventIndex();
    many.events.forEach((e, n) => i.add(e, n));
    i.find({}, many.names);
    const filters: Filter[] = [{}, { text: "person front path" }, { labels: ["person"], people: ["p1"], alerted: true }, { text: "dog", from, to: from + 7 * 86_400 }];
    const best = filters.map((f) => Math.min(...Array.from({ length: 5 }, () => {
        const t = performance.now();
        i.find(f, many.names);
        return performance.now() - t;
    })));
    assert.ok(Math.max(...best) < 50, `${best.map((b) => b.toFixed(1))} ms`);
});

test("a vault that repeats itself, or never ends, does not keep the app for ever", async () => {
    const row = (n: number): [number, string] => [n, "AA"];
    for (const answer of [() => ({ events: [row(1)], last: 1 }), (n: number) => ({ events: Array.from({ length: 5000 }, (_, i) => row(n * 5000 + i)), last: n * 5000 + 4999 })]) {
        let asked = 0;
        const api = { get: async () => answer(++asked) } as unknown as Api;
        const household = { keys: { id: "h" }, cameras: [{ id: "c", profile: { kind: "main", retention_days: 1 } }] } as unknown as Household;
        const store = new EventStore(api, household, () => 86_400 * 20_000, () => false, () => undefined);
        await store.sync();
        assert.equal(store.state.count, 0);
        assert.ok(asked < 200, `${asked} questions`);
        store.close();
    }
});
