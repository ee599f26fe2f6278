/* What an administrator watches: who is of the staff, what was unusual, and how much is done. Never a ticket, never a picture. */
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../shared/errors.ts";
import { fullTime, localDate } from "../owner/format.ts";
import { Icon, Message, Page, sentence } from "../owner/ui.tsx";
import { client } from "./state.ts";
import type { Alarm, Colleague, Report } from "./worker.ts";

function useLoaded<T>(load: () => Promise<T>, everyMs = 15_000): { value: T | null; problem: string | null } {
    const [value, setValue] = useState<T | null>(null);
    const [problem, setProblem] = useState<string | null>(null);
    useEffect(() => {
        const ask = (): void => void load().then((v) => (setValue(v), setProblem(null)), (e) => setProblem(messageOf(e)));
        ask();
        const timer = setInterval(ask, everyMs);
        return () => clearInterval(timer);
    }, []);
    return { value, problem };
}

const Failed = ({ what, why }: { what: string; why: string }) => <Message kind="warn" title={`${what} could not be read`}>{sentence(why)}</Message>;
const STATES: Record<Colleague["state"], [string, string]> = { invited: ["Invited", ""], requested: ["Waits for a certificate", "warn"], certified: ["Certified", "good"], expired: ["Expired", "warn"], revoked: ["Revoked", "bad"] };

export function StaffPage() {
    const { value, problem } = useLoaded(() => client.staff());
    return (
        <Page title="Staff">
            {problem && <Failed what="The staff" why={problem} />}
            {value && value.length === 0 && <div class="empty"><span class="empty-art"><Icon name="person" /></span><h2>Nobody yet</h2><p>Whoever holds the staff key invites people: <code>cardea staff add NAME --role agent</code></p></div>}
            {value && value.length > 0 && (
                <section class="card">
                    <div class="scroll">
                        <table>
                            <thead><tr><th scope="col">Number</th><th scope="col">Name</th><th scope="col">Roles</th><th scope="col">State</th><th scope="col">Since</th><th scope="col">Until</th></tr></thead>
                            <tbody>
                                {value.map((c) => (
                                    <tr key={c.number}>
                                        <td>{c.number}</td><th scope="row">{c.name}</th><td>{c.roles.join(", ")}</td>
                                        <td><span class={`pill ${STATES[c.state][1]}`}>{STATES[c.state][0]}</span></td>
                                        <td>{fullTime(c.since)}</td><td>{c.expires ? fullTime(c.expires) : "–"}</td>
                                    </tr>
                                ))}
                            </tbody>
                        </table>
                    </div>
                    <p class="muted">Inviting, certifying and revoking need the staff key, which no portal has: <code>cardea staff</code></p>
                </section>
            )}
        </Page>
    );
}

const RULES: Record<number, [string, (v: number) => string]> = {
    1: ["Many openings", (v) => `${v} grants were opened in an hour`],
    2: ["At night", () => "A grant was opened between 00:00 and 05:00"],
    3: ["The same home again", (v) => `One household's grants were opened on ${v} days of 30`],
    4: ["A wide look", (v) => `A grant of ${v} cameras or minutes was opened`],
    5: ["Without a ticket", () => "A grant was opened, or tried, without an open ticket"],
    6: ["Often refused", (v) => `${v} requests were refused in an hour`],
};

export function AlarmsPage() {
    const { value, problem } = useLoaded<Alarm[]>(() => client.alarms());
    return (
        <Page title="Alarms">
            {problem && <Failed what="Alarms" why={problem} />}
            {value && value.length === 0 && <div class="empty"><span class="empty-art"><Icon name="bell" /></span><h2>Nothing unusual</h2><p>Six rules watch the public log for haste, odd hours, repetition, wide scope, missing tickets and refusals. Agents whom you certified yourself are watched by another administrator.</p></div>}
            {value && value.length > 0 && (
                <ul class="card flush">
                    {value.map((a) => {
                        const [title, words] = RULES[a.rule] ?? [`Rule ${a.rule}`, (v: number) => String(v)];
                        return (
                            <li key={a.number} class="setting">
                                <span class="setting-icon bad"><Icon name="warn" /></span>
                                <span class="setting-words"><strong>{title}: {a.name ?? <code>{a.actor.slice(0, 8)}</code>}</strong><small class="muted">{words(a.value)}</small></span>
                                <span class="muted num desk-age">{fullTime(a.time)}</span>
                            </li>
                        );
                    })}
                </ul>
            )}
        </Page>
    );
}

const KINDS: Record<string, string> = { "grant.use": "Grants opened", "grant.create": "Grants made", "grant.revoke": "Grants ended", "live.begin": "Live views", "staff.certify": "Certified", "staff.revoke": "Revoked", "admin.act": "Acts of administrators", "admin.refused": "Refused" };

export function ReportPage() {
    const { value, problem } = useLoaded<Report>(() => client.report());
    const days = [...new Set(value?.days.map((d) => d.day) ?? [])].sort().reverse();
    return (
        <Page title="Report">
            {problem && <Failed what="The report" why={problem} />}
            {value && days.length === 0 && <div class="empty"><span class="empty-art"><Icon name="chart" /></span><h2>Nothing was done yet</h2><p>Counts by day and member of staff come from the public log: anybody can count them again with <code>cardea log report</code></p></div>}
            {days.map((day) => (
                <section class="card" key={day}>
                    <h2>{localDate(day)}</h2>
                    <dl class="facts">
                        {value!.days.filter((d) => d.day === day).map((d) => <div key={`${d.actor}${d.kind}`}><dt>{d.name ?? <code>{d.actor.slice(0, 8)}</code>}, {KINDS[d.kind] ?? d.kind}</dt><dd class="num">{d.count}</dd></div>)}
                    </dl>
                </section>
            ))}
        </Page>
    );
}
