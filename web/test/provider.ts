/* A provider, for tests: what `cardea staff init`, `add` and `certify` do, by the pages' own code. */
import { Api } from "../shared/api.ts";
import { boxPublic } from "../shared/box.ts";
import { b64, random, unb64, utf8, type Bytes } from "../shared/bytes.ts";
import { sha256 } from "../shared/hash.ts";
import { formatCode } from "../shared/hub.ts";
import { newSignKey, seal, sign, type SignKey } from "../shared/sign.ts";
import { sealDeskKey, sealStaffCertificate, type Role } from "../shared/staff.ts";

interface Member {
    number: number;
    name: string;
    roles: Role[];
    state: string;
    sign: string;
    box: string;
}

export class Provider {
    private constructor(
        readonly name: string,
        readonly staff: SignKey,
        readonly desk: Bytes,
        readonly statement: Bytes, /* what the vault is given: --staff-key */
    ) {}

    static async make(name: string): Promise<Provider> {
        const staff = await newSignKey();
        const desk = random(32);
        const json = { v: 1, staff: b64(staff.public), desk: b64(await boxPublic(desk)), name, time: Math.floor(Date.now() / 1000) };
        return new Provider(name, staff, desk, await seal(staff, "cardea/1 staff key", utf8(JSON.stringify(json))));
    }

    /* Node's fetch takes whole addresses. */
    private api(url: string): Api {
        const api = new Api();
        api.useAccess(async () => {
            const { challenge } = await api.get<{ challenge: string }>(`${url}/v1/access/challenge`, { who: "nobody" });
            const signature = b64(await sign(this.staff, "cardea/1 staff access", unb64(challenge)));
            return api.send("POST", `${url}/v1/staff/provider`, { who: "nobody", json: { challenge, signature } });
        });
        return api;
    }

    async invite(url: string, name: string, roles: Role[]): Promise<string> {
        const code = random(10);
        await this.api(url).send("POST", `${url}/v1/staff/invites`, { json: { name, roles, code_hash: b64(sha256(code)) } });
        return formatCode(code);
    }

    async list(url: string): Promise<Member[]> {
        return (await this.api(url).get<{ staff: Member[] }>(`${url}/v1/staff`)).staff;
    }

    async certify(url: string, name: string): Promise<void> {
        const m = (await this.list(url)).find((x) => x.name === name && x.state === "requested")!;
        const now = Math.floor(Date.now() / 1000);
        const certificate = await sealStaffCertificate(this.staff, { number: m.number, name, roles: m.roles, sign: unb64(m.sign), box: unb64(m.box), from: now - 60, expires: now + 86_400 });
        const desk = b64(await sealDeskKey(unb64(m.box), this.desk));
        await this.api(url).send("POST", `${url}/v1/staff/certificates`, { json: { certificate: b64(certificate), desk } });
    }
}

/* RFC 6238, as an authenticator app computes it. */
export async function totp(secret32: string, at: number): Promise<string> {
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const bits = [...secret32.replace(/=+$/, "")].map((c) => letters.indexOf(c).toString(2).padStart(5, "0")).join("");
    const key = Uint8Array.from({ length: Math.floor(bits.length / 8) }, (_, i) => parseInt(bits.slice(8 * i, 8 * i + 8), 2));
    const counter = new Uint8Array(8);
    new DataView(counter.buffer).setBigUint64(0, BigInt(Math.floor(at / 30)));
    const hmacKey = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", hmacKey, counter));
    const offset = mac[19]! & 15;
    const n = new DataView(mac.buffer).getUint32(offset) & 0x7fffffff;
    return String(n % 1_000_000).padStart(6, "0");
}
