/* A link to be handed over: copied, sent by the system's own sheet, or read by a phone. */
import { useState } from "preact/hooks";
import { lazy } from "./lazy.tsx";
import { say } from "./state.ts";
import { Button, Icon, Message } from "./ui.tsx";

const Qr = lazy<{ text: string; label: string }>(() => import("./qr.tsx").then((m) => m.Qr), true);

/* Opened as this machine's own address, Cardea cannot know by which one others reach it. */
const HERE_ALONE = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);

export async function copy(link: string): Promise<void> {
    try {
        await navigator.clipboard.writeText(link);
        say("The link is copied");
    } catch {
        say("This browser does not let the page copy: select the link and copy it by hand", "bad");
    }
}

export function Handover({ link, what }: { link: string; what: string }) {
    const [qr, setQr] = useState(false);
    const send = "share" in navigator ? () => void navigator.share({ url: link, title: what }).catch(() => undefined) : null;
    return (
        <div class="handover">
            <div class="handover-link">
                <input readOnly value={link} aria-label="The link" onFocus={(e) => e.currentTarget.select()} />
                <Button look="main" onClick={() => void copy(link)}>Copy</Button>
            </div>
            <div class="actions start">
                {send && <Button icon="away" onClick={send}>Send…</Button>}
                <Button icon="boxes" aria-expanded={qr} onClick={() => setQr(!qr)}>{qr ? "Hide the code" : "Show as QR code"}</Button>
            </div>
            {HERE_ALONE && <Message kind="warn" title="This link works on this machine alone">You opened Cardea at {location.host}. Open it by the address that others reach, and make the link there.</Message>}
            {qr && <figure class="qr-frame"><Qr text={link} label="QR code of the link" /><figcaption class="muted"><Icon name="phone" /> Point a phone's camera at it</figcaption></figure>}
        </div>
    );
}
