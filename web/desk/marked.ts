/* Frames with both marks in them, drawn into a canvas: the only picture that the portal shows. The video that they come from is never in
 * the document. */
import { eachFrame } from "../owner/feed.ts";
import { markOf, MARK_FRAME_WIDTH_MIN, MarkPainter } from "../shared/mark_hidden.ts";

export interface Viewer {
    key: Uint8Array; /* the hash of their signing key, as the log has it */
    words: string; /* "Agent 7 · Ann · #A1B2C3" */
    now: () => number; /* s */
}

const AMBER = "rgb(255 176 0)"; /* src/mark/hidden_mark.h */
const FRAME_WIDTH_MAX = 1920;

export class MarkedCanvas {
    private readonly context: CanvasRenderingContext2D;
    private readonly painter = new MarkPainter();
    private over: OffscreenCanvas | null = null;
    private overSecond = 0;
    private stops: (() => void)[] = [];
    drawn = 0;
    markMs = 0; /* the last frame's */
    firstAt: number | null = null; /* performance.now() of the first frame */

    constructor(
        private readonly canvas: HTMLCanvasElement,
        private readonly video: HTMLVideoElement,
        private readonly viewer: Viewer,
    ) {
        this.context = canvas.getContext("2d", { alpha: false })!;
        this.stops.push(eachFrame(video, () => this.draw()));
    }

    private fit(): boolean {
        const { videoWidth: w, videoHeight: h } = this.video;
        if (!w || !h) return false;
        const width = Math.min(FRAME_WIDTH_MAX, Math.max(MARK_FRAME_WIDTH_MIN, w));
        const height = Math.round((width * h) / w);
        if (this.canvas.width !== width || this.canvas.height !== height) {
            this.canvas.width = width;
            this.canvas.height = height;
            this.over = null;
        }
        return true;
    }

    private draw(): void {
        if (!this.fit()) return;
        const began = performance.now();
        const { width, height } = this.canvas;
        this.context.drawImage(this.video, 0, 0, width, height);
        this.context.drawImage(this.visible(width, height), 0, 0);
        this.painter.paint(this.context, markOf(this.viewer.key, this.viewer.now() * 1000));
        this.drawn++;
        this.markMs = performance.now() - began;
        this.firstAt ??= performance.now();
    }

    /* Made once a second: slanted words in tiles, and the border. */
    private visible(width: number, height: number): OffscreenCanvas {
        const second = Math.floor(this.viewer.now());
        if (this.over && this.overSecond === second) return this.over;
        this.overSecond = second;
        const over = this.over ?? (this.over = new OffscreenCanvas(width, height));
        const c = over.getContext("2d")!;
        c.clearRect(0, 0, width, height);
        const size = Math.round(width / 62);
        const words = `${this.viewer.words} · ${new Date(second * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
        c.save();
        c.font = `600 ${size}px system-ui, sans-serif`;
        c.translate(width / 2, height / 2);
        c.rotate(-0.3);
        const step = c.measureText(words).width + 4 * size;
        const reach = Math.hypot(width, height) / 2;
        for (let y = -reach, row = 0; y < reach; y += 7 * size, row++)
            for (let x = -reach - (row % 2) * (step / 2); x < reach; x += step) {
                c.fillStyle = "rgb(0 0 0 / 16%)";
                c.fillText(words, x + 1.5, y + 1.5);
                c.fillStyle = "rgb(255 255 255 / 24%)";
                c.fillText(words, x, y);
            }
        c.restore();
        const thick = Math.round(width / 213);
        c.strokeStyle = AMBER;
        c.lineWidth = 2 * thick; /* half of it lies outside */
        c.strokeRect(0, 0, width, height);
        return over;
    }

    /* Nothing of what was shown stays. */
    close(): void {
        this.stops.forEach((s) => s());
        this.canvas.width = this.canvas.height = 1;
        this.over = null;
        this.video.removeAttribute("src");
        this.video.load();
    }
}
