/* A key for each second, in a binary tree (docs/keys.md, "Time keys"; docs/formats.md, "Time key set"). */
import { concat, readU32, u32, type Bytes } from "./bytes.ts";
import { invalid, noKey } from "./errors.ts";
import { hkdfExpand, NOTHING } from "./hash.ts";

export const DEPTH = 32;
export const SLOT_END = 2 ** 32;
const SET_MAX = 65536;
const MAGIC = 0x43524454; /* "CRDT" */
const NODE_BYTES = 1 + 4 + 32;

export interface Node {
    depth: number;
    first: number;
    key: Bytes;
}

const size = (depth: number): number => 2 ** (DEPTH - depth);

function children(node: Node): [Node, Node] {
    const both = hkdfExpand(node.key, "cardea/1 node", NOTHING, 64);
    const depth = node.depth + 1;
    return [
        { depth, first: node.first, key: both.slice(0, 32) },
        { depth, first: node.first + size(depth), key: both.slice(32) },
    ];
}

/* All of `nodes` within [begin, end). */
export function intersect(nodes: Node[], begin: number, end: number): Node[] {
    const out: Node[] = [];
    const walk = (n: Node): void => {
        const last = n.first + size(n.depth);
        if (n.first >= end || last <= begin) return;
        if (n.first >= begin && last <= end) out.push(n);
        else children(n).forEach(walk);
    };
    nodes.forEach(walk);
    return out;
}

/* What is left of `nodes` without [begin, end): shredding. */
export const remove = (nodes: Node[], begin: number, end: number): Node[] => [
    ...intersect(nodes, 0, begin),
    ...intersect(nodes, end, SLOT_END),
];

export function covers(nodes: Node[], begin: number, end: number): boolean {
    let at = begin;
    for (const n of nodes) if (n.first <= at && at < n.first + size(n.depth)) at = n.first + size(n.depth);
    return at >= end;
}

/* The smallest set that covers exactly [begin, end). */
export function cover(nodes: Node[], begin: number, end: number): Node[] {
    if (begin >= end || end > SLOT_END) throw invalid("the range of slots is empty or too far");
    if (!covers(nodes, begin, end)) throw noKey("the keys do not open all of that time");
    return intersect(nodes, begin, end);
}

export function encodeSet(nodes: Node[]): Bytes {
    const head = concat(u32(MAGIC), new Uint8Array([1, 1]), u32(nodes.length));
    return concat(head, ...nodes.map((n) => concat(new Uint8Array([n.depth]), u32(n.first), n.key)));
}

export function decodeSet(raw: Uint8Array): Node[] {
    if (raw.length < 10 || readU32(raw, 0) !== MAGIC) throw invalid("time key set: magic");
    if (raw[4] !== 1) throw invalid("time key set: version");
    if (raw[5] !== 1) throw invalid("time key set: suite");
    const count = readU32(raw, 6);
    if (count > SET_MAX || raw.length !== 10 + count * NODE_BYTES) throw invalid("time key set: count");
    const nodes: Node[] = [];
    let next = 0;
    for (let i = 0, at = 10; i < count; i++, at += NODE_BYTES) {
        const depth = raw[at]!;
        const first = readU32(raw, at + 1);
        if (depth > DEPTH) throw invalid("time key set: depth");
        if (first % size(depth) !== 0) throw invalid("time key set: first");
        if (first < next) throw invalid("time key set: order");
        next = first + size(depth);
        nodes.push({ depth, first, key: raw.slice(at + 5, at + NODE_BYTES) as Bytes });
    }
    return nodes;
}

/* Finds leaves, and keeps the path to the last one: neighbouring seconds share nearly all of it. */
export class TimeKeys {
    private path: Node[] = [];

    constructor(readonly nodes: Node[]) {}

    leaf(slot: number): Bytes {
        while (this.path.length > 0 && !inside(this.path[this.path.length - 1]!, slot)) this.path.pop();
        if (this.path.length === 0) {
            const top = this.nodes.find((n) => inside(n, slot));
            if (!top) throw noKey("there is no key for this time: it was never shared with you, or it was deleted");
            this.path.push(top);
        }
        for (;;) {
            const node = this.path[this.path.length - 1]!;
            if (node.depth === DEPTH) return node.key;
            const [left, right] = children(node);
            this.path.push(slot < right.first ? left : right);
        }
    }
}

const inside = (n: Node, slot: number): boolean => slot >= n.first && slot < n.first + size(n.depth);

export const segmentKey = (leaf: Bytes, id: Uint8Array): Bytes => hkdfExpand(leaf, "cardea/1 segment", id, 32);
export const segmentCommitment = (leaf: Bytes, id: Uint8Array): Bytes => hkdfExpand(leaf, "cardea/1 commit", id, 32);
export const eventKey = (leaf: Bytes, id: Uint8Array): Bytes => hkdfExpand(leaf, "cardea/1 event", id, 32);
