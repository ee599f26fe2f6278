/* Follows a ticket: what is new comes as it is said. For the owner's page and the desk's. */
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../shared/errors.ts";
import type { Said } from "../shared/thread.ts";

export interface Followed {
    ticket: string;
    state: "open" | "closed";
    said: Said[];
    grants: string[];
    former?: boolean;
}

const WAIT_S = 20;
const AGAIN_MS = 3000;

/* `read(id, after, wait)`: what was said after a message, at the latest after `wait` s. */
export function useThread(id: string, read: (id: string, after: number, wait: number) => Promise<Followed>): { thread: Followed | null; problem: string | null } {
    const [thread, setThread] = useState<Followed | null>(null);
    const [problem, setProblem] = useState<string | null>(null);
    useEffect(() => {
        let gone = false;
        const follow = async (): Promise<void> => {
            let held: Followed | null = null;
            while (!gone) {
                try {
                    const after: number = held?.said.at(-1)?.n ?? 0;
                    const more: Followed = await read(id, after, held ? WAIT_S : 0);
                    const said: Said[] = held ? [...held.said, ...more.said.filter((s) => s.n > after)] : more.said;
                    held = { ...more, said };
                    if (!gone) {
                        setThread(held);
                        setProblem(null);
                    }
                } catch (e) {
                    if (!gone) setProblem(messageOf(e));
                    await new Promise((r) => setTimeout(r, AGAIN_MS));
                }
            }
        };
        void follow();
        return () => {
            gone = true;
        };
    }, [id]);
    return { thread, problem };
}
