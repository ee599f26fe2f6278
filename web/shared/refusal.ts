/* Why a grant did not open, in words for whoever stands before the door. */
import { CardeaError } from "./errors.ts";

/* `wrong`: the vault does not say what is wrong with what was shown to it, the link or its password. */
export interface Refusal {
    title: string;
    text: string;
    again: boolean;
    wrong?: boolean;
}

/* The vault says of a link whose key nobody has shown yet that it ended, and not how. */
export const LINK_ENDED: Refusal = { title: "This link has ended", text: "It was ended, has expired, or was opened as often as it could be. Ask whoever shared it with you for a new one.", again: false };

/* What a refusal means for a person, and whether trying again may help. */
export function refusalOf(e: unknown): Refusal {
    const word = e instanceof CardeaError ? e.word : "internal";
    const message = e instanceof Error ? e.message : String(e);
    const end = (title: string, text: string) => ({ title, text, again: false });
    if (word === "offline") return { title: "The vault does not answer", text: "Look at your connection, and try again in a moment.", again: true };
    if (e instanceof CardeaError && e.detail?.retryAfter) return { title: "Too many tries", text: "Wait half a minute, then try again.", again: true };
    if (word === "not_found") return end("There is nothing at this link", "It was deleted by whoever shared it, or the link was not copied whole. Ask for it again.");
    if (word === "denied") {
        if (/revoked|withdrawn|ended/.test(message)) return end("This was ended", "Whoever shared it with you has ended it. Ask them if you still need it.");
        if (/expired|nothing from/.test(message)) return end("This has expired", "Its time is over. Ask whoever shared it with you for a new link.");
        if (/not (hold )?yet|does not hold/.test(message)) return { title: "Not yet", text: "This share begins later. Come back then.", again: true };
        if (/views|used up|often/.test(message)) return end("This share was used up", "It could be opened a certain number of times, and that many it was. Ask for a new link.");
        if (/link or its password/.test(message)) return { ...end("There is nothing at this link", "It was deleted by whoever shared it, or a part of the link is missing. Copy the whole link, or ask for it again."), wrong: true };
        return { title: "That did not open it", text: message, again: true };
    }
    if (word === "forged") return end("This vault's proof failed", `Nothing was opened: ${message}. Tell whoever shared it with you; their app can look into it.`);
    if (word === "invalid") return end("This link is damaged", "A part of it is missing or was changed. Copy the whole link, to its last letter, and open it again.");
    return { title: "This could not be opened", text: message, again: true };
}
