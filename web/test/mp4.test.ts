/* Fragmented MP4 as ffmpeg writes it, and as nobody should. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { concat, own, random, view, type Bytes } from "../shared/bytes.ts";
import { box, boxes, find, mime, readFragment, shift, stretch, trackInit, tracks } from "../shared/mp4.ts";

function clip(codec: string[]): { init: Bytes; fragments: Bytes[] } {
    const folder = mkdtempSync(join(tmpdir(), "cardea-mp4-"));
    try {
        const path = join(folder, "clip.mp4");
        execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=10", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "2", ...codec,
            "-pix_fmt", "yuv420p", "-g", "10", "-c:a", "libopus", "-f", "mp4", "-movflags", "frag_every_frame+empty_moov+default_base_moof", path]);
        const raw = new Uint8Array(readFileSync(path));
        const all = [...boxes(raw)];
        const part = (type: string): Uint8Array => raw.subarray(all.find((b) => b.type === type)!.at, all.find((b) => b.type === type)!.end);
        const fragments = all.flatMap((b, i) => (b.type === "moof" ? [own(raw.subarray(b.at, all[i + 1]!.end))] : []));
        return { init: concat(part("ftyp"), part("moov")), fragments };
    } finally {
        rmSync(folder, { recursive: true });
    }
}

const avc = clip(["-c:v", "libx264", "-profile:v", "baseline"]);

test("an init names its tracks as a browser wants them", () => {
    const [video, audio] = tracks(avc.init);
    assert.match(mime(video!), /^video\/mp4; codecs="avc1\.42[0-9a-f]{4}"$/);
    assert.deepEqual([video!.width, video!.height], [320, 240]);
    assert.equal(mime(audio!), 'audio/mp4; codecs="opus"');
    assert.equal(audio!.timescale, 48000);
    const hevc = clip(["-c:v", "libx265", "-x265-params", "log-level=error", "-tag:v", "hvc1"]);
    assert.match(tracks(hevc.init)[0]!.codec, /^hvc1\.1\.6\.L\d+\.90$/);
});

test("one track's init has that track alone", () => {
    for (const t of tracks(avc.init)) {
        const alone = trackInit(avc.init, t.id);
        assert.deepEqual(tracks(alone), [t]);
        assert.equal([...boxes(alone, find(alone, "moov/mvex")!.body, find(alone, "moov/mvex")!.end)].length, 1);
    }
});

test("a fragment's time, samples and key frame are read, and moved", () => {
    const video = tracks(avc.init)[0]!;
    const own_ = avc.fragments.filter((f) => readFragment(f).track === video.id);
    assert.equal(own_.length, 20);
    assert.deepEqual(own_.map((f) => readFragment(f).sync), Array.from({ length: 20 }, (_, i) => i % 10 === 0));
    const scales = new Map(tracks(avc.init).map((t) => [t.id, t.timescale]));
    const wall = 1_790_000_000;
    const moved = own(own_[3]!);
    const f = readFragment(moved);
    view(moved).setBigUint64(f.timeAt, BigInt(f.time) + BigInt(wall) * BigInt(video.timescale));
    const two = concat(moved, moved);
    shift(two, wall - 100, scales);
    for (const part of [two.subarray(0, moved.length), two.subarray(moved.length)])
        assert.equal(readFragment(part).time, f.time + 100 * video.timescale);
});

test("a key frame is stretched to a duration", () => {
    const f = readFragment(avc.fragments[0]!);
    assert.equal(readFragment(stretch(avc.fragments[0]!, f, 12345)).duration, 12345);
});

test("bytes that are no MP4 are refused, quickly and in words", () => {
    const good = concat(avc.init, avc.fragments[0]!);
    for (let i = 0; i < 3000; i++) {
        const bad = own(good);
        for (let n = 0; n <= i % 4; n++) bad[Math.floor(Math.random() * bad.length)] = random(1)[0]!;
        for (const read of [() => tracks(bad), () => readFragment(bad), () => trackInit(bad, 1), () => shift(bad, 1, new Map([[1, 90000]]))])
            try {
                read();
            } catch (e) {
                assert.ok(e instanceof Error);
            }
    }
    assert.throws(() => [...boxes(box("free").subarray(0, 6))], /ends too soon/);
    assert.throws(() => [...boxes(new Uint8Array([0, 0, 0, 4, 1, 1, 1, 1]))], /false size/);
    assert.throws(() => tracks(box("ftyp")), /no moov/);
});
