/* Each rule at its limit and one past it, as in src/trust/unusual_test.c. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OwnEntry } from "../shared/looks.ts";
import { unusual } from "../shared/unusual.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
const NOON = 19_700 * DAY + 12 * HOUR;

let n = 0;
const use = (time: number, more: { facts?: Record<string, number>; actor?: string | null; kind?: string } = {}): OwnEntry => ({
    n: n++, index: n, time, kind: more.kind ?? "grant.use", actor: more.actor === undefined ? "01".repeat(16) : more.actor, facts: more.facts ?? { cameras: 1, minutes: 5, ticket: 1 }, details: {}, raw: "",
});
const rules = (entries: OwnEntry[], offset = 0): number[][] => entries.map((e) => unusual(entries, offset).filter((a) => a.n === e.n).map((a) => a.rule));
const last = (entries: OwnEntry[], offset = 0): number[] => rules(entries, offset).at(-1)!;

test("rate: more than twelve in an hour, by one of them", () => {
    const twelve = Array.from({ length: 12 }, (_, i) => use(NOON + i * 60));
    assert.deepEqual(rules(twelve).flat(), []);
    assert.deepEqual(last([...twelve, use(NOON + 780, { actor: "02".repeat(16) })]), []);
    assert.deepEqual(last([...twelve, use(NOON + HOUR - 1)]), [1]);
    assert.deepEqual(last([...twelve, use(NOON + HOUR - 1), use(NOON + HOUR + 60)]), []);
});

test("hour: midnight to five, at the desk", () => {
    for (const [at, offset, alarm] of [[0, 0, true], [-1, 0, false], [5 * HOUR - 1, 0, true], [5 * HOUR, 0, false], [22 * HOUR, 7200, true], [22 * HOUR, 0, false], [3 * HOUR, 7200, false]] as const)
        assert.deepEqual(last([use(19_700 * DAY + at)], offset), alarm ? [2] : [], `${at} ${offset}`);
});

test("repetition: on the third day of thirty", () => {
    const on = (...days: number[]) => last(days.map((d) => use(NOON + d * DAY)));
    assert.deepEqual(on(0, 0, 1, 1), []);
    assert.deepEqual(on(0, 1, 29), [3]);
    assert.deepEqual(on(0, 1, 30), []);
});

test("scope: more than three cameras, or more than sixty minutes", () => {
    const of = (cameras: number, minutes: number) => last([use(NOON, { facts: { cameras, minutes, ticket: 1 } })]);
    assert.deepEqual([of(3, 60), of(4, 60), of(3, 61)], [[], [4], [4]]);
});

test("ticket: none, whether it was opened or refused", () => {
    assert.deepEqual(last([use(NOON, { facts: { cameras: 1, ticket: 0 } })]), [5]);
    assert.deepEqual(last([use(NOON, { facts: { cameras: 1 }, kind: "admin.refused" })]), [5]);
});

test("refused: more than five in an hour", () => {
    const five = Array.from({ length: 5 }, (_, i) => use(NOON + i, { kind: "admin.refused" }));
    assert.deepEqual(rules(five).flat(), []);
    assert.deepEqual(last([...five, use(NOON + HOUR - 1, { kind: "admin.refused" })]), [6]);
});

test("only staff is looked at", () => {
    assert.deepEqual(rules([use(19_700 * DAY, { facts: {} }), use(19_700 * DAY, { facts: { opening: 5 } }), use(19_700 * DAY, { actor: null }), use(19_700 * DAY, { kind: "grant.create" })]).flat(), []);
});
