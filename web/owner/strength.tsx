/* An honest hint about a passphrase: how it could be guessed, not a colourful bar. */
import { MIN_CHARS } from "../shared/limits.ts";

/* What people choose first, and what attackers try first. */
const COMMON = /^(password|passwort|passphrase|qwerty|qwertz|azerty|letmein|iloveyou|welcome|admin|cardea|monkey|dragon|sunshine|football|princess|camera|abc|\d+)+[\W\d]*$/i;

export interface Strength {
    ok: boolean;
    score: 0 | 1 | 2 | 3;
    text: string;
}

export function strength(p: string, login: string): Strength {
    const chars = [...p].length;
    if (chars === 0) return { ok: false, score: 0, text: `At least ${MIN_CHARS} characters. Four or five unrelated words are easy to keep and hard to guess.` };
    if (chars < MIN_CHARS) return { ok: false, score: 0, text: `${MIN_CHARS - chars} more character${MIN_CHARS - chars === 1 ? "" : "s"} at least.` };
    if (login && p.toLowerCase().includes(login.toLowerCase().split("@")[0]!) && login.length > 2)
        return { ok: true, score: 1, text: "It contains your sign-in name: that is tried first." };
    const distinct = new Set(p.toLowerCase()).size;
    if (COMMON.test(p) || distinct < 5) return { ok: true, score: 1, text: "Allowed, but among the first guesses. Pick words that have nothing to do with each other." };
    const words = p.trim().split(/[\s\-_.]+/).filter((w) => w.length >= 3).length;
    if (words >= 5 || chars >= 24) return { ok: true, score: 3, text: "Strong: out of reach even for somebody who steals the vault." };
    if (words >= 4 || chars >= 16) return { ok: true, score: 2, text: "Good against anyone who guesses. One more word makes it strong against somebody who steals the vault." };
    return { ok: true, score: 1, text: "Fine against guessing at the door. Somebody who steals the vault could try billions: a few more words help." };
}

export function StrengthHint({ value }: { value: Strength }) {
    return (
        <span class={`strength s${value.score}`}>
            <span class="pips" aria-hidden="true"><i /><i /><i /></span>
            {value.text}
        </span>
    );
}
