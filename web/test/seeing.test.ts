/* Geometry, rules in words, what a rule would have done, why an event alerted: all without a page. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addPoint, arrowOf, boxAt, crossing, dwell, footOf, inside, midpoint, moveAll, movePoint, removePoint, tangled, trail } from "../shared/geometry.ts";
import { against, inSchedule, listed, ruleParts, ruleSentence, span, timeWords, tryRule, why, type RuleNames } from "../shared/rules.ts";
import { labelFits, NEW_RULE, readSee, readSeen, type Point, type Rule } from "../shared/seeing.ts";
import { blank, zone } from "./made.ts";

const square: Point[] = [[1000, 1000], [5000, 1000], [5000, 5000], [1000, 5000]];

test("a point is inside a polygon, on its edge, or outside", () => {
    for (const [p, expected] of [[[3000, 3000], true], [[1000, 3000], true], [[5000, 5000], true], [[5001, 3000], false], [[0, 0], false]] as [Point, boolean][])
        assert.equal(inside(p, square), expected, `${p}`);
    const notch: Point[] = [[0, 0], [10000, 0], [10000, 10000], [5000, 2000], [0, 10000]];
    assert.equal(inside([5000, 1000], notch), true);
    assert.equal(inside([5000, 6000], notch), false, "a concave shape's bay is outside");
});

test("a line is crossed inwards from its left to its right, only between its ends", () => {
    const [a, b]: [Point, Point] = [[2000, 5000], [8000, 5000]];
    assert.equal(crossing(a, b, [5000, 4000], [5000, 6000]), "in");
    assert.equal(crossing(a, b, [5000, 6000], [5000, 4000]), "out");
    assert.equal(crossing(b, a, [5000, 4000], [5000, 6000]), "out");
    assert.equal(crossing(a, b, [1000, 4000], [1000, 6000]), null);
    assert.equal(crossing(a, b, [5000, 3000], [5000, 4000]), null);
    const arrow = arrowOf([a, b], 16 / 9);
    assert.equal(crossing(a, b, arrow.from, arrow.to), "in", "the arrow shows the way in");
});

test("a box moves between the points of its path", () => {
    const e = { begin: 1e6, end: 5e6, path: [[0, 0, 0, 100, 200], [2000, 1000, 0, 100, 200], [3000, 1000, 1000, 200, 200]] as [number, number, number, number, number][] };
    assert.deepEqual(boxAt(e, 1e6), [0, 0, 100, 200]);
    assert.deepEqual(boxAt(e, 2e6), [500, 0, 100, 200]);
    assert.deepEqual(boxAt(e, 3.5e6), [1000, 500, 150, 200]);
    assert.deepEqual(boxAt(e, 5e6), [1000, 1000, 200, 200], "it stays where it was last until the end");
    assert.equal(boxAt(e, 0.5e6), null);
    assert.equal(boxAt(e, 6e6), null);
    assert.equal(boxAt({ ...e, path: [] }, 2e6), null);
    assert.deepEqual(footOf([100, 200, 50, 80]), [125, 280]);
    assert.equal(trail(e, 3.2e6).length, 2);
});

test("how long somebody stood in a place", () => {
    const e = blank("a", { begin: 0, end: 20e6, path: [[0, 9000, 9000, 100, 100], [5000, 2000, 2000, 100, 100], [9000, 2100, 2000, 100, 100], [11000, 9000, 9000, 100, 100], [12000, 2000, 2000, 100, 100]] });
    assert.equal(dwell(e, square), 8, "from the last point inside to the end");
    assert.equal(dwell({ ...e, end: 13e6 }, square), 4);
});

test("shapes are edited within their limits", () => {
    assert.deepEqual(midpoint(square, 3), [1000, 3000]);
    assert.equal(addPoint(square, 0, 16).length, 5);
    assert.equal(addPoint(square, 0, 4).length, 4, "at the limit none is added");
    assert.equal(removePoint(square, 0, 3).length, 3);
    assert.equal(removePoint(square.slice(0, 3), 0, 3).length, 3, "a polygon keeps three");
    assert.deepEqual(movePoint(square, 0, [-50, 20_000])[0], [0, 10_000]);
    assert.deepEqual(moveAll(square, -5000, 9000)[0], [0, 6000], "together, as far as the picture allows");
    assert.equal(tangled(square), false);
    assert.equal(tangled([[0, 0], [100, 100], [100, 0], [0, 100]]), true);
});

const rule = (more: Partial<Rule>): Rule => ({ ...NEW_RULE, id: "r1", name: "Visitors", ...more });
const names: RuleNames = { cameras: { c0: "Front door" }, zones: { z1: zone("z1", { name: "Driveway", points: square }), z2: zone("z2", { name: "Gate", kind: "line", points: [[0, 0], [1, 1]] }) }, people: { p1: "Ada" }, channels: { n1: "Phone", n2: "E-mail" } };

test("a rule reads as a sentence", () => {
    const full = rule({ labels: ["person", "pet"], zones: ["z1"], dwell_s: 10, presence: "away", schedule: [{ days: [1, 2, 3, 4, 5, 6, 7], from: "22:00", to: "06:00" }], channels: ["n1", "n2"], cooldown_s: 300 });
    assert.equal(ruleSentence(full, names), "When a person or a pet stands in Driveway for 10 s, while nobody is home, at night (22:00 to 06:00) → Phone and E-mail; not again for 5 min");
    assert.equal(ruleSentence(rule({}), names), "When a person is seen → every channel; not again for 60 s".replace("60 s", "1 min"));
    assert.equal(ruleSentence(rule({ zones: ["z2"], who: "unknown", cooldown_s: 0 }), names), "When a person who is not known crosses Gate → every channel");
    assert.match(ruleSentence(rule({ who: ["p1"], cameras: ["c0"] }), names), /^When Ada is seen by Front door/);
    assert.match(ruleSentence(rule({ zones: ["gone"] }), names), /a removed zone/);
    assert.match(ruleSentence(rule({ labels: ["person", "ring"] }), names), /^When a person is seen or the doorbell rings →/);
    assert.match(ruleSentence(rule({ labels: ["ring"] }), names), /^When the doorbell rings →/);
    const slots = ruleParts(full, names).map((p) => p.slot).filter(Boolean);
    assert.deepEqual(slots, ["what", "where", "dwell", "presence", "when", "channels", "cooldown"]);
    assert.equal(listed(["a", "b", "c"], "and"), "a, b and c");
    assert.deepEqual([5, 90, 600, 5400, 7200].map(span), ["5 s", "1.5 min", "10 min", "1.5 h", "2 h"]);
    assert.equal(timeWords({ days: [6, 7], from: "08:00", to: "12:00" }), "at weekends from 08:00 to 12:00");
    assert.equal(timeWords({ days: [1, 3], from: "00:00", to: "24:00" }), "on Mondays and Wednesdays");
});

test("a window past midnight belongs to the day it began", () => {
    const night = [{ days: [5], from: "22:00", to: "06:00" }]; /* Friday */
    assert.equal(inSchedule(night, new Date(2026, 0, 2, 23)), true); /* Friday 2 January 2026 */
    assert.equal(inSchedule(night, new Date(2026, 0, 3, 5, 59)), true);
    assert.equal(inSchedule(night, new Date(2026, 0, 3, 6)), false);
    assert.equal(inSchedule(night, new Date(2026, 0, 3, 23)), false);
    assert.equal(inSchedule([{ days: [1], from: "08:00", to: "09:00" }], new Date(2026, 0, 5, 8)), true);
    assert.equal(inSchedule([], new Date()), true);
});

test("what speaks against an alert is named", () => {
    const zones = names.zones;
    const e = blank("a", { zones: ["z1"], begin: 0, end: 8e6, path: [[0, 2000, 2000, 10, 10], [8000, 2000, 2000, 10, 10]] });
    assert.equal(against(rule({}), e, zones), null);
    assert.equal(against(rule({ labels: ["vehicle"] }), e, zones), "label");
    assert.equal(against(rule({ cameras: ["c9"] }), e, zones), "zone");
    assert.equal(against(rule({ zones: ["z2"] }), e, zones), "zone");
    assert.equal(against(rule({ zones: ["z2"] }), { ...e, crossed: ["z2"] }, zones), null);
    assert.equal(against(rule({ who: "known" }), e, zones), "person");
    assert.equal(against(rule({ who: "unknown" }), { ...e, face: { person: "p1", name: "Ada" } }, zones), "person");
    assert.equal(against(rule({ who: ["p1"] }), { ...e, face: { person: "p1", name: "Ada" } }, zones), null);
    assert.equal(against(rule({ zones: ["z1"], dwell_s: 8 }), e, zones), null);
    assert.equal(against(rule({ zones: ["z1"], dwell_s: 9 }), e, zones), "dwell");
    assert.equal(against(rule({}), { ...e, still: true }, zones), "still");
    assert.equal(against(rule({}), { ...e, quiet: [{ rule: "r1", name: "", because: "not_interesting", text: "" }] }, zones), "not_interesting");
});

test("a trial counts alerts, with the cool-down for each camera", () => {
    const at = (id: string, s: number, camera = "c0") => blank(id, { camera, begin: s * 1e6, end: (s + 5) * 1e6 });
    const t = tryRule(rule({ cooldown_s: 60 }), [at("a", 0), at("b", 30), at("c", 70), at("d", 30, "c1"), blank("e", { label: "cat", begin: 0 })], {});
    assert.deepEqual(t.alerts.map((e) => e.id), ["c", "d", "a"]);
    assert.deepEqual(t.quiet, { cooldown: 1, label: 1 });
});

test("why an event alerted, and what would have stopped it", () => {
    const e = blank("a", { zones: ["z1"], score: 0.874, alert: { rule: "r1", name: "Visitors", at: 0, channels: ["n1"] } });
    const w = why(e, rule({ zones: ["z1"], presence: "away", dwell_s: 3 }), names);
    assert.equal(w.headline, "Alert by “Visitors”");
    assert.deepEqual(w.lines, ["It saw a person in Driveway, 87 % sure.", "It told Phone."]);
    assert.ok(w.instead.includes("staying out of Driveway") && w.instead.includes("somebody being home") && w.instead.includes("leaving within 3 s"));
    const quiet = why(blank("b", { quiet: [{ rule: "r1", name: "Visitors", because: "cooldown", text: "" }] }), null, names);
    assert.deepEqual(quiet.lines, ["“Visitors”: there had been an alert shortly before"]);
    assert.match(why(blank("c", { label: "motion" }), null, names).headline, /Quiet/);
});

test("labels stand for themselves and their group", () => {
    assert.ok(labelFits("vehicle", "car") && labelFits("pet", "dog") && labelFits("car", "car"));
    assert.ok(!labelFits("vehicle", "bicycle") && !labelFits("car", "vehicle"));
});

test("an event with wrong fields is read without them; one without times is refused", () => {
    const e = readSeen("c0", 1, "ab", { v: 1, label: 7, begin: 5, end: 3, score: "x", path: [[0, 1, 2, 3], [0, 1, 2, 3, NaN], [0, 1, 2, 3, 4]], zones: [1, "z", null], face: { person: 3 }, alert: null, quiet: [null, { because: "dwell" }] });
    assert.deepEqual([e.label, e.end, e.score, e.path.length, e.zones, e.face], ["motion", 5, 0, 1, ["z"], null]);
    assert.deepEqual(e.quiet[1], { rule: "", name: "", because: "dwell", text: "" });
    assert.equal(readSeen("c0", 1, "ab", { begin: 0, end: 1, path: Array.from({ length: 100 }, () => [0, 0, 0, 0, 0]) }).path.length, 40);
    for (const bad of [null, {}, { begin: "0", end: 1 }, 7]) assert.throws(() => readSeen("c0", 1, "ab", bad));
    const s = readSee({ rules: [{ id: "x", labels: ["person"] }] });
    assert.equal(s.rules[0]!.cooldown_s, 60);
    assert.deepEqual(readSee(null).zones, {});
});
