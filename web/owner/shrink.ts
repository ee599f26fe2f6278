/* A picture as a JPEG of at most so many bytes: scaled and encoded here, so that only what is needed leaves this device. */
const EDGES = [720, 560, 420, 320, 240];
const QUALITIES = [0.88, 0.78, 0.66];

export async function shrink(source: Blob, maxBytes: number): Promise<Blob> {
    let picture: ImageBitmap;
    try {
        picture = await createImageBitmap(source);
    } catch {
        throw new Error("this file is not a picture that the browser can read");
    }
    try {
        for (const edge of EDGES)
            for (const quality of QUALITIES) {
                const scale = Math.min(1, edge / Math.max(picture.width, picture.height));
                const c = new OffscreenCanvas(Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)));
                const g = c.getContext("2d")!;
                g.imageSmoothingQuality = "high";
                g.drawImage(picture, 0, 0, c.width, c.height);
                const blob = await c.convertToBlob({ type: "image/jpeg", quality });
                if (blob.size <= maxBytes) return blob;
            }
    } finally {
        picture.close();
    }
    throw new Error("this picture could not be made small enough");
}
