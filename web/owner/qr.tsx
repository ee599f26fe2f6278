/* A QR code, drawn: what another device's camera is to read. Always dark on light, whatever the theme: readers expect it. */
import qrcode from "qrcode-generator";
import { useMemo } from "preact/hooks";

const QUIET = 4; /* modules around it, ISO/IEC 18004 section 6.3.8 */

/* One path for all of the dark modules: a line of them is one rectangle. */
function drawing(text: string): { size: number; path: string } {
    const code = qrcode(0, "M");
    code.addData(text, "Byte");
    code.make();
    const n = code.getModuleCount();
    let path = "";
    for (let y = 0; y < n; y++)
        for (let x = 0; x < n; x++) {
            if (!code.isDark(y, x)) continue;
            const from = x;
            while (x + 1 < n && code.isDark(y, x + 1)) x++;
            path += `M${from + QUIET} ${y + QUIET}h${x + 1 - from}v1H${from + QUIET}z`;
        }
    return { size: n + 2 * QUIET, path };
}

export function Qr({ text, label }: { text: string; label: string }) {
    const { size, path } = useMemo(() => drawing(text), [text]);
    return (
        <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
            <rect width={size} height={size} fill="#fff" />
            <path d={path} fill="#111" />
        </svg>
    );
}
