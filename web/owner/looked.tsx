/* Who looked at which camera, when, and by what right: proven, in words, and on a strip of each day. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Look, OwnEntry } from "../shared/looks.ts";
import { clockTime, dayName, duration, fullTime, isToday, longDay, minuteTime, shortDay, startOfDay } from "./format.ts";
import { alarmWords, atWords, byWhat, camerasOf, didWhat, isWatching, liveSeconds, lookAgain, plural, proof, story, whoName, type Story } from "./looked.ts";
import { FailurePage, ProofCard } from "./proof.tsx";
import { choose, route } from "./route.ts";
import { household, now } from "./state.ts";
import { Button, Icon, Page, type IconName } from "./ui.tsx";

const DAY = 86_400;
const STRIP_DAYS = 7;
const ALARM_DAYS = 30;
const SHOWN = 60; /* rows, before "Show more" */
const VIEWS: [string, string][] = [["", "By time"], ["people", "By person"], ["cameras", "By camera"]];
const LOOKS: Record<string, { icon: IconName; name: string }> = {
    support: { icon: "phone", name: "Support desk" }, link: { icon: "link", name: "Links" }, member: { icon: "person", name: "People of your home" },
};
const lookOf = (purpose: string) => LOOKS[purpose] ?? { icon: "key" as IconName, name: "Others" };
const kindOf = (purpose: string): string => (purpose in LOOKS ? purpose : "other");

interface Shown {
    camera: string;
    who: string;
}
const matches = (l: Look, f: Shown): boolean => (!f.camera || camerasOf(l.cameras).ids.includes(f.camera)) && (!f.who || l.who === f.who);

export function LookedPage() {
    const s = proof.value;
    const t = story.value;
    const tick = useSignal(0);
    useEffect(() => {
        lookAgain();
        const timer = setInterval(() => tick.value++, 10_000);
        return () => clearInterval(timer);
    }, []);
    void tick.value;
    const q = route.value.query;
    const [camera, who] = [q.get("camera") ?? "", q.get("who") ?? ""];
    const filter: Shown = {
        camera: household.value?.cameras.some((c) => c.id === camera) ? camera : "", who: t?.looks.some((l) => l.who === who) ? who : "",
    };
    if (s?.failure) return <Page title="Who looked?"><FailurePage of={s.failure} /></Page>;
    const by = q.get("by") ?? "";
    const any = t !== null && t.looks.length > 0;
    return (
        <Page title="Who looked?" actions={any ? (
            <div class="segmented small" role="radiogroup" aria-label="Show">{VIEWS.map(([v, text]) => <label key={v} class={by === v ? "on" : ""}><input type="radio" name="by" checked={by === v} onChange={() => choose({ by: v })} />{text}</label>)}</div>
        ) : undefined}>
            <div class="looked">
                <ProofCard />
                {t && t.alarms.length > 0 && <Alarms of={t} />}
                {!t ? !s?.problem && <div class="skeleton" role="status" aria-label="Proving"><span /><span /></div> : !any ? <Nobody of={t} /> : by === "people" ? <ByPerson of={t} /> : by === "cameras" ? <ByCamera of={t} /> : <ByTime of={t} filter={filter} />}
            </div>
        </Page>
    );
}

function Nobody({ of: t }: { of: Story }) {
    return (
        <>
            <div class="empty looked-empty">
                <div class="empty-art" aria-hidden="true"><Icon name="eye" /></div>
                <h2>Nobody but you has looked</h2>
                <p>Every access would be listed here: by a link that you gave, by the people of your home, by a support desk you asked for help. Each is written down before anything opens, and this device proves that none is missing.</p>
                <div class="actions"><a class="button plain" href="#/shared">Shared links</a><a class="button plain" href="#/people">People</a></div>
            </div>
            <Allowed of={t} />
        </>
    );
}

function Alarms({ of: t }: { of: Story }) {
    const recent = t.alarms.filter((a) => now() - a.time < ALARM_DAYS * DAY);
    const acts = [...new Set(recent.map((a) => a.n))].reverse();
    if (acts.length === 0) return null;
    return (
        <section class="card alarms" aria-label="Unusual">
            <div class="card-head"><h2><Icon name="warn" /> Unusual</h2><span class="muted">{acts.length > 5 ? `5 of ${acts.length}, in ${ALARM_DAYS} days` : `In ${ALARM_DAYS} days`}</span></div>
            <ul>
                {acts.slice(0, 5).map((n) => {
                    const look = t.looks.find((l) => l.entry.n === n);
                    const of = recent.filter((a) => a.n === n);
                    return (
                        <li key={n}>
                            <span><strong>{look ? whoName(look) : "A member of the support desk"}</strong> {of.map(alarmWords).join(", and ")}</span>
                            <small class="muted">{sentenceCase(atWords(of[0]!.time))} · {of.length === 1 ? "rule" : "rules"} {of.map((a) => a.rule).join(" and ")}{look && <> · <a class="link" href={`#/looked?look=${n}`}>What was opened</a></>}</small>
                        </li>
                    );
                })}
            </ul>
            <p class="hint">Computed from the log, by rules that are the same for everybody. Unusual is not forbidden: ask the desk about it in your ticket, and end the access if you are in doubt.</p>
        </section>
    );
}

const sentenceCase = (t: string): string => t.charAt(0).toUpperCase() + t.slice(1);

/* ---- by time ---- */

function ByTime({ of: t, filter }: { of: Story; filter: Shown }) {
    const looks = t.looks.filter((l) => matches(l, filter));
    return (
        <>
            <Filters of={t} filter={filter} />
            {looks.length === 0 ? (
                <div class="empty small"><h2>Nobody looked here</h2><p>No access of this kind is in the log.</p><Button onClick={() => choose({ camera: null, who: null })}>Show all</Button></div>
            ) : (
                <>
                    <Strips looks={looks} />
                    <Rows looks={looks} grouped={!filter.who} />
                </>
            )}
            {!filter.camera && !filter.who && <Allowed of={t} />}
        </>
    );
}

/* Everybody who looked, with the name of their latest look. */
function people(t: Story): { who: string; name: string; looks: Look[] }[] {
    const all = new Map<string, Look[]>();
    for (const l of t.looks) all.set(l.who, [...(all.get(l.who) ?? []), l]);
    return [...all].map(([who, looks]) => ({ who, looks, name: whoName(looks.at(-1)!) })).sort((a, b) => b.looks.at(-1)!.begin - a.looks.at(-1)!.begin);
}

function Filters({ of: t, filter }: { of: Story; filter: Shown }) {
    const cameras = household.value?.cameras ?? [];
    const who = people(t);
    if (cameras.length < 2 && who.length < 2) return null;
    return (
        <div class="looked-filters">
            {cameras.length > 1 && (
                <label class={`pick ${filter.camera ? "on" : ""}`}><span class="sr">Camera</span>
                    <select value={filter.camera} onChange={(e) => choose({ camera: e.currentTarget.value })}><option value="">Every camera</option>{cameras.map((c) => <option key={c.id} value={c.id}>{c.profile.name}</option>)}</select><Icon name="down" />
                </label>
            )}
            {who.length > 1 && (
                <label class={`pick ${filter.who ? "on" : ""}`}><span class="sr">Who</span>
                    <select value={filter.who} onChange={(e) => choose({ who: e.currentTarget.value })}><option value="">Everybody</option>{who.map((p) => <option key={p.who} value={p.who}>{p.name}</option>)}</select><Icon name="down" />
                </label>
            )}
            {(filter.camera || filter.who) && <button type="button" class="link" onClick={() => choose({ camera: null, who: null })}>Show all</button>}
        </div>
    );
}

/* A week, a strip for each day; each look where it was. */
function Strips({ looks }: { looks: Look[] }) {
    const [back, setBack] = useState(0);
    const today = startOfDay(now());
    const newest = startOfDay(looks.at(-1)!.begin);
    const oldest = startOfDay(looks[0]!.begin);
    /* The days that have something, even when that was long ago. */
    const end = (today - newest < STRIP_DAYS * DAY ? today : newest) - back * STRIP_DAYS * DAY;
    const days = Array.from({ length: STRIP_DAYS }, (_, i) => startOfDay(end - i * DAY + DAY / 2));
    const kinds = [...new Set(looks.map((l) => kindOf(l.purpose)))];
    const earlier = oldest < days.at(-1)!;
    return (
        <section class="card strips" aria-label="When">
            <div class="card-head">
                <ul class="strip-legend">{kinds.map((k) => <li key={k}><i class={`of-${k}`} />{lookOf(k).name}</li>)}</ul>
                {(earlier || back > 0) && (
                    <div class="strip-turn">
                        <button type="button" class="tool" aria-label="A week earlier" disabled={!earlier} onClick={() => setBack(back + 1)}><Icon name="back" /></button>
                        <button type="button" class="tool" aria-label="A week later" disabled={back === 0} onClick={() => setBack(back - 1)}><Icon name="next" /></button>
                    </div>
                )}
            </div>
            <ol class="strip-days">
                {days.map((d) => <Strip key={d} day={d} looks={looks.filter((l) => startOfDay(l.begin) === d)} today={today} />)}
            </ol>
            <div class="strip-hours" aria-hidden="true">{["0", "6", "12", "18", "24"].map((h) => <span key={h}>{h}</span>)}</div>
        </section>
    );
}

function Strip({ day, looks, today }: { day: number; looks: Look[]; today: number }) {
    const at = now();
    const name = day === today ? "Today" : dayName(day);
    return (
        <li class="strip">
            <span class="strip-day">{name}</span>
            <div class="strip-line">
                {day === today && <i class="strip-now" style={{ left: `${((at - day) / DAY) * 100}%` }} />}
                {looks.map((l) => {
                    const long = Math.max(liveSeconds(l, at), 60);
                    const words = `${clockTime(l.begin)}: ${whoName(l)} ${didWhat(l, at)}`;
                    return <a key={l.entry.n} class={`strip-look of-${kindOf(l.purpose)}`} href={`#/looked?look=${l.entry.n}`} title={words} aria-label={words} style={{ left: `min(${((l.begin - day) / DAY) * 100}%, calc(100% - 5px))`, width: `${(long / DAY) * 100}%` }} />;
                })}
            </div>
            <span class="strip-count num muted">{looks.length || ""}</span>
        </li>
    );
}

/* A member opens the app many times a day: that is one row of the day. */
interface Row {
    looks: Look[];
    time: number;
}
function rowsOf(looks: Look[], grouped: boolean): Row[] {
    const rows: Row[] = [];
    const together = new Map<string, Row>();
    for (const l of [...looks].reverse()) {
        const key = `${startOfDay(l.begin)}/${l.who}/${camerasOf(l.cameras).words}`;
        const row = grouped && l.purpose === "member" ? together.get(key) : undefined;
        if (row) row.looks.push(l);
        else {
            const made = { looks: [l], time: l.begin };
            rows.push(made);
            if (l.purpose === "member") together.set(key, made);
        }
    }
    return rows;
}

function Rows({ looks, grouped }: { looks: Look[]; grouped: boolean }) {
    const [all, setAll] = useState(false);
    const opened = Number(route.value.query.get("look") ?? -1);
    const rows = rowsOf(looks, grouped);
    const shown = all || rows.findIndex((r) => r.looks.some((l) => l.entry.n === opened)) >= SHOWN ? rows : rows.slice(0, SHOWN);
    const days = new Map<number, Row[]>();
    for (const r of shown) days.set(startOfDay(r.time), [...(days.get(startOfDay(r.time)) ?? []), r]);
    return (
        <>
            {[...days].map(([day, list]) => (
                <section class="looked-day" key={day} aria-label={isToday(day) ? "Today" : longDay(day)}>
                    <h2>{isToday(day) ? "Today" : longDay(day)}</h2>
                    <ul class="card flush look-list">{list.map((r) => <LookRow key={r.looks[0]!.entry.n} of={r} open={r.looks.some((l) => l.entry.n === opened)} />)}</ul>
                </section>
            ))}
            {shown.length < rows.length && <Button class="wide" onClick={() => setAll(true)}>Show {plural(rows.length - shown.length, "more", "more")}</Button>}
        </>
    );
}

function LookRow({ of: { looks }, open }: { of: Row; open: boolean }) {
    const l = looks[0]!;
    const ref = useRef<HTMLDetailsElement>(null);
    const at = now();
    const here = isWatching(l, at);
    useEffect(() => {
        if (open) ref.current?.scrollIntoView({ block: "center" });
    }, [open]);
    const live = looks.length > 1 ? looks.reduce((n, x) => n + liveSeconds(x, at), 0) : 0;
    return (
        <li>
            <details class={`look ${open ? "chosen" : ""}`} ref={ref} open={open}>
                <summary>
                    <span class={`look-mark of-${kindOf(l.purpose)}`} aria-hidden="true"><Icon name={lookOf(l.purpose).icon} /></span>
                    <span class="look-words">
                        <span><strong>{whoName(l)}</strong> {looks.length > 1 ? `opened ${camerasOf(l.cameras).words} ${looks.length} times${live > 0 ? `, and watched live for ${duration(live < 600 ? live : Math.round(live / 60) * 60)}` : ""}` : didWhat(l, at)}</span>
                        <small class="muted">{byWhat(l)}</small>
                    </span>
                    <span class="look-time num">{here ? <span class="pill live"><i class="dot" />Now</span> : minuteTime(l.begin)}</span>
                    <Icon name="down" />
                </summary>
                <Inside looks={looks} />
            </details>
        </li>
    );
}

function Inside({ looks }: { looks: Look[] }) {
    const l = looks[0]!;
    const seen = looks.flatMap((x) => x.live.flatMap((p) => (p.camera ? [p.camera] : [])));
    const { ids } = camerasOf(seen.length > 0 ? seen : l.cameras);
    const named = ids.map((id) => household.value?.cameras.find((c) => c.id === id)).filter((c) => c !== undefined);
    const link = l.purpose === "link" ? ["#/shared", "The link, and its end"] : l.purpose === "member" ? ["#/people", "People"] : l.purpose === "support" && l.ticket ? [`#/support/${l.ticket}`, "The ticket"] : null;
    const at = l.past ?? (l.live[0] ? { from: l.live[0].begin, to: l.live[0].end ?? l.end } : null);
    return (
        <div class="look-inside">
            <div class="actions start">
                {named.length > 1 && <span class="saw">See what they saw:</span>}
                {named.slice(0, 6).map((c) => <a class="button plain" key={c.id} href={at && at.from > 0 && at.from < now() ? `#/camera/${c.id}?t=${Math.floor(at.from)}` : `#/camera/${c.id}`}><Icon name="play" />{named.length > 1 ? c.profile.name : "See what they saw"}</a>)}
                {link && <a class="button quiet" href={link[0]!}>{link[1]}</a>}
            </div>
            <dl class="ledger">
                <div><dt>Began</dt><dd>{fullTime(l.begin)}</dd></div>
                {l.live.length > 0 && <div><dt>Live</dt><dd>{looks.flatMap((x) => x.live).slice(0, 12).map((p, i) => <span class="look-part" key={i}>{clockTime(p.begin)} to {p.end === null ? (isWatching(l, now()) ? "now" : "its end, which is not logged") : clockTime(p.end)}</span>)}</dd></div>}
                {l.past && l.past.to - l.past.from < 400 * DAY && <div><dt>Could open</dt><dd>{fullTime(l.past.from)} to {fullTime(l.past.to)}</dd></div>}
            </dl>
            <details class="look-proof">
                <summary><Icon name="check" />The proof</summary>
                <ol>{looks.flatMap((x) => x.entries).slice(0, 40).map((e) => <EntryRow key={e.n} of={e} />)}</ol>
            </details>
        </div>
    );
}

function EntryRow({ of: e }: { of: OwnEntry }) {
    return (
        <li class="entry">
            <div><code>{e.kind}</code> <span class="muted">{fullTime(e.time)}</span></div>
            <dl class="ledger small">
                <div><dt>Your entry</dt><dd class="num">{e.n}, entry {e.index.toLocaleString()} of the log</dd></div>
                {e.details.grant && <div><dt>Grant</dt><dd><code>{e.details.grant}</code></dd></div>}
                {e.actor && <div><dt>Actor</dt><dd><code>{e.actor}</code></dd></div>}
                {e.details.key && <div><dt>Key</dt><dd><code>{e.details.key}</code></dd></div>}
            </dl>
        </li>
    );
}

/* ---- by person, by camera ---- */

function Sum({ looks }: { looks: Look[] }) {
    const live = looks.reduce((n, l) => n + liveSeconds(l, now()), 0);
    const last = looks.at(-1)!;
    return <small class="muted">{plural(looks.length, "time")}{live > 0 ? `, ${duration(live < 600 ? live : Math.round(live / 60) * 60)} live` : ""} · last {isToday(last.begin) ? `today, ${minuteTime(last.begin)}` : dayName(last.begin)}</small>;
}

function ByPerson({ of: t }: { of: Story }) {
    return (
        <ul class="card flush look-list">
            {people(t).map(({ who, name, looks }) => (
                <li key={who}>
                    <a class="look-sum" href={`#/looked?who=${who}`}>
                        <span class={`look-mark of-${kindOf(looks.at(-1)!.purpose)}`} aria-hidden="true"><Icon name={lookOf(looks.at(-1)!.purpose).icon} /></span>
                        <span class="look-words"><strong>{name}</strong><Sum looks={looks} /></span>
                        <span class="look-cameras muted">{camerasOf(looks.flatMap((l) => l.cameras)).words}</span>
                        <Icon name="next" />
                    </a>
                </li>
            ))}
        </ul>
    );
}

function ByCamera({ of: t }: { of: Story }) {
    return (
        <ul class="card flush look-list">
            {(household.value?.cameras ?? []).map((c) => {
                const looks = t.looks.filter((l) => camerasOf(l.cameras).ids.includes(c.id));
                const names = [...new Set([...looks].reverse().map(whoName))];
                const inner = (
                    <>
                        <span class="look-mark" aria-hidden="true"><Icon name="photo" /></span>
                        <span class="look-words"><strong>{c.profile.name}</strong>{looks.length > 0 ? <Sum looks={looks} /> : <small class="muted">Nobody but you</small>}</span>
                        <span class="look-cameras muted">{names.slice(0, 3).join(", ")}{names.length > 3 ? ` and ${names.length - 3} more` : ""}</span>
                    </>
                );
                return <li key={c.id}>{looks.length > 0 ? <a class="look-sum" href={`#/looked?camera=${c.id}`}>{inner}<Icon name="next" /></a> : <div class="look-sum">{inner}</div>}</li>;
            })}
        </ul>
    );
}

/* What was given and ended: not a look, but it belongs to the proof. */
const SUCCEED = "household.succeed";
const GIVEN: Record<string, string> = { [SUCCEED]: "", "grant.create": "You gave", "grant.cancel": "It did not come to be:", "grant.revoke": "You ended", "grant.expire": "It ended by itself:" };
function Allowed({ of: t }: { of: Story }) {
    const given = t.entries.filter((e) => e.kind in GIVEN).reverse();
    if (given.length === 0) return null;
    const words = (e: OwnEntry): string => (e.kind === SUCCEED ? "An owner was removed, and your home got new keys" : `${GIVEN[e.kind]} ${name(e)}`);
    const name = (e: OwnEntry): string => {
        const g = t.grants[e.details.grant ?? ""];
        const purpose = g?.purpose ?? e.details.purpose ?? "";
        const what = purpose === "link" ? "a link" : purpose === "member" ? "access to your home" : purpose === "support" ? "access for support" : "access";
        const cameras = e.details.cameras?.length ? `, ${camerasOf(e.details.cameras).words}` : "";
        return `${what}${g?.name ? ` for ${g.name}` : ""}${cameras}`;
    };
    return (
        <details class="card given">
            <summary>What you allowed and ended <span class="muted">({given.length})</span></summary>
            <ul>{given.slice(0, 200).map((e) => <li key={e.n}><span>{words(e)}</span><small class="muted num">{isToday(e.time) ? minuteTime(e.time) : `${shortDay(e.time)}, ${minuteTime(e.time)}`}</small></li>)}</ul>
        </details>
    );
}
