/* The hidden mark: who is looking, and when, in every frame that is shown to somebody who is not of the household. The same as
 * src/mark/hidden_mark.c, which explains it; tests/vectors/hidden_mark.json holds both to it. Runs on a page and in a worker. */

export const MARK_COLUMNS = 96;
export const MARK_ROWS = 54;
export const MARK_CHIPS = MARK_COLUMNS * MARK_ROWS;
/* Smaller frames are enlarged to this before they are marked. */
export const MARK_FRAME_WIDTH_MIN = 1280;

const DELTA_MAX = 4;
const BUDGET_16 = 48;
const UNIT = 16;
const CLIP = 10 * 4 * UNIT;
const TARGET = 24 * 4 * UNIT;
const STEP = 3 * 4 * UNIT;
const WORD_BITS = 72;
const CODED_BITS = (WORD_BITS + 6) * 3;
const GENERATORS = [0o133, 0o171, 0o165];
const EPOCH_MS = Date.UTC(2026, 0, 1);

export type HiddenMark = { key: number; minute: number };

/* The first four bytes of SHA-256 of the viewer's signing key, and this minute. */
export function markOf(keyHash: Uint8Array, nowMs: number): HiddenMark {
    const key = new DataView(keyHash.buffer, keyHash.byteOffset).getUint32(0);
    return { key, minute: Math.floor((nowMs - EPOCH_MS) / 60000) & 0xffffff };
}

type Layout = { chips: Uint16Array[]; bitOf: Uint16Array; signOf: Int8Array; around: Uint16Array; degree: Uint8Array };
let layoutMade: Layout | undefined;

function layout(): Layout {
    if (layoutMade) return layoutMade;
    let state = 0x43524d4b;
    const random = () => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return state >>> 0;
    };
    const order = Uint16Array.from({ length: MARK_CHIPS }, (_, i) => i);
    for (let i = MARK_CHIPS - 1; i > 0; i--) {
        const j = Math.floor((random() * (i + 1)) / 4294967296);
        [order[i], order[j]] = [order[j]!, order[i]!];
    }
    const lists: number[][] = Array.from({ length: CODED_BITS }, () => []);
    const made: Layout = {
        chips: [], bitOf: new Uint16Array(MARK_CHIPS), signOf: new Int8Array(MARK_CHIPS), around: new Uint16Array(4 * MARK_CHIPS), degree: new Uint8Array(MARK_CHIPS),
    };
    order.forEach((chip, k) => {
        made.bitOf[chip] = k % CODED_BITS;
        made.signOf[chip] = random() & 0x10000 ? 1 : -1;
        lists[k % CODED_BITS]!.push(chip);
    });
    made.chips = lists.map((l) => Uint16Array.from(l));
    for (let chip = 0; chip < MARK_CHIPS; chip++) {
        const column = chip % MARK_COLUMNS;
        const row = (chip - column) / MARK_COLUMNS;
        const add = (there: boolean, other: number) => {
            if (there) made.around[4 * chip + made.degree[chip]!++] = other;
        };
        add(row > 0, chip - MARK_COLUMNS);
        add(row < MARK_ROWS - 1, chip + MARK_COLUMNS);
        add(column > 0, chip - 1);
        add(column < MARK_COLUMNS - 1, chip + 1);
    }
    return (layoutMade = made);
}

function crc16(bytes: number[]): number {
    let crc = 0xffff;
    for (const b of bytes) {
        crc ^= b << 8;
        for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
    }
    return crc;
}

const parity = (v: number): number => {
    v ^= v >> 4;
    v ^= v >> 2;
    return (v ^ (v >> 1)) & 1;
};

export function encodeMark(mark: HiddenMark): Int8Array {
    const body = [mark.key >>> 24, (mark.key >>> 16) & 255, (mark.key >>> 8) & 255, mark.key & 255, (mark.minute >>> 16) & 255, (mark.minute >>> 8) & 255, mark.minute & 255];
    const crc = crc16(body);
    const word = [...body, crc >> 8, crc & 255];
    const coded = new Int8Array(CODED_BITS);
    let state = 0;
    for (let i = 0; i < WORD_BITS + 6; i++) {
        const bit = i < WORD_BITS ? (word[i >> 3]! >> (7 - (i & 7))) & 1 : 0;
        const window = (bit << 6) | state;
        GENERATORS.forEach((g, k) => (coded[3 * i + k] = parity(window & g) ? 1 : -1));
        state = window >> 1;
    }
    return coded;
}

/* What to add to each chip of a frame whose chips have these means of luma, times 16. */
export function markDeltas(means16: Int32Array, mark: HiddenMark): Int8Array {
    const { chips, bitOf, signOf, around, degree } = layout();
    const want = encodeMark(mark);
    const delta = new Int8Array(MARK_CHIPS);
    const difference = new Int32Array(MARK_CHIPS);
    const score = new Int32Array(CODED_BITS);
    let spent = 0;
    const clipped = (d: number) => (d > CLIP ? CLIP : d < -CLIP ? -CLIP : d);
    const shift = (chip: number, by: number) => {
        const before = difference[chip]!;
        difference[chip] = before + by;
        score[bitOf[chip]!]! += signOf[chip]! * (clipped(before + by) - clipped(before));
    };
    for (let chip = 0; chip < MARK_CHIPS; chip++) {
        let d = degree[chip]! * means16[chip]!;
        for (let i = 0; i < degree[chip]!; i++) d -= means16[around[4 * chip + i]!]!;
        difference[chip] = d;
        score[bitOf[chip]!]! += signOf[chip]! * clipped(d);
    }
    /* Brings one bit to the target, by chips that were changed least first. False: the budget is spent. */
    const raise = (bit: number, target: number): boolean => {
        const wanted = want[bit]!;
        for (let level = 1; level <= DELTA_MAX; level++)
            for (const chip of chips[bit]!) {
                if (wanted * score[bit]! >= target) return true;
                const direction = wanted * signOf[chip]!;
                const towards = direction * difference[chip]!;
                const before = delta[chip]!;
                if (direction * before >= level || towards >= CLIP || towards < -CLIP - UNIT) continue;
                if (spent * 16 >= BUDGET_16 * MARK_CHIPS) return false;
                const after = before + direction;
                delta[chip] = after;
                spent += after * after - before * before;
                shift(chip, degree[chip]! * UNIT * direction);
                for (let i = 0; i < degree[chip]!; i++) shift(around[4 * chip + i]!, -UNIT * direction);
            }
        return true;
    };
    for (let target = STEP; target <= TARGET; target += STEP)
        for (let bit = 0; bit < CODED_BITS; bit++) if (!raise(bit, target)) return delta;
    return delta;
}

/* Marks canvases of one size. The canvas does what is done to each pixel: it shrinks the frame to see it, and lightens and darkens it by a
 * picture of 96 x 54 points; the page itself never holds the frame. */
const SHRUNK = 4; /* pixels of the shrunken frame for a chip's side */

export class MarkPainter {
    private readonly small = new OffscreenCanvas(MARK_COLUMNS * SHRUNK, MARK_ROWS * SHRUNK);
    private readonly smallContext = this.small.getContext("2d", { willReadFrequently: true })!;
    private readonly points = [new OffscreenCanvas(MARK_COLUMNS, MARK_ROWS), new OffscreenCanvas(MARK_COLUMNS, MARK_ROWS)];
    private readonly pointContexts = this.points.map((c) => c.getContext("2d")!);
    private readonly images = this.points.map(() => new ImageData(MARK_COLUMNS, MARK_ROWS));
    private readonly means = new Int32Array(MARK_CHIPS);

    constructor() {
        this.smallContext.imageSmoothingQuality = "medium";
    }

    paint(context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D, mark: HiddenMark): void {
        const { width, height } = context.canvas;
        this.look(context.canvas);
        const deltas = markDeltas(this.means, mark);
        for (let chip = 0; chip < MARK_CHIPS; chip++) {
            const d = deltas[chip]!;
            this.images[0]!.data.fill(d > 0 ? d : 0, 4 * chip, 4 * chip + 3);
            this.images[1]!.data.fill(d < 0 ? -d : 0, 4 * chip, 4 * chip + 3);
            this.images[0]!.data[4 * chip + 3] = this.images[1]!.data[4 * chip + 3] = 255;
        }
        context.save();
        context.imageSmoothingEnabled = false;
        (["lighter", "difference"] as const).forEach((how, i) => {
            this.pointContexts[i]!.putImageData(this.images[i]!, 0, 0);
            context.globalCompositeOperation = how;
            context.drawImage(this.points[i]!, 0, 0, width, height);
        });
        context.restore();
    }

    private look(frame: CanvasImageSource): void {
        const width = MARK_COLUMNS * SHRUNK;
        this.smallContext.drawImage(frame, 0, 0, width, MARK_ROWS * SHRUNK);
        const { data } = this.smallContext.getImageData(0, 0, width, MARK_ROWS * SHRUNK);
        this.means.fill(0);
        for (let y = 0, at = 0; y < MARK_ROWS * SHRUNK; y++) {
            const row = Math.floor(y / SHRUNK) * MARK_COLUMNS;
            for (let x = 0; x < width; x++, at += 4) {
                const luma = (77 * data[at]! + 150 * data[at + 1]! + 29 * data[at + 2]!) >> 8;
                this.means[row + Math.floor(x / SHRUNK)]! += luma; /* 16 of them: the mean times 16 */
            }
        }
    }
}
