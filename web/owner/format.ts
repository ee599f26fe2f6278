/* Times, sizes and durations as a person reads them, in their own language and zone. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export const clockTime = (s: number): string => clock.format(s * 1000);
export const minuteTime = (s: number): string => minute.format(s * 1000);
export const dayName = (s: number): string => day.format(s * 1000);
export const fullTime = (s: number): string => full.format(s * 1000);

export function isToday(s: number): boolean {
    return new Date(s * 1000).toDateString() === new Date().toDateString();
}
/* To the second, and the second day named where it is another one. */
export const rangeTime = (from: number, to: number): string =>
    `${fullTime(from)} to ${new Date(from * 1000).toDateString() === new Date(to * 1000).toDateString() ? clockTime(to) : fullTime(to)}`;
export const whenTime = (s: number): string => (isToday(s) ? clockTime(s) : fullTime(s));

export function startOfDay(s: number): number {
    const d = new Date(s * 1000);
    d.setHours(0, 0, 0, 0);
    return d.getTime() / 1000;
}

/* The value of an <input type="datetime-local" step="1">. */
export function localInput(s: number): string {
    const d = new Date(s * 1000 - new Date(s * 1000).getTimezoneOffset() * 60_000);
    return d.toISOString().slice(0, 19);
}
export const fromLocalInput = (v: string): number => new Date(v).getTime() / 1000;

export function bytes(n: number): string {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let i = 0;
    while (n >= 1000 && i < units.length - 1) {
        n /= 1000;
        i++;
    }
    return `${n < 10 && i > 0 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export function duration(s: number): string {
    s = Math.max(0, Math.round(s));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ""}`;
    if (s < 86400) return `${Math.floor(s / 3600)} h${Math.floor((s % 3600) / 60) ? ` ${Math.floor((s % 3600) / 60)} min` : ""}`;
    const d = Math.floor(s / 86400);
    const h = Math.floor((s % 86400) / 3600);
    return `${d} day${d === 1 ? "" : "s"}${h ? ` ${h} h` : ""}`;
}

export function ago(iso: string | null | undefined): string {
    const t = iso ? Date.parse(iso) : NaN;
    return Number.isNaN(t) ? "unknown" : `${fullTime(t / 1000)} (${duration((Date.now() - t) / 1000)} ago)`;
}

export const codecName = (c: string | null | undefined): string => {
    if (!c) return "unknown";
    if (/^(hvc1|hev1|hevc|h265)/i.test(c)) return "H.265";
    if (/^(avc1|avc3|h264)/i.test(c)) return "H.264";
    return c;
};

const long = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
export function longDay(s: number): string {
    const yesterday = startOfDay(Date.now() / 1000 - 86_400);
    return startOfDay(s) === yesterday ? "Yesterday" : long.format(s * 1000);
}
export const localDate = (v: string): string => day.format(new Date(`${v}T12:00`));
export const dateValue = (s: number): string => localInput(s).slice(0, 10);

const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
export const shortDay = (s: number): string => short.format(s * 1000);
