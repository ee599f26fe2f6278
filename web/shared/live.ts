/* Reads /v1/live: messages of header, record, notice and beat (docs/protocol.md, "Live"). */
import { concat, readU32, text, type Bytes } from "./bytes.ts";
import { CardeaError, invalid } from "./errors.ts";

export enum Message {
    header = 1,
    record = 2,
    notice = 3,
    beat = 4,
    activity = 20,
}

const HEAD_BYTES = 6;
const MAX_BYTES = (8 << 20) + 64;

export interface LiveMessage {
    type: Message;
    camera: number;
    payload: Bytes;
}

/* Cuts a stream of pieces of any size into messages; keeps at most one of them. */
export class MessageReader {
    private pieces: Uint8Array[] = [];
    private held = 0;

    push(piece: Uint8Array): LiveMessage[] {
        this.pieces.push(piece);
        this.held += piece.length;
        const out: LiveMessage[] = [];
        while (this.held >= HEAD_BYTES) {
            const head = this.front(HEAD_BYTES);
            const length = readU32(head, 2);
            if (length > MAX_BYTES) throw invalid("live: a message is too long");
            if (this.held < HEAD_BYTES + length) break;
            const all = this.front(HEAD_BYTES + length);
            this.drop(HEAD_BYTES + length);
            out.push({ type: all[0]!, camera: all[1]!, payload: all.slice(HEAD_BYTES, HEAD_BYTES + length) as Bytes });
        }
        return out;
    }

    private front(n: number): Uint8Array {
        if (this.pieces[0]!.length < n) this.pieces = [concat(...this.pieces)];
        return this.pieces[0]!;
    }

    private drop(n: number): void {
        const rest = this.pieces[0]!.subarray(n);
        if (rest.length > 0) this.pieces[0] = rest;
        else this.pieces.shift();
        this.held -= n;
    }
}

export type Notice = { kind: "online" | "offline" | "skipped" | "event" | "hub" } & Record<string, unknown>;

export const readNotice = (payload: Uint8Array): Notice => JSON.parse(text(payload)) as Notice;

/* Reads until the stream ends, `signal` aborts, or nothing came for `silence` ms (beats come every 10 s). */
export async function readLive(response: Response, silenceMs: number, onMessage: (m: LiveMessage) => void): Promise<void> {
    const reader = response.body!.getReader();
    const messages = new MessageReader();
    for (;;) {
        let timer: ReturnType<typeof setTimeout> | undefined;
        const late = new Promise<never>((_, reject) => {
            timer = setTimeout(() => reject(new CardeaError("timeout", "the vault went silent")), silenceMs);
        });
        try {
            const { value, done } = await Promise.race([reader.read(), late]);
            if (done) return;
            for (const m of messages.push(value)) onMessage(m);
        } catch (e) {
            void reader.cancel().catch(() => {});
            throw e;
        } finally {
            clearTimeout(timer);
        }
    }
}
